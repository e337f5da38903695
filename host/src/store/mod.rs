//! Stores: where the bytes of objects and queues are kept.
//!
//! Two small traits, whose comments are the contract; one conformance suite holds every engine
//! to it. [`open`] chooses the engine by the scheme of a URL.

mod file;
mod file_queue;
mod file_rows;
mod memory;
mod mysql;
mod mysql_chunks;
mod mysql_groups;
mod mysql_reads;
mod mysql_rows;
mod one_place;
mod open;
mod redis;
mod redis_queue;

pub use crate::driver::queue::{ID_WINDOW, ID_WINDOW_COUNT};
pub use file::FileObjects;
pub use file_queue::FileQueues;
pub use memory::MemoryStore;
pub use mysql::MysqlObjects;
pub(crate) use one_place::are_one;
pub use open::{Instance, OpenContext, Options, SyncMode, open};
pub(crate) use open::{KNOWN_ENGINES, check_url, is_embedded, kinds_of, look};
pub use redis::RedisObjects;
pub use redis_queue::RedisQueues;

use crate::{Error, ErrorKind, Result, driver::Domain};
use async_trait::async_trait;
use bytes::Bytes;
use framedb_core::{Key, Route};
use std::{
    fmt::Debug,
    sync::Arc,
    time::{Duration, SystemTime},
};

/// An object's bytes as a store keeps them.
#[derive(Debug, Clone)]
pub struct Record {
    /// The object's key.
    pub key: Key,
    /// The bytes, after serialization.
    pub data: Bytes,
    /// When the object is gone; `None` keeps it.
    pub expires_at: Option<SystemTime>,
}

/// What a store can take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes one value may have.
    pub max_value: u64,
    /// Bytes all values may have together; `None` where the engine does not say.
    pub capacity: Option<u64>,
}

/// One line of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The object's key.
    pub key: Key,
    /// Bytes stored.
    pub size: u64,
}

/// Objects by key.
///
/// - `put` replaces; repeating it with the same records changes nothing. Of two records with
///   one key in a call the later one is kept. A record is stored whole or not at all, and one
///   record's failure leaves the others stored.
/// - A record past its `expires_at` is absent from every answer, whether or not it was swept,
///   unless the engine has no place for that time: see [`ObjectStore::keeps_expiry`].
/// - Absence is never an error: `get` answers `None`, `delete` answers `false`.
/// - A successful answer means that the engine keeps the bytes as durably as it promises: see
///   [`ObjectStore::durable`].
#[async_trait]
pub trait ObjectStore: Debug + Send + Sync {
    /// Stores records; one answer per record, in order.
    async fn put(&self, records: &[Record]) -> Vec<Result<()>>;

    /// Reads values; one answer per key, in order.
    async fn get(&self, keys: &[Key]) -> Vec<Result<Option<Bytes>>>;

    /// Removes values; one answer per key, in order: whether there was one.
    async fn delete(&self, keys: &[Key]) -> Vec<Result<bool>>;

    /// Removes a value if it is `data`; whether it was. In one step, where the engine has one for
    /// it: who writes the same key meanwhile keeps what was written.
    async fn delete_unchanged(&self, key: &Key, data: &Bytes) -> Result<bool> {
        let keys = std::slice::from_ref(key);
        let found = self.get(keys).await.pop().transpose()?.flatten();
        if found.as_ref() != Some(data) {
            return Ok(false);
        }
        Ok(self.delete(keys).await.pop().transpose()?.unwrap_or_default())
    }

    /// Removes those of the values that are past their `expires_at`, in one step with the look
    /// at it, so that a newer value stays; one answer per key, in order: whether it was removed.
    /// Engines that remove expired values by themselves answer `false`.
    async fn delete_expired(&self, keys: &[Key], now: SystemTime) -> Vec<Result<bool>> {
        let _ = now;
        keys.iter().map(|_| Ok(false)).collect()
    }

    /// Up to `limit` values whose key starts with `prefix`, in byte order of their keys,
    /// beginning behind `after`.
    async fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<Listed>>;

    /// Whether the engine can be used now.
    async fn health(&self) -> Result<()>;

    /// Changes settings of the server that runs, by their own names. Engines without such
    /// settings refuse.
    async fn configure(&self, settings: &[(String, String)]) -> Result<()> {
        let _ = settings;
        let message = format!("what is {} has no settings to change", self.describe());
        Err(Error::new(ErrorKind::Invalid, message))
    }

    /// What the engine can take.
    fn limits(&self) -> Limits;

    /// Whether stored bytes outlive the process.
    fn durable(&self) -> bool;

    /// Whether stored bytes have reached the disk itself when `put` answers.
    fn synced(&self) -> bool;

    /// Whether it keeps `expires_at`. Where it does not, reads go by the time in the route, and
    /// the sweep removes the data when it removes the route.
    fn keeps_expiry(&self) -> bool {
        true
    }

    /// The engine in one phrase, without secrets, as in `on disk at /var/lib/framedb`.
    fn describe(&self) -> String;

    /// Where data and routes can be written in one transaction: a registry in the same domain
    /// sees a route exactly when [`ObjectStore::put_with_routes`] stored the data under it.
    fn domain(&self) -> Option<Domain> {
        None
    }

    /// Stores records and their routes, each pair in one transaction; one answer per pair.
    /// Called only when [`ObjectStore::domain`] is the registry's. The rule of generations is
    /// the registry's: an older one is a [`Conflict`](crate::ErrorKind::Conflict) and leaves the
    /// data as it is; a newer one replaces the key's route in this domain. A route of the key
    /// in another domain, and an old copy of the data elsewhere, are the caller's to remove.
    ///
    /// In such a store `delete` takes the route along, if it is that of the deleted data.
    async fn put_with_routes(&self, writes: &[(Record, Route)]) -> Vec<Result<()>> {
        let _ = writes;
        Vec::new()
    }
}

/// Finds the stores of instances.
#[async_trait]
pub trait Stores: Send + Sync {
    /// The store of an instance; `None` when no instance has this id. An error says that it
    /// cannot be reached now.
    async fn objects(&self, framedb_id: &str) -> Result<Option<Arc<dyn ObjectStore>>>;
}

/// An element on its way into a queue.
#[derive(Debug, Clone)]
pub struct Element {
    /// The object's id; the same id again within the window is the same element.
    pub id: String,
    /// The bytes, after serialization.
    pub data: Bytes,
}

/// What a push did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pushed {
    /// The element is in the queue.
    New,
    /// An element with this id was pushed before; nothing changed.
    Repeated,
}

/// An element that a consumer holds until its lease ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leased {
    /// The bytes.
    pub data: Bytes,
    /// What `ack`, `nack` and `extend` take.
    pub token: String,
    /// How often the element was handed out, this time included.
    pub deliveries: u32,
}

/// How many elements a queue has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct QueueLength {
    /// Waiting.
    pub ready: u64,
    /// Held by consumers.
    pub leased: u64,
}

/// Queues by name.
///
/// - Elements come out in the order they went in, but for those whose lease ended without an
///   acknowledgement: they return to the oldest end, before all that were never handed out.
/// - Ids are remembered per queue, in one step with the element, for [`ID_WINDOW`] or
///   [`ID_WINDOW_COUNT`] ids, whichever is less, also after the element was taken out.
/// - An expired lease returns its element by the engine's own timer, also after a restart of a
///   durable engine. Tokens of ended leases answer `false`.
/// - A queue without elements and one that never was are the same.
#[async_trait]
pub trait Queue: Debug + Send + Sync {
    /// Appends elements in order; one answer per element.
    async fn push(&self, queue: &Key, elements: &[Element]) -> Vec<Result<Pushed>>;

    /// Appends elements as [`Queue::push`] does. Where an object of the same store has the queue's
    /// name, it gives way in the same step; engines that keep objects and queues apart leave it.
    async fn push_over(&self, queue: &Key, elements: &[Element]) -> Vec<Result<Pushed>> {
        self.push(queue, elements).await
    }

    /// Hands out the oldest element for `period`; `None` when none waits.
    async fn lease(&self, queue: &Key, period: Duration) -> Result<Option<Leased>>;

    /// Removes a leased element for good; `false` when the lease has ended.
    async fn ack(&self, queue: &Key, token: &str) -> Result<bool>;

    /// Returns a leased element to the oldest end; `false` when the lease has ended.
    async fn nack(&self, queue: &Key, token: &str) -> Result<bool>;

    /// Lets a lease end `period` from now; `false` when it has ended.
    async fn extend(&self, queue: &Key, token: &str, period: Duration) -> Result<bool>;

    /// How many elements there are.
    async fn length(&self, queue: &Key) -> Result<QueueLength>;

    /// Removes a queue with all its elements, leased ones included, and the ids it remembers;
    /// answers how many elements there were.
    async fn purge(&self, queue: &Key) -> Result<u64>;
}

/// Refuses a value that is larger than its engine takes.
fn check_size(key: &Key, data: &[u8], max: u64) -> Result<()> {
    let bytes = data.len();
    if bytes as u64 <= max {
        return Ok(());
    }
    let message =
        format!("cannot store {key}: its {bytes} bytes exceed the {max} a value may have");
    Err(Error::new(ErrorKind::TooLarge, message).with_hint("raise `max-object`"))
}
