//! Placements and routes: where an object belongs, and where it is.

use crate::{Attribute, CodecRecord, Envelope, Kind};
use serde::{Deserialize, Serialize};
use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// Where an object belongs: the resolve stage's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placement {
    /// The instance.
    pub framedb_id: Arc<str>,
    /// How to keep it there.
    pub kind: Kind,
    /// Another key than the sender's.
    pub key: Option<String>,
    /// How long to keep it.
    pub time_to_live: Option<Duration>,
}

impl Placement {
    /// The native identity of the resolve stage: what the sender named, else the defaults.
    pub fn asked(envelope: &Envelope, kind: Kind, instance: impl FnOnce(Kind) -> Arc<str>) -> Self {
        let kind = envelope.kind.unwrap_or(kind);
        let framedb_id = envelope.framedb_id.clone().unwrap_or_else(|| instance(kind));
        Self { framedb_id, kind, key: None, time_to_live: None }
    }

    /// Whether a plugin chose where an object belongs, and not its sender.
    #[must_use]
    pub fn is_chosen(&self, envelope: &Envelope) -> bool {
        self.key.is_some() || envelope.framedb_id.as_ref() != Some(&self.framedb_id)
    }
}

/// An instance, and how an object is kept there.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Place {
    /// The instance.
    pub framedb_id: Arc<str>,
    /// How it is kept there.
    pub kind: Kind,
}

/// Where an object or a queue is, and what readers need to know of it.
///
/// One key has one route: storing it under another kind or instance moves it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Route {
    /// The instance that holds it.
    pub framedb_id: Arc<str>,
    /// How it is kept.
    pub kind: Kind,
    /// The payload's length in bytes, before serialization; of a queue 0. Unknown where a client
    /// wrote the data itself and did not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// The sender's metadata.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub metadata: Arc<str>,
    /// Whether the metadata was sent as a JSON value rather than as text, so that it is given
    /// back as one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub metadata_is_json: bool,
    /// Other places that hold the same bytes.
    #[serde(default, skip_serializing_if = "<[Place]>::is_empty")]
    pub copies: Arc<[Place]>,
    /// Declared or found content type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<Arc<str>>,
    /// What plugins added.
    #[serde(default, skip_serializing_if = "<[Attribute]>::is_empty")]
    pub attributes: Arc<[Attribute]>,
    /// The codec of the stored bytes; none when they are the sender's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub codec: Option<CodecRecord>,
    /// The codec of bytes that are just being written over the current ones. A reader takes
    /// the record whose checksum matches; the commit drops the old one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<CodecRecord>,
    /// Whether the elements of this queue are kept without frames, and so never decoded.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unframed: bool,
    /// Grows with every write of this key, across restarts.
    pub generation: u64,
    /// Milliseconds since the Unix epoch after which the object is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<u64>,
    /// Milliseconds since the Unix epoch of the write; 0 where a foreign registry does not say.
    pub stored_at: u64,
}

/// Who wrote the bytes found under a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writer<'a> {
    /// The sender: they are as they were sent.
    Sender,
    /// This codec.
    Codec(&'a CodecRecord),
    /// Neither: a foreign writer, or a write newer than this copy of the route.
    Foreign,
}

impl Route {
    /// The place that writers write to.
    #[must_use]
    pub fn place(&self) -> Place {
        Place { framedb_id: self.framedb_id.clone(), kind: self.kind }
    }

    /// Whether the object is gone at `now`.
    #[must_use]
    pub fn expired(&self, now: SystemTime) -> bool {
        self.expires_at.is_some_and(|at| at <= Self::millis(now))
    }

    /// A moment as routes hold it: milliseconds since the Unix epoch.
    #[must_use]
    pub fn millis(at: SystemTime) -> u64 {
        let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    /// Whether two routes lead to the same bytes.
    #[must_use]
    pub fn shares_bytes(&self, other: &Self) -> bool {
        let is_queue = |route: &Self| route.kind == Kind::Stream;
        self.framedb_id == other.framedb_id && is_queue(self) == is_queue(other)
    }

    /// Whether storing this route moves its key away from `old`.
    #[must_use]
    pub fn moves_from(&self, old: &Self) -> bool {
        old.framedb_id != self.framedb_id || old.kind != self.kind
    }

    /// Whether the registered route of a queue says all that this one would: a push then registers
    /// nothing.
    #[must_use]
    pub fn says_no_more_than(&self, old: &Self) -> bool {
        !self.moves_from(old)
            && old.metadata == self.metadata
            && old.content_type == self.content_type
            && old.attributes == self.attributes
            && old.unframed == self.unframed
            && self.expires_at.is_none()
    }

    /// Who wrote `stored`, the bytes found under this route.
    #[must_use]
    pub fn writer_of(&self, stored: &[u8]) -> Writer<'_> {
        let records = [self.codec.as_ref(), self.next.as_ref()];
        match records.into_iter().flatten().find(|record| record.matches(stored)) {
            Some(record) => Writer::Codec(record),
            None if self.codec.is_none() => Writer::Sender,
            None => Writer::Foreign,
        }
    }
}
