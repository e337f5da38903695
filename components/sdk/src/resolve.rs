//! The resolve stage: says where an object belongs. It sees envelopes only.

pub use crate::bindings::resolve::exports::framedb::edge::resolve::{Placement, Verdict};
pub use crate::types::{Attribute, Envelope, Kind, Retry, Value};
use serde::de::DeserializeOwned;

/// A plugin of the resolve stage.
///
/// - [`new`](Self::new) runs once in each plugin instance. What `&self` keeps in cells is a
///   cache: instances come and go, and each sees a part of the objects.
/// - An object may be placed more than once, and the answer should be the same: a key that
///   wanders leaves copies behind.
#[allow(async_fn_in_trait, reason = "a plugin instance has one thread")]
pub trait Resolve: Sized + 'static {
    /// The plugin's name without its stage, such as `rules`; its settings begin with it.
    const NAME: &'static str;

    /// What the operator sets; `()` for nothing. See [`settings`](crate::settings).
    type Settings: DeserializeOwned;

    /// Makes the plugin of its settings.
    ///
    /// # Errors
    ///
    /// Says which setting is wrong and what is expected; the node then refuses the plugin.
    fn new(settings: Self::Settings) -> Result<Self, String>;

    /// Places one object.
    async fn place(&self, envelope: Envelope<'_>) -> Verdict;

    /// Places a batch: one verdict per envelope, in the order given.
    ///
    /// Worth writing where objects share work, such as one lookup for all of them.
    async fn place_batch(&self, batch: Vec<Envelope<'_>>) -> Vec<Verdict> {
        let mut verdicts = Vec::with_capacity(batch.len());
        for envelope in batch {
            verdicts.push(self.place(envelope).await);
        }
        verdicts
    }
}

impl Verdict {
    /// It is stored at this instance, under the sender's key, for ever.
    #[must_use]
    pub fn place(framedb_id: impl Into<String>, kind: Kind) -> Self {
        let framedb_id = framedb_id.into();
        Self::Place(Placement { framedb_id, kind, key: None, time_to_live: None })
    }

    /// It is not stored, on purpose.
    #[must_use]
    pub fn drop(reason: impl Into<String>) -> Self {
        Self::Drop(reason.into())
    }

    /// It belongs nowhere, and the sender is told why.
    #[must_use]
    pub fn reject(reason: impl Into<String>) -> Self {
        Self::Reject(reason.into())
    }

    /// It cannot be placed now.
    #[must_use]
    pub fn retry(reason: impl Into<String>) -> Self {
        Self::Retry(Retry::new(reason))
    }
}
