//! The ingest stage: looks at an object and its bytes, and accepts, changes, splits, drops or
//! refuses it.

pub use crate::bindings::ingest::exports::framedb::edge::ingest::{
    Accepted, Changed, Child, Verdict,
};
pub use crate::types::{Attribute, Envelope, Kind, Object, Retry, Value};
use serde::de::DeserializeOwned;

/// A plugin of the ingest stage.
///
/// - [`new`](Self::new) runs once in each plugin instance. What `&self` keeps in cells is a
///   cache: instances come and go, and each sees a part of the objects.
/// - An object may be judged more than once: the node repeats a call when a neighbour in the
///   batch made the plugin fail.
/// - A panic costs the object that caused it; a [`Verdict::reject`] tells its sender why.
#[allow(async_fn_in_trait, reason = "a plugin instance has one thread")]
pub trait Ingest: Sized + 'static {
    /// The plugin's name without its stage, such as `inspect`; its settings begin with it.
    const NAME: &'static str;

    /// What the operator sets; `()` for nothing. See [`settings`](crate::settings).
    type Settings: DeserializeOwned;

    /// Makes the plugin of its settings.
    ///
    /// # Errors
    ///
    /// Says which setting is wrong and what is expected; the node then refuses the plugin.
    fn new(settings: Self::Settings) -> Result<Self, String>;

    /// Judges one object.
    async fn process(&self, object: Object<'_>) -> Verdict;

    /// Judges a batch: one verdict per object, in the order given.
    ///
    /// Worth writing where objects share work, such as one request for all of them.
    async fn process_batch(&self, batch: Vec<Object<'_>>) -> Vec<Verdict> {
        let mut verdicts = Vec::with_capacity(batch.len());
        for object in batch {
            verdicts.push(self.process(object).await);
        }
        verdicts
    }
}

impl Verdict {
    /// The object goes on as it is.
    #[must_use]
    pub fn accept() -> Self {
        Self::Accept(Accepted { content_type: None, attributes: Vec::new() })
    }

    /// The object goes on as it is, with these attributes.
    #[must_use]
    pub fn accept_with(attributes: Vec<Attribute>) -> Self {
        Self::Accept(Accepted { content_type: None, attributes })
    }

    /// The object goes on with other bytes, and the content type that it had.
    #[must_use]
    pub fn changed(data: Vec<u8>) -> Self {
        Self::Changed(Changed { data, content_type: None, attributes: Vec::new() })
    }

    /// It is not stored, on purpose.
    #[must_use]
    pub fn drop(reason: impl Into<String>) -> Self {
        Self::Drop(reason.into())
    }

    /// It is wrong, and the sender is told why.
    #[must_use]
    pub fn reject(reason: impl Into<String>) -> Self {
        Self::Reject(reason.into())
    }

    /// It cannot be judged now.
    #[must_use]
    pub fn retry(reason: impl Into<String>) -> Self {
        Self::Retry(Retry::new(reason))
    }
}

impl Child {
    /// A child with the key `<parent's key>/<n>` and no content type.
    #[must_use]
    pub fn new(data: Vec<u8>) -> Self {
        Self { key: None, data, content_type: None, attributes: Vec::new() }
    }
}
