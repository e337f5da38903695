//! `Connections`: the open servers, the least frequently used first out.

use crate::{Error, Result, store::Instance};
use parking_lot::Mutex;
use std::{collections::HashMap, sync::Arc, time::Instant};
use tokio::sync::OnceCell;

/// What a connection leads to: an instance by its id, at a URL. Another URL is another
/// connection, so that no write goes to where an instance was before.
type Target = (Arc<str>, Arc<str>);

/// Connections that are opened when they are first used, and closed when there are too many.
#[derive(Debug)]
pub(super) struct Connections {
    most: usize,
    // Held for the look at the map, never across an await.
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    entries: HashMap<Target, Entry>,
    /// Counts insertions, so that the older of two that are used alike goes first.
    inserted: u64,
}

#[derive(Debug)]
struct Entry {
    server: Arc<Server>,
    uses: u64,
    inserted: u64,
}

/// A server that is open, or about to be.
#[derive(Debug, Default)]
struct Server {
    instance: OnceCell<Instance>,
    /// When opening it failed last, and why: the answer for those who waited meanwhile, who
    /// would otherwise wait for one another's tries. Held while it is opened.
    failed: tokio::sync::Mutex<Option<(Instant, Error)>>,
}

impl Connections {
    /// Keeps at most `most` connections, at least one.
    pub(super) fn new(most: usize) -> Self {
        Self { most: most.max(1), open: Mutex::default() }
    }

    /// The connection to an instance; `open` makes it when there is none. Those who ask
    /// meanwhile wait for the same one. A failure is not kept.
    pub(super) async fn get(
        &self,
        framedb_id: &Arc<str>,
        url: &str,
        open: impl Future<Output = Result<Instance>>,
    ) -> Result<Instance> {
        let target: Target = (framedb_id.clone(), url.into());
        let server = self.open.lock().entry(&target, self.most);
        let opened = server.open(open).await;
        if opened.is_err() {
            let mut open = self.open.lock();
            // Who has opened it meanwhile keeps it.
            let own = |entry: &Entry| Arc::ptr_eq(&entry.server, &server);
            if !server.instance.initialized() && open.entries.get(&target).is_some_and(own) {
                open.entries.remove(&target);
            }
        }
        opened
    }

    /// The connection to an instance if it is open; looking at it is no use of it.
    pub(super) fn peek(&self, framedb_id: &Arc<str>, url: &str) -> Option<Instance> {
        let target: Target = (framedb_id.clone(), url.into());
        self.open.lock().entries.get(&target)?.server.instance.get().cloned()
    }

    /// How many connections are kept.
    pub(super) fn most(&self) -> usize {
        self.most
    }

    /// Whether another connection would close none.
    pub(super) fn have_room(&self) -> bool {
        self.open.lock().entries.len() < self.most
    }

    /// Closes the connections to an instance, after those who use them have done so.
    pub(super) fn close(&self, framedb_id: &str) {
        self.open.lock().entries.retain(|(id, _), _| &**id != framedb_id);
    }
}

impl Server {
    async fn open(&self, open: impl Future<Output = Result<Instance>>) -> Result<Instance> {
        if let Some(instance) = self.instance.get() {
            return Ok(instance.clone());
        }
        let asked = Instant::now();
        let mut failed = self.failed.lock().await;
        if let Some((at, error)) = &*failed
            && *at >= asked
        {
            return Err(error.again());
        }
        match self.instance.get_or_try_init(|| open).await {
            Ok(instance) => Ok(instance.clone()),
            Err(error) => {
                *failed = Some((Instant::now(), error.again()));
                Err(error)
            }
        }
    }
}

impl Open {
    fn entry(&mut self, target: &Target, most: usize) -> Arc<Server> {
        if let Some(entry) = self.entries.get_mut(target) {
            entry.uses += 1;
            return entry.server.clone();
        }
        while self.entries.len() >= most {
            let least = self.entries.iter().min_by_key(|(_, entry)| (entry.uses, entry.inserted));
            let Some(least) = least.map(|(target, _)| target.clone()) else { break };
            tracing::debug!(framedb_id = &*least.0, "closes the least used connection");
            self.entries.remove(&least);
        }
        self.inserted += 1;
        let server = Arc::new(Server::default());
        let entry = Entry { server: server.clone(), uses: 1, inserted: self.inserted };
        self.entries.insert(target.clone(), entry);
        server
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Error, ErrorKind};

    fn use_all(open: &mut Open, ids: &[&str], most: usize) {
        for id in ids {
            open.entry(&((*id).into(), "url".into()), most);
        }
    }

    #[test]
    fn the_least_frequently_used_goes_first_and_the_older_of_two() {
        let mut open = Open::default();
        use_all(&mut open, &["a", "b", "c", "a", "c", "d"], 3);
        let mut ids: Vec<_> = open.entries.keys().map(|(id, _)| &**id).collect();
        ids.sort_unstable();
        assert_eq!(ids, ["a", "c", "d"]);
    }

    #[tokio::test]
    async fn a_failure_is_not_kept() {
        let connections = Connections::new(2);
        let failed = async { Err(Error::new(ErrorKind::Unavailable, "down")) };
        connections.get(&"a".into(), "url", failed).await.unwrap_err();
        assert!(connections.open.lock().entries.is_empty());
    }

    #[tokio::test]
    async fn those_who_wait_for_the_same_connection_share_its_failure() {
        let connections = Connections::new(2);
        let tries = std::sync::atomic::AtomicU32::new(0);
        let (id, down) = ("a".into(), || async {
            tries.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            // The others ask meanwhile.
            tokio::task::yield_now().await;
            Err(Error::new(ErrorKind::Unavailable, "down"))
        });
        let all = (0..3).map(|_| connections.get(&id, "url", down()));
        for outcome in futures::future::join_all(all).await {
            assert_eq!(outcome.unwrap_err().chain(), "down");
        }
        assert_eq!(tries.into_inner(), 1);
    }
}
