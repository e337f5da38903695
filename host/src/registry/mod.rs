//! The registry: where each object and queue is, and which instances and sources there are.
//!
//! One trait, whose comments are the contract; one conformance suite holds every engine to it.
//! [`open`] chooses the engine by the scheme of a URL.

mod abandoned;
mod disk;
mod documents;
mod etcd;
mod http;
mod intents;
mod node;
mod open;
mod recovery;
mod redis;
mod settle;
mod sweep;
mod unsettled;

pub use abandoned::settle_abandoned;
pub use disk::DiskRegistry;
pub use documents::{Document, Documents, Table};
pub use etcd::EtcdRegistry;
pub use framedb_core::{Generations, Intent};
pub use http::HttpRegistry;
pub use intents::{Declared, Intents};
pub use node::NodeRegistry;
pub use open::{RegistryConfig, connect, open};
pub use recovery::{Recovered, Recovery};
pub use redis::RedisRegistry;
pub use sweep::sweep;

use crate::{Result, driver::Domain};
use async_trait::async_trait;
pub use framedb_core::Query;
use framedb_core::{Key, Route};
use std::time::SystemTime;

/// Routes by key.
///
/// - One key has one route. `register` replaces it; repeating it changes nothing.
/// - A route whose generation is lower than that of the registered one is not registered: the
///   answer is a temporary [`Conflict`](crate::ErrorKind::Conflict), because the write may be made
///   again under a newer one.
/// - `remove` with a generation removes the route only if that is still its generation, so
///   that what was written meanwhile stays.
/// - Routes past their `expires_at` are answered like others: the reader decides, because it
///   also has data to remove.
/// - Routes of volatile instances end with the process. One is registered only where its data
///   is: without it the answer is [`NotFound`](crate::ErrorKind::NotFound).
#[async_trait]
pub trait Registry: Documents {
    /// The routes of keys; one answer per key, in order.
    async fn lookup(&self, keys: &[Key]) -> Result<Vec<Option<Route>>>;

    /// Registers routes; one answer per route, in order.
    async fn register(&self, routes: &[(Key, Route)]) -> Vec<Result<()>>;

    /// Removes a key's route, if its generation is the given one; whether there was one.
    async fn remove(&self, key: &Key, generation: Option<u64>) -> Result<bool>;

    /// Forgets a copy that was deleted because its key was written again. Where a route that is
    /// registered replaces all that was known of its key, there is nothing to do.
    async fn forget_copy(&self, key: &Key, framedb_id: &str) -> Result<()> {
        let _ = (key, framedb_id);
        Ok(())
    }

    /// Registers the route of a write if its key still has the one that the write found; whether
    /// it has.
    async fn register_unchanged(&self, intent: &Intent) -> Result<bool> {
        let found = self.lookup(std::slice::from_ref(&intent.key)).await?.pop().flatten();
        let generation = |route: Option<&Route>| route.map(|route| route.generation);
        if generation(found.as_ref()) != generation(intent.previous.as_ref()) {
            return Ok(false);
        }
        let route = (intent.key.clone(), intent.route.clone());
        self.register(&[route]).await.pop().unwrap_or(Ok(()))?;
        Ok(true)
    }

    /// Up to `limit` writes that workers without a disk have begun here and given up, the oldest
    /// first but for `skip` of them.
    async fn abandoned(&self, skip: usize, limit: usize) -> Result<Vec<Intent>> {
        let _ = (skip, limit);
        Ok(Vec::new())
    }

    /// Forgets a write that was given up, because it is settled.
    async fn forget_abandoned(&self, intent: &Intent) -> Result<()> {
        let _ = intent;
        Ok(())
    }

    /// Routes in byte order of their keys.
    async fn list(&self, query: &Query) -> Result<Vec<(Key, Route)>>;

    /// Up to `limit` routes that expired before `now`, oldest first.
    async fn expired(&self, now: SystemTime, limit: usize) -> Result<Vec<(Key, Route)>>;

    /// How many routes there are.
    async fn count(&self) -> Result<u64>;

    /// Whether the registry can be used now.
    async fn health(&self) -> Result<()>;

    /// The registry in one phrase, without secrets.
    fn describe(&self) -> String;

    /// Whether its routes are the node's to remove when it finds no data. Those of an existing
    /// service may be of clients that register first and write then.
    fn is_own(&self) -> bool {
        true
    }

    /// Whether a route keeps who wrote its bytes. Where it does not, bytes that a codec changed
    /// carry a frame, as elements of queues do.
    fn keeps_codecs(&self) -> bool {
        true
    }

    /// Whether routes that a store of this domain writes with its data are seen here.
    fn shares(&self, domain: &Domain) -> bool {
        let _ = domain;
        false
    }
}
