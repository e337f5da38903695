//! Objects to send, described fluently.

use bytes::Bytes;
use framedb_core::{Key, Kind};
use framedb_host::pipeline::Arrival;

/// An object with this key, whose payload is `payload of <key>`.
#[must_use]
pub fn arrival(key: &str) -> Arrival {
    Arrival {
        key: Bytes::copy_from_slice(key.as_bytes()),
        data: format!("payload of {key}").into(),
        ..Arrival::default()
    }
}

/// A key that is legal.
#[must_use]
pub fn key(text: &str) -> Key {
    Key::new(text).unwrap()
}

/// What a sender may say of an object.
#[allow(missing_docs, reason = "each sets the field of its name")]
pub trait Describe {
    #[must_use]
    fn id(self, id: &str) -> Self;
    #[must_use]
    fn to(self, framedb_id: &str) -> Self;
    #[must_use]
    fn kind(self, kind: Kind) -> Self;
    #[must_use]
    fn source(self, source: &str) -> Self;
    #[must_use]
    fn content_type(self, content_type: &str) -> Self;
    #[must_use]
    fn data(self, data: impl Into<Bytes>) -> Self;
    /// Metadata; for `misbehave` the orders of how to behave.
    #[must_use]
    fn meta(self, metadata: impl Into<Bytes>) -> Self;
    /// Orders `misbehave` one behaviour in one stage.
    #[must_use]
    fn order(self, stage: &str, behaviour: &str) -> Self;
}

impl Describe for Arrival {
    fn id(self, id: &str) -> Self {
        Self { id: id.into(), ..self }
    }

    fn to(self, framedb_id: &str) -> Self {
        Self { framedb_id: framedb_id.into(), ..self }
    }

    fn kind(self, kind: Kind) -> Self {
        Self { kind: Some(kind), ..self }
    }

    fn source(self, source: &str) -> Self {
        Self { source: source.into(), ..self }
    }

    fn content_type(self, content_type: &str) -> Self {
        Self { content_type: content_type.into(), ..self }
    }

    fn data(self, data: impl Into<Bytes>) -> Self {
        Self { data: data.into(), ..self }
    }

    fn meta(self, metadata: impl Into<Bytes>) -> Self {
        Self { metadata: metadata.into(), ..self }
    }

    fn order(self, stage: &str, behaviour: &str) -> Self {
        self.meta(format!("{{\"{stage}\":\"{behaviour}\"}}"))
    }
}
