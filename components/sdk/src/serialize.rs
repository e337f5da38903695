//! The serialize stage: turns objects into the bytes that a store keeps, and back.

pub use crate::bindings::serialize::exports::framedb::edge::serialize::{
    Decoded, Encoded, Formats, Stored, Verdict,
};
pub use crate::types::{Attribute, Envelope, Kind, Object, Retry, Value};
use serde::de::DeserializeOwned;

/// A plugin of the serialize stage.
///
/// - What `encode` wrote under a format, `decode` of every later version of the plugin must
///   read. Another layout is another major version: `lz4/2`.
/// - [`new`](Self::new) runs once in each plugin instance. What `&self` keeps in cells is a
///   cache: instances come and go, and each sees a part of the objects.
/// - `decode` meets bytes from disks and networks; it refuses what it cannot read, and bounds
///   what it allocates.
#[allow(async_fn_in_trait, reason = "a plugin instance has one thread")]
pub trait Serialize: Sized + 'static {
    /// The plugin's name without its stage, such as `lz4`; its settings begin with it.
    const NAME: &'static str;

    /// The formats that `encode` may answer with; empty when it never changes bytes.
    const WRITES: &'static [&'static str];

    /// The formats that `decode` understands, all written ones among them.
    const READS: &'static [&'static str] = Self::WRITES;

    /// What the operator sets; `()` for nothing. See [`settings`](crate::settings).
    type Settings: DeserializeOwned;

    /// Makes the plugin of its settings.
    ///
    /// # Errors
    ///
    /// Says which setting is wrong and what is expected; the node then refuses the plugin.
    fn new(settings: Self::Settings) -> Result<Self, String>;

    /// Serializes one object.
    async fn encode(&self, object: Object<'_>) -> Verdict;

    /// Restores one payload.
    async fn decode(&self, stored: Stored) -> Decoded;

    /// Serializes a batch: one verdict per object, in the order given.
    async fn encode_batch(&self, batch: Vec<Object<'_>>) -> Vec<Verdict> {
        let mut verdicts = Vec::with_capacity(batch.len());
        for object in batch {
            verdicts.push(self.encode(object).await);
        }
        verdicts
    }

    /// Restores payloads: one answer per stored object, in the order given.
    async fn decode_batch(&self, batch: Vec<Stored>) -> Vec<Decoded> {
        let mut answers = Vec::with_capacity(batch.len());
        for stored in batch {
            answers.push(self.decode(stored).await);
        }
        answers
    }
}

impl Verdict {
    /// These bytes are stored, written in this format.
    #[must_use]
    pub fn bytes(format: impl Into<String>, data: Vec<u8>) -> Self {
        Self::Bytes(Encoded { format: format.into(), data })
    }

    /// It cannot be serialized, and the sender is told why.
    #[must_use]
    pub fn reject(reason: impl Into<String>) -> Self {
        Self::Reject(reason.into())
    }

    /// It cannot be serialized now.
    #[must_use]
    pub fn retry(reason: impl Into<String>) -> Self {
        Self::Retry(Retry::new(reason))
    }
}

impl Decoded {
    /// The bytes are not of this format, and why.
    #[must_use]
    pub fn reject(reason: impl Into<String>) -> Self {
        Self::Reject(reason.into())
    }

    /// It cannot be decoded now.
    #[must_use]
    pub fn retry(reason: impl Into<String>) -> Self {
        Self::Retry(Retry::new(reason))
    }
}
