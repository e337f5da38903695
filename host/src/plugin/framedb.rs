//! `FrameDb`: FrameDB itself, as a node lends it to plugins.
//!
//! The trait is here and what implements it is above, so that no arrow runs up: the worker hands
//! it over when all parts of the node are built.

use crate::{grants::Refusal, instances::InstanceRecord, store::Leased};
use async_trait::async_trait;
use bytes::Bytes;
use framedb_core::{Key, Kind, Route};
use std::{sync::Arc, time::Duration};
use tokio::time::Instant;

/// Reads, writes and lookups of plugins.
///
/// - Nothing is waited for beyond the caller's deadline. A write that has begun goes on to its end
///   all the same, and its caller is told that its outcome is not known yet.
/// - Who may use a key nowhere is refused before it is looked for: it learns neither whether there
///   is such a key nor where, and who may is counted.
/// - Whatever depends on where a key is asks the caller's [`Permission`] for that instance,
///   before anything is read or written there.
#[async_trait]
pub(crate) trait FrameDb: Send + Sync {
    /// An object, decoded; `None` when there is none.
    async fn get(&self, caller: &Caller<'_>, key: &str) -> Result<Option<Object>, Unserved>;

    /// Stores an object: when it answers, the object is stored and findable.
    async fn put(&self, caller: &Caller<'_>, put: Put) -> Result<(), Unserved>;

    /// Removes an object with its copies; whether there was one.
    async fn delete(&self, caller: &Caller<'_>, key: &str) -> Result<bool, Unserved>;

    /// Objects by key, as far as the caller may list them.
    async fn list(&self, caller: &Caller<'_>, listing: Listing) -> Result<Page, Unserved>;

    /// Appends an element to a queue; an id that was pushed before changes nothing.
    async fn push(&self, caller: &Caller<'_>, push: Push) -> Result<(), Unserved>;

    /// Takes the oldest element of a queue for a time; `None` when none waits.
    async fn lease(
        &self,
        caller: &Caller<'_>,
        queue: &str,
        period: Duration,
    ) -> Result<Option<Leased>, Unserved>;

    /// Ends a lease, or gives it another end; whether it was still held.
    async fn settle(
        &self,
        caller: &Caller<'_>,
        queue: &str,
        token: &str,
        how: Settle,
    ) -> Result<bool, Unserved>;

    /// How many elements of a queue wait.
    async fn length(&self, caller: &Caller<'_>, queue: &str) -> Result<u64, Unserved>;

    /// Where a key is; `None` when nobody knows it.
    async fn lookup(&self, deadline: Instant, key: &str) -> Result<Option<Route>, Unserved>;

    /// Where a source is written to; nowhere when it is not mapped.
    async fn sources(&self, deadline: Instant, source: &str) -> Result<Vec<Target>, Unserved>;

    /// The instances that there are, by id.
    async fn instances(&self, deadline: Instant) -> Result<Vec<Arc<InstanceRecord>>, Unserved>;

    /// How an instance is.
    async fn health(&self, deadline: Instant, framedb_id: &str) -> Result<Condition, Unserved>;
}

/// Who asks: what its grants cover, and how long it can wait.
pub(crate) struct Caller<'a> {
    pub(crate) permission: &'a dyn Permission,
    pub(crate) deadline: Instant,
    /// Keys of the batch that the plugin is called with: they are written after the call, so
    /// that it must not wait for their turn.
    pub(crate) judging: &'a [Key],
}

/// Decides whether a call may use an instance, and counts the call the first time it may.
pub(crate) trait Permission: Send + Sync {
    /// Asks for an instance.
    ///
    /// # Errors
    ///
    /// When no grant covers it, or the grant's rate is used up.
    fn ask(&self, framedb_id: &str) -> Result<(), Refusal>;
}

/// Why a call of a plugin was not served, in words that the plugin may read: they name keys and
/// instances, and no address.
#[derive(Debug)]
pub(crate) enum Unserved {
    /// A grant does not cover it.
    Refused(Refusal),
    /// It cannot be; repeating it is of no use.
    Invalid(String),
    /// There is no such queue.
    NotFound(String),
    /// Not now.
    Busy(String),
    /// An engine, the registry or the node does not answer.
    Unavailable(String),
    /// Anything else.
    Other(String),
}

impl From<Refusal> for Unserved {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// An object as it was found.
#[derive(Debug)]
pub(crate) struct Object {
    pub(crate) data: Bytes,
    pub(crate) route: Route,
}

/// An object to store; nothing of it is checked yet.
#[derive(Debug)]
pub(crate) struct Put {
    pub(crate) key: String,
    pub(crate) data: Bytes,
    pub(crate) framedb_id: String,
    pub(crate) kind: Kind,
    pub(crate) metadata: String,
    pub(crate) content_type: Option<String>,
    pub(crate) time_to_live: Option<Duration>,
}

/// Which objects a listing shows.
#[derive(Debug)]
pub(crate) struct Listing {
    pub(crate) prefix: String,
    pub(crate) after: Option<String>,
    pub(crate) limit: u32,
}

/// Objects in byte order of their keys.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) entries: Vec<(Key, Route)>,
    /// The key after which there may be more.
    pub(crate) next: Option<Key>,
}

/// An element to append; nothing of it is checked yet.
#[derive(Debug)]
pub(crate) struct Push {
    pub(crate) queue: String,
    pub(crate) id: String,
    pub(crate) data: Bytes,
    /// The instance of a queue that does not exist yet.
    pub(crate) framedb_id: Option<String>,
}

/// What becomes of a lease.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Settle {
    /// The element is removed for good.
    Ack,
    /// It goes back to the oldest end.
    Nack,
    /// The lease ends so much later than now.
    Extend(Duration),
}

/// Where a source is written to on the nodes of a tag.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) node_tag: String,
    pub(crate) cluster: String,
}

/// How an instance is.
#[derive(Debug)]
pub(crate) enum Condition {
    Usable,
    /// Why not, without addresses.
    Unusable(String),
    /// There is none of this id.
    Unknown,
}
