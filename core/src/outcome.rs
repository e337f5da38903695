//! Outcomes and receipts: what became of an object, and how that reads to its sender.

use crate::{Attribute, Format, Kind};
use serde::{Deserialize, Serialize};
use std::{fmt, sync::Arc, time::Duration};

/// A step on an object's path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// The door: limits, keys, metadata.
    Admission,
    /// The ingest plugins.
    Ingest,
    /// The resolve plugin.
    Resolve,
    /// The serialize plugin.
    Serialize,
    /// The write of the data.
    Sink,
    /// The write of the route.
    Registration,
}

impl Stage {
    /// All stages in the order of an object's path.
    pub const ALL: [Self; 6] = [
        Self::Admission,
        Self::Ingest,
        Self::Resolve,
        Self::Serialize,
        Self::Sink,
        Self::Registration,
    ];

    /// Its name in metrics, logs and messages.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Admission => "admission",
            Self::Ingest => "ingest",
            Self::Resolve => "resolve",
            Self::Serialize => "serialize",
            Self::Sink => "sink",
            Self::Registration => "registration",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Why an object was not stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureClass {
    /// The request breaks a rule: a key, a kind, an instance, a size.
    Invalid,
    /// The payload is larger than `max-object`.
    TooLarge,
    /// A plugin refused it.
    Reject,
    /// A plugin asked for retries until they ran out.
    Retry,
    /// A plugin failed on it.
    Trap,
    /// A plugin exceeded a limit on it.
    Limit,
    /// An engine or the registry failed.
    Unavailable,
    /// An engine or the registry refuses what the node asks of it, and would again: a right or a
    /// setting is missing there.
    Denied,
    /// What runs the pipeline cannot do it at all, as the Spin worker has no queues without a
    /// Redis.
    Unsupported,
    /// The node is full; it was not accepted.
    Busy,
    /// The deadline passed first; it may or may not be stored.
    Unknown,
}

impl FailureClass {
    /// Its name in metrics, logs and JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::TooLarge => "too-large",
            Self::Reject => "reject",
            Self::Retry => "retry",
            Self::Trap => "trap",
            Self::Limit => "limit",
            Self::Unavailable => "unavailable",
            Self::Denied => "denied",
            Self::Unsupported => "unsupported",
            Self::Busy => "busy",
            Self::Unknown => "unknown",
        }
    }

    /// The HTTP status that tells it.
    #[must_use]
    pub fn http_status(self) -> u16 {
        match self {
            Self::Invalid => 400,
            Self::TooLarge => 413,
            Self::Reject => 422,
            Self::Busy => 429,
            Self::Unsupported => 501,
            Self::Trap | Self::Limit | Self::Denied => 500,
            Self::Retry | Self::Unavailable => 503,
            Self::Unknown => 504,
        }
    }

    /// Whether the same request may succeed later, unchanged.
    #[must_use]
    pub fn is_temporary(self) -> bool {
        matches!(self, Self::Retry | Self::Unavailable | Self::Busy | Self::Unknown)
    }
}

impl fmt::Display for FailureClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Why and where an object was not stored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// The class, which the host acts on.
    pub class: FailureClass,
    /// Where it happened.
    pub stage: Stage,
    /// What happened, for a person: what was attempted, on what, and what to do.
    pub message: String,
    /// When to try again, where that is known.
    pub retry_after: Option<Duration>,
    /// The dead letter that keeps the object, if one does.
    pub dead_letter: Option<Arc<str>>,
}

impl Failure {
    /// A failure without a time to try again.
    #[must_use]
    pub fn new(class: FailureClass, stage: Stage, message: impl Into<String>) -> Self {
        Self { class, stage, message: message.into(), retry_after: None, dead_letter: None }
    }

    /// A request that breaks a rule of the door.
    #[must_use]
    pub fn invalid(message: impl fmt::Display) -> Self {
        Self::new(FailureClass::Invalid, Stage::Admission, message.to_string())
    }

    /// What senders are told: the message, and the dead letter where there is one.
    #[must_use]
    pub fn told(&self) -> String {
        match &self.dead_letter {
            Some(id) => format!("{} (dead letter {id})", self.message),
            None => self.message.clone(),
        }
    }
}

/// What became of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Stored and findable.
    Stored,
    /// Not stored, on purpose: a plugin dropped it for this reason.
    Dropped(String),
    /// Not stored, but kept as a dead letter, which its pipeline takes for a success.
    DeadLettered {
        /// The dead letter.
        id: Arc<str>,
        /// Why the object was not stored.
        reason: String,
    },
    /// Not stored.
    Failed(Failure),
}

impl Outcome {
    /// Its name in metrics: `stored`, `dropped`, `dead-lettered` or the class of the failure.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::Dropped(_) => "dropped",
            Self::DeadLettered { .. } => "dead-lettered",
            Self::Failed(failure) => failure.class.as_str(),
        }
    }

    /// Whether old clients see `success=true`.
    #[must_use]
    pub fn is_success(&self) -> bool {
        !matches!(self, Self::Failed(_))
    }

    /// The message for clients of `framedb.ObjectService`, without its ` (key=…)` suffix.
    #[must_use]
    pub fn message(&self) -> String {
        match self {
            Self::Stored => "Object stored and routed successfully".into(),
            Self::Dropped(reason) => format!("Object dropped: {reason}"),
            Self::DeadLettered { id, reason } => {
                format!("Object kept as dead letter {id}: {reason}")
            }
            Self::Failed(failure) => failure.told(),
        }
    }
}

/// Time spent in each stage, by [`Stage`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StageTimes([Duration; Stage::ALL.len()]);

impl StageTimes {
    /// Adds time to a stage.
    pub fn add(&mut self, stage: Stage, time: Duration) {
        if let Some(total) = self.0.get_mut(stage as usize) {
            *total += time;
        }
    }

    /// Time spent in one stage.
    #[must_use]
    pub fn get(&self, stage: Stage) -> Duration {
        self.0.get(stage as usize).copied().unwrap_or_default()
    }

    /// The stages in order, with their times.
    pub fn iter(&self) -> impl Iterator<Item = (Stage, Duration)> + '_ {
        Stage::ALL.into_iter().zip(self.0.iter().copied())
    }
}

/// The answer to a sender: what became of an object, and where it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Receipt {
    /// The object's id.
    pub id: Arc<str>,
    /// The key under which it is found; of an object refused at the door, what was sent.
    pub key: Arc<str>,
    /// What became of it.
    pub outcome: Outcome,
    /// Where it is, when stored.
    pub framedb_id: Option<Arc<str>>,
    /// How it is kept, when stored.
    pub kind: Option<Kind>,
    /// Bytes stored.
    pub stored_size: u64,
    /// The format of the stored bytes, when a serializer changed them.
    pub codec: Option<Format>,
    /// What plugins found.
    pub attributes: Arc<[Attribute]>,
    /// Whether the data reached the disk itself before this receipt (`true`), or is where the
    /// operating system, or the memory of the process, keeps it.
    pub synced: bool,
    /// Time per stage.
    pub times: StageTimes,
}
