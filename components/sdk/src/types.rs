//! What every stage shares: the records of the contract, with short ways to make them.

pub use crate::bindings::shared::framedb::edge::types::{
    Attribute, Description, Kind, Retry, Value,
};

/// An object without its bytes: a view of its batch, without copies.
///
/// [`Default`] has nothing in it, which is a short way to make one in a test.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Envelope<'a> {
    /// Stable over batches, replays and retries; state that a plugin keeps about an object
    /// belongs under this id, because a call may be repeated.
    pub id: &'a str,
    /// 1 on the first try, one more on each further one.
    pub attempt: u32,
    /// The key, or for `stream` the queue's name: 1 to 255 bytes, no control characters.
    pub key: &'a str,
    /// Who produced the object, a camera for instance; empty when nobody said.
    pub source: &'a str,
    /// The kind that the sender asked for.
    pub kind: Option<Kind>,
    /// The FrameDB instance that the sender named.
    pub framedb_id: Option<&'a str>,
    /// The declared content type, or the one that an ingest plugin found.
    pub content_type: Option<&'a str>,
    /// The sender's metadata: opaque text, often JSON; empty when there is none.
    pub metadata: &'a str,
    /// What plugins have added so far.
    pub attributes: &'a [Attribute],
    /// Length of the payload in bytes.
    pub size: u64,
}

/// An object with its bytes: a view of its batch, without copies.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Object<'a> {
    /// Everything but the bytes.
    pub envelope: Envelope<'a>,
    /// The payload.
    pub data: &'a [u8],
}

impl Attribute {
    /// An attribute; the name is 1 to 64 lower-case letters, digits and hyphens.
    #[must_use]
    pub fn new(name: impl Into<String>, value: impl Into<Value>) -> Self {
        Self { name: name.into(), value: value.into() }
    }
}

impl Retry {
    /// A retry at the time that the node's backoff chooses.
    #[must_use]
    pub fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), after: None }
    }
}

impl Kind {
    /// The kind's name in settings and on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InMemory => "in-memory",
            Self::Storage => "storage",
            Self::Stream => "stream",
        }
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Self::Integer(number.into())
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Real(number)
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Self::Boolean(truth)
    }
}
