//! `Reads`: what etcd has, from memory where that is current.

use super::{follow::Followed, held::Held, layout::Layout};
use crate::{
    Error, ErrorKind, Result,
    driver::etcd::{
        Again, Client, Failure, Fault, RangeRequest, RangeResponse, TxnRequest, end_of, found, get,
        scan,
    },
    driver::tables::decode_route,
    registry::Query,
};
use framedb_core::{Key, Route};
use futures::future::try_join_all;
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

/// Operations that a transaction may have: the server's default, less where it takes less.
const MAX_OPERATIONS: usize = 128;

/// Routes that are read in one answer of a listing.
const PAGE: usize = 500;

/// An entry under a time, with what its route's key had.
pub(super) struct StaleTime {
    pub(super) entry: Vec<u8>,
    pub(super) key: Key,
    pub(super) written: i64,
}

/// The way to read a registry.
#[derive(Debug)]
pub(super) struct Reads {
    pub(super) client: Arc<Client>,
    pub(super) layout: Layout,
    pub(super) followed: Arc<Followed>,
    operations: AtomicUsize,
}

impl Reads {
    pub(super) fn new(client: Arc<Client>, followed: Arc<Followed>) -> Self {
        let layout = Layout::new(client.address().prefix());
        Self { client, layout, followed, operations: AtomicUsize::new(MAX_OPERATIONS) }
    }

    /// Operations that a transaction may have.
    pub(super) fn operations(&self) -> usize {
        self.operations.load(Relaxed)
    }

    /// Notes that a transaction had more operations than the server takes; whether fewer can be
    /// tried.
    pub(super) fn fewer_operations(&self, than: usize) -> bool {
        let fewer = (than / 2).max(1);
        self.operations.fetch_min(fewer, Relaxed);
        fewer < than
    }

    pub(super) fn failed(&self, attempt: &str, failure: Failure) -> Error {
        failure.error(attempt, self.client.address())
    }

    pub(super) async fn range(
        &self,
        attempt: &str,
        request: RangeRequest,
    ) -> Result<RangeResponse> {
        let answer = self.client.range(request).await;
        answer.map_err(|failure| self.failed(attempt, failure))
    }

    /// What keys have, from memory where it is known there.
    pub(super) async fn known(&self, keys: &[Key]) -> Result<Vec<Held>> {
        let cached: Vec<_> = keys.iter().map(|key| self.followed.cache.get(key)).collect();
        let unknown: Vec<Key> = keys
            .iter()
            .zip(&cached)
            .filter(|(_, cached)| cached.is_none())
            .map(|(key, _)| key.clone())
            .collect();
        let mut read = self.current(&unknown).await?.into_iter();
        let held = |cached: Option<Held>| cached.or_else(|| read.next()).unwrap_or_default();
        Ok(cached.into_iter().map(held).collect())
    }

    /// What keys have now, by the cluster.
    pub(super) async fn current(&self, keys: &[Key]) -> Result<Vec<Held>> {
        loop {
            let operations = self.operations();
            let chunks = keys.chunks(operations).map(|chunk| self.read_together(chunk));
            match try_join_all(chunks).await {
                Ok(read) => {
                    let mut all = Vec::with_capacity(keys.len());
                    for (key, (found, as_of)) in keys.iter().zip(read.into_iter().flatten()) {
                        let held = Held::read(key, found, as_of)?;
                        self.followed.cache.keep(key, as_of, held.clone());
                        all.push(held);
                    }
                    return Ok(all);
                }
                Err(failure)
                    if failure.fault() == Fault::TooManyOperations
                        && self.fewer_operations(operations) => {}
                Err(failure) => return Err(self.failed("look up routes", failure)),
            }
        }
    }

    async fn read_together(
        &self,
        keys: &[Key],
    ) -> Result<Vec<(Option<crate::driver::etcd::KeyValue>, i64)>, Failure> {
        let gets = keys.iter().map(|key| get(&self.layout.route(key.as_str())));
        let request = TxnRequest { success: gets.collect(), ..TxnRequest::default() };
        let answer = self.client.txn(Again::Yes, request).await?;
        let as_of = answer.header.unwrap_or_default().revision;
        Ok(answer.responses.into_iter().map(|answer| (found(answer), as_of)).collect())
    }

    /// Routes in byte order of their keys, a page at a time.
    pub(super) async fn list(&self, query: &Query) -> Result<Vec<(Key, Route)>> {
        let prefix = self.layout.route(&query.prefix);
        let mut start = match &query.after {
            Some(after) if *after >= query.prefix => behind(&self.layout.route(after)),
            _ => prefix.clone(),
        };
        let end = end_of(&prefix);
        // Of a page, a filter leaves an unknown part.
        let filtered = query.kind.is_some() || query.framedb_id.is_some();
        let mut routes = Vec::new();
        while routes.len() < query.limit && start < end {
            let page = if filtered { PAGE } else { PAGE.min(query.limit - routes.len()) };
            let request = scan(start, end.clone(), page);
            let answer = self.range("list the routes", request).await?;
            let Some(last) = answer.kvs.last().filter(|_| answer.more) else {
                self.add(&mut routes, answer, query)?;
                break;
            };
            start = behind(&last.key);
            self.add(&mut routes, answer, query)?;
        }
        routes.truncate(query.limit);
        Ok(routes)
    }

    /// Adds what of a page a query wants.
    fn add(
        &self,
        routes: &mut Vec<(Key, Route)>,
        page: RangeResponse,
        query: &Query,
    ) -> Result<()> {
        for found in page.kvs {
            let name = found.key.get(self.layout.routes().len()..).unwrap_or_default();
            let Ok(key) = Key::from_bytes(name) else { continue };
            let route = decode_route(&key, &found.value)?;
            if query.wants(&key, &route) {
                routes.push((key, route));
            }
        }
        Ok(())
    }

    /// Routes that expired before `now`, oldest first, and entries whose routes have gone or
    /// have another time: somebody else changed them.
    pub(super) async fn expired(
        &self,
        now: u64,
        limit: usize,
    ) -> Result<(Vec<(Key, Route)>, Vec<StaleTime>)> {
        let attempt = "list the expired routes";
        let (mut expired, mut stale) = (Vec::new(), Vec::new());
        let mut start = self.layout.times().to_vec();
        let end = self.layout.time(now.saturating_add(1), "");
        while expired.len() < limit {
            let mut request = scan(start, end.clone(), limit - expired.len());
            request.keys_only = true;
            let page = self.range(attempt, request).await?;
            let entries: Vec<_> = page
                .kvs
                .iter()
                .filter_map(|found| Some((&found.key, self.layout.read_time(&found.key)?)))
                .collect();
            let keys: Vec<Key> = entries.iter().map(|(_, (_, key))| key.clone()).collect();
            let current = self.current(&keys).await?;
            for ((entry, (at, key)), held) in entries.into_iter().zip(current) {
                match held.route {
                    Some(route) if route.expires_at == Some(at) => {
                        expired.push((key, (*route).clone()));
                    }
                    _ => {
                        let (entry, written) = (entry.to_vec(), held.written);
                        stale.push(StaleTime { entry, key, written });
                    }
                }
            }
            match page.kvs.last() {
                Some(last) if page.more => start = behind(&last.key),
                _ => break,
            }
        }
        Ok((expired, stale))
    }

    /// Whether a member answers, a majority agrees, and writes are taken.
    pub(super) async fn health(&self) -> Result<()> {
        let attempt = "use the registry";
        let at = self.client.address();
        let status = self.client.status().await.map_err(|failure| self.failed(attempt, failure))?;
        if status.leader == 0 {
            let message = format!("cannot {attempt} in etcd at {at}: the cluster has no leader");
            return Err(Error::new(ErrorKind::Unavailable, message));
        }
        // A read that the members agree upon, of a key that the user must be allowed to see.
        let mut request = scan(self.layout.routes().to_vec(), Vec::new(), 1);
        request.count_only = true;
        self.range(attempt, request).await?;
        if status.errors.iter().any(|error| error.contains("NOSPACE")) {
            return Err(self.failed(attempt, Failure::new(Fault::NoSpace)));
        }
        Ok(())
    }
}

/// The first key behind a key.
pub(super) fn behind(key: &[u8]) -> Vec<u8> {
    [key, b"\0"].concat()
}
