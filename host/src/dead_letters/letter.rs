//! `DeadLetter`: what is kept of an object that could not be stored, beside its bytes.

use super::evidence::Recorded;
use framedb_core::{Attribute, Envelope, FailureClass, Key, Kind, Stage};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::{fmt::Write as _, sync::Arc};

/// Bytes of the digest that an id is made of: more than anybody could find two objects for.
const ID_BYTES: usize = 16;

/// An object that could not be stored, and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// Its id: the same for every failure of the same object; see [`letter_id`].
    pub id: Arc<str>,
    /// The object as it came through the door.
    pub object: Sent,
    /// Bytes of its payload.
    pub size: u64,
    /// The pipeline it was in.
    pub pipeline: Arc<str>,
    /// How many ingest plugins are behind it: not 0 only for a part of an object that one of
    /// them split.
    #[serde(default)]
    pub from: usize,
    /// Where it failed.
    pub stage: Stage,
    /// The plugin that failed on it, if one did.
    pub plugin: Option<Culprit>,
    /// What kind of failure it was.
    pub class: FailureClass,
    /// What happened, as its sender was told.
    pub error: String,
    /// Where the plugin was when it failed, innermost first, a frame a line.
    #[serde(default)]
    pub backtrace: Vec<String>,
    /// What is recorded of the call that failed, if its object was alone in it.
    #[serde(default)]
    pub recorded: Option<Recorded>,
    /// How often it was tried.
    pub attempts: u32,
    /// When it failed first, in milliseconds since the Unix epoch.
    pub first_at: u64,
    /// When it failed last.
    pub last_at: u64,
}

/// The plugin that failed on an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Culprit {
    /// Its name in the configuration.
    pub name: String,
    /// `sha256:<hex>` of its component.
    pub digest: String,
}

impl DeadLetter {
    /// Bytes that are kept beside it and its object.
    pub(super) fn beside(&self) -> u64 {
        self.recorded.map_or(0, |recorded| recorded.bytes)
    }
}

/// An envelope as its sender wrote it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sent {
    /// The object's id.
    pub id: Arc<str>,
    /// The key, or the queue's name.
    pub key: Key,
    /// Who produced it; empty when nobody said.
    pub source: Arc<str>,
    /// The kind that was asked for.
    pub kind: Option<Kind>,
    /// The instance that was named.
    pub framedb_id: Option<Arc<str>>,
    /// As declared.
    pub content_type: Option<Arc<str>>,
    /// The sender's opaque text.
    pub metadata: Arc<str>,
    /// Attributes of a part, which the plugin that split its object gave it.
    #[serde(default)]
    pub attributes: Arc<[Attribute]>,
}

impl From<Envelope> for Sent {
    fn from(envelope: Envelope) -> Self {
        Self {
            id: envelope.id,
            key: envelope.key,
            source: envelope.source,
            kind: envelope.kind,
            framedb_id: envelope.framedb_id,
            content_type: envelope.content_type,
            metadata: envelope.metadata,
            attributes: envelope.attributes,
        }
    }
}

impl Sent {
    /// The envelope to try again with, for the `attempt`th time.
    #[must_use]
    pub fn envelope(&self, attempt: u32) -> Envelope {
        let sent = self.clone();
        Envelope {
            id: sent.id,
            attempt,
            key: sent.key,
            source: sent.source,
            kind: sent.kind,
            framedb_id: sent.framedb_id,
            content_type: sent.content_type,
            metadata: sent.metadata,
            attributes: sent.attributes,
        }
    }
}

/// The id of an object's dead letter. It follows from the object's own id, so that a sender that
/// tries again finds the letter there is; the object's id itself may be any text. Senders that
/// count from one each have letters of their own, where they say who they are or have pipelines of
/// their own.
#[must_use]
pub fn letter_id(object_id: &str, source: &str, pipeline: &str) -> Arc<str> {
    let mut digest = Sha256::new();
    for part in [object_id, source, pipeline] {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    let digest = digest.finalize();
    let text = digest.iter().take(ID_BYTES).fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    });
    text.into()
}
