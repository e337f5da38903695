//! The registry in etcd: one for any number of nodes.
//!
//! Documents are known whole and routes in a bounded cache, both only while a watch reports what
//! becomes of them ([`follow`]); without it every read asks the cluster. Routes are written in
//! transactions that compare what was there before ([`write`]), so that of nodes that race the
//! highest generation wins. Expiring routes have an entry under their time, written in the same
//! transaction, so that nobody looks for them among all others.

mod cache;
mod documents;
mod follow;
mod held;
mod layout;
mod mirror;
mod read;
mod write;

use super::{Query, Registry};
use crate::{
    Error, ErrorKind, Result,
    driver::{
        Groups,
        etcd::{Address, Client, RangeRequest, end_of},
    },
};
use async_trait::async_trait;
use follow::Followed;
use framedb_core::{Key, Route};
use read::Reads;
use std::{sync::Arc, time::SystemTime};
use tokio::task::AbortHandle;
use write::Writes;

/// Routes and documents in a cluster of etcd.
#[derive(Debug)]
pub struct EtcdRegistry {
    reads: Arc<Reads>,
    writes: Arc<Writes>,
    groups: Groups<Writes>,
    /// Ends with the registry.
    follower: AbortHandle,
}

impl EtcdRegistry {
    /// The registry at an address, which keeps up to `cache` routes in memory.
    ///
    /// # Errors
    ///
    /// When the cluster cannot be used. One whose space is used up can: it is read, and writes
    /// are refused.
    pub(crate) async fn open(address: Address, cache: u64) -> Result<Self> {
        let client = Client::new(address).await?;
        let followed = Arc::new(Followed::new(cache));
        let reads = Arc::new(Reads::new(Arc::new(client), followed));
        match reads.health().await {
            Err(error) if error.kind() == ErrorKind::Full => {
                tracing::warn!(error = error.chain(), "the registry takes no writes");
            }
            health => health?,
        }
        let writes = Arc::new(Writes::new(reads.clone()));
        let groups = Groups::new(writes.clone());
        let follower = tokio::spawn(follow::run(reads.clone())).abort_handle();
        Ok(Self { reads, writes, groups, follower })
    }
}

impl Drop for EtcdRegistry {
    fn drop(&mut self) {
        self.follower.abort();
    }
}

#[async_trait]
impl Registry for EtcdRegistry {
    async fn lookup(&self, keys: &[Key]) -> Result<Vec<Option<Route>>> {
        let held = self.reads.known(keys).await?;
        Ok(held.into_iter().map(|held| held.route.as_deref().cloned()).collect())
    }

    async fn register(&self, routes: &[(Key, Route)]) -> Vec<Result<()>> {
        self.groups.write(routes).await
    }

    async fn remove(&self, key: &Key, generation: Option<u64>) -> Result<bool> {
        self.writes.remove(key, generation).await
    }

    async fn list(&self, query: &Query) -> Result<Vec<(Key, Route)>> {
        self.reads.list(query).await
    }

    async fn expired(&self, now: SystemTime, limit: usize) -> Result<Vec<(Key, Route)>> {
        let (expired, stale) = self.reads.expired(Route::millis(now), limit).await?;
        self.writes.remove_times(stale).await;
        Ok(expired)
    }

    async fn count(&self) -> Result<u64> {
        let routes = self.reads.layout.routes();
        let request = RangeRequest {
            key: routes.to_vec().into(),
            range_end: end_of(routes).into(),
            count_only: true,
            ..RangeRequest::default()
        };
        let answer = self.reads.range("count the routes", request).await?;
        Ok(u64::try_from(answer.count).unwrap_or_default())
    }

    async fn health(&self) -> Result<()> {
        self.reads.health().await
    }

    fn describe(&self) -> String {
        let address = self.reads.client.address();
        format!("in etcd at {address}, below {}", address.prefix())
    }
}

/// The error of a write that others were always quicker with.
fn contended(key: &Key) -> Error {
    let message = format!("cannot write the route of {key} in etcd: others write it all the time");
    Error::new(ErrorKind::Conflict, message).with_temporary(true)
}
