//! `Record`: what a plugin was told while it failed on an object, so that it can be told the same
//! again where nothing of that is.

use super::{config::Limits, packed::unpack};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use std::{collections::BTreeMap, fmt, future::pending};

/// What a plugin was told in the call that failed. Secret settings are placeholders, also where
/// calls had them in their arguments or answers.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Record {
    /// The plugin's settings.
    pub settings: BTreeMap<String, String>,
    /// What its call was allowed to use.
    pub limits: Limits,
    /// Bytes that an object may have on the node.
    pub max_object: u64,
    /// What its random numbers follow from.
    pub seed: String,
    /// What it read of the wall clock, in nanoseconds since the Unix epoch.
    pub wall_clock: Vec<u64>,
    /// What it read of the monotonic clock, in nanoseconds.
    pub monotonic_clock: Vec<u64>,
    /// Its calls into capabilities, in the order in which they began.
    pub calls: Vec<HostCall>,
    /// Whether there was more than `limits.record` bytes of it.
    pub truncated: bool,
}

/// A call into a capability.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct HostCall {
    /// The interface with its version.
    pub interface: String,
    /// The function.
    pub function: String,
    /// Its arguments; handles are numbers. The digest of what is long.
    pub arguments: Value,
    /// What it answered.
    pub answer: Answer,
    /// What of a stream that it answered was taken.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<Value>,
    /// How that stream ended.
    #[serde(default, skip_serializing_if = "Answer::is_pending")]
    pub end: Answer,
}

/// What a call answered.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// Nothing before the plugin's own call ended.
    #[default]
    Pending,
    /// This.
    Given(Value),
    /// It ended the plugin's own call, and why.
    Failed(String),
    /// More than there was room for.
    Cut,
}

impl Answer {
    /// What the call is answered with again. One that had no answer before its plugin failed has
    /// none now.
    ///
    /// # Errors
    ///
    /// When it ended the plugin's own call, or the record has something of another form.
    pub(super) async fn told<T: DeserializeOwned>(self) -> wasmtime::Result<T> {
        match self {
            Self::Given(value) => unpack(value).map_err(|cause| {
                wasmtime::Error::new(cause).context("the record has an answer of another form")
            }),
            Self::Failed(text) => Err(wasmtime::Error::msg(text)),
            Self::Pending | Self::Cut => pending().await,
        }
    }

    pub(super) fn is_pending(&self) -> bool {
        matches!(self, Self::Pending)
    }
}

/// A call as `interface function [arguments]`.
impl fmt::Display for HostCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// Characters of arguments that a message shows.
        const SHOWN: usize = 200;
        let arguments = self.arguments.to_string();
        write!(f, "{} {} ", self.interface, self.function)?;
        match arguments.char_indices().nth(SHOWN) {
            Some((end, _)) => write!(f, "{}…", arguments.get(..end).unwrap_or_default()),
            None => f.write_str(&arguments),
        }
    }
}
