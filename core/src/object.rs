//! `Object`: what a sender hands over, and what the stages see of it.

use crate::{Attribute, Facts, Key, limits::MAX_METADATA};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr, sync::Arc};

/// Where FrameDB keeps an object; the wire names are those of the existing clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Volatile, read by key.
    InMemory,
    /// Durable, read by key.
    Storage,
    /// A queue; each element is read once, the oldest first.
    Stream,
}

/// A kind that is none of the three.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown kind {0:?}: one of in-memory, storage, stream")]
pub struct UnknownKind(pub String);

impl Kind {
    /// The name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InMemory => "in-memory",
            Self::Storage => "storage",
            Self::Stream => "stream",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Kind {
    type Err = UnknownKind;

    fn from_str(text: &str) -> Result<Self, UnknownKind> {
        match text {
            "in-memory" => Ok(Self::InMemory),
            "storage" => Ok(Self::Storage),
            "stream" => Ok(Self::Stream),
            other => Err(UnknownKind(other.chars().take(64).collect())),
        }
    }
}

/// An object without its bytes.
///
/// Its texts are shared, so that a clone costs counters and no copies.
#[derive(Debug, Clone, PartialEq)]
pub struct Envelope {
    /// Stable over batches, replays and retries.
    pub id: Arc<str>,
    /// 1 on the first try.
    pub attempt: u32,
    /// The key, or the queue's name.
    pub key: Key,
    /// Who produced the object; empty when nobody said.
    pub source: Arc<str>,
    /// The kind the sender asked for.
    pub kind: Option<Kind>,
    /// The instance the sender named.
    pub framedb_id: Option<Arc<str>>,
    /// Declared by the sender or found by a plugin.
    pub content_type: Option<Arc<str>>,
    /// The sender's opaque text.
    pub metadata: Arc<str>,
    /// What plugins have added.
    pub attributes: Arc<[Attribute]>,
}

impl Envelope {
    /// What rules look at, of an object with `size` bytes of payload.
    #[must_use]
    pub fn facts(&self, size: u64) -> Facts<'_> {
        Facts {
            key: self.key.as_str(),
            source: &self.source,
            kind: self.kind,
            framedb_id: self.framedb_id.as_deref(),
            content_type: self.content_type.as_deref(),
            size,
        }
    }
}

/// An object with its bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct Object {
    /// Everything but the bytes.
    pub envelope: Envelope,
    /// The payload.
    pub data: Bytes,
}

/// Metadata over its limit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MetadataError {
    /// Too many bytes.
    #[error("{0} bytes of metadata, more than the {MAX_METADATA} an object may have")]
    TooLong(usize),
    /// Not text.
    #[error("the metadata is not UTF-8")]
    NotUtf8,
}

/// Checks the sender's metadata: any text up to 64 KiB.
///
/// # Errors
///
/// When it is longer, or not UTF-8.
pub fn check_metadata(bytes: &[u8]) -> Result<&str, MetadataError> {
    if bytes.len() > MAX_METADATA {
        return Err(MetadataError::TooLong(bytes.len()));
    }
    std::str::from_utf8(bytes).map_err(|_| MetadataError::NotUtf8)
}

/// The content type that a sender declared, if it did: the types that HTTP libraries send on
/// their own count as undeclared.
#[must_use]
pub fn declared(content_type: &str) -> Option<&str> {
    let content_type = content_type.trim();
    let essence = essence(content_type);
    let undeclared = essence.is_empty()
        || essence.eq_ignore_ascii_case("application/octet-stream")
        || essence.eq_ignore_ascii_case("application/x-www-form-urlencoded");
    (!undeclared).then_some(content_type)
}

/// A content type without its parameters: `text/csv` of `text/csv; charset=utf-8`.
#[must_use]
pub fn essence(content_type: &str) -> &str {
    content_type.split(';').next().unwrap_or_default().trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_libraries_send_by_themselves_is_undeclared() {
        assert_eq!(declared("application/x-www-form-urlencoded"), None);
        assert_eq!(declared("application/octet-stream; x=1"), None);
        assert_eq!(declared(""), None);
        assert_eq!(declared(" image/jpeg "), Some("image/jpeg"));
    }

    #[test]
    fn kinds_round_trip_and_others_are_named() {
        for kind in [Kind::InMemory, Kind::Storage, Kind::Stream] {
            assert_eq!(kind.as_str().parse(), Ok(kind));
        }
        assert!("queue".parse::<Kind>().unwrap_err().to_string().contains("\"queue\""));
    }

    #[test]
    fn metadata_is_any_text_up_to_its_limit() {
        assert_eq!(check_metadata(b"{'a': None}"), Ok("{'a': None}"));
        assert_eq!(check_metadata(&vec![b'x'; 65537]), Err(MetadataError::TooLong(65537)));
        assert_eq!(check_metadata(b"\xff"), Err(MetadataError::NotUtf8));
    }
}
