//! `Connections`: the open servers, the least frequently used first out.

use crate::{Result, store::Instance};
use parking_lot::Mutex;
use std::{collections::HashMap, sync::Arc};
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
    instance: Arc<OnceCell<Instance>>,
    uses: u64,
    inserted: u64,
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
        let cell = self.open.lock().entry(&target, self.most);
        let opened = cell.get_or_try_init(|| open).await.cloned();
        if opened.is_err() {
            let mut open = self.open.lock();
            // Who has opened it meanwhile keeps it.
            if open.entries.get(&target).is_some_and(|entry| !entry.instance.initialized()) {
                open.entries.remove(&target);
            }
        }
        opened
    }

    /// Closes the connections to an instance, after those who use them have done so.
    pub(super) fn close(&self, framedb_id: &str) {
        self.open.lock().entries.retain(|(id, _), _| &**id != framedb_id);
    }
}

impl Open {
    fn entry(&mut self, target: &Target, most: usize) -> Arc<OnceCell<Instance>> {
        if let Some(entry) = self.entries.get_mut(target) {
            entry.uses += 1;
            return entry.instance.clone();
        }
        while self.entries.len() >= most {
            let least = self.entries.iter().min_by_key(|(_, entry)| (entry.uses, entry.inserted));
            let Some(least) = least.map(|(target, _)| target.clone()) else { break };
            tracing::debug!(framedb_id = &*least.0, "closes the least used connection");
            self.entries.remove(&least);
        }
        self.inserted += 1;
        let instance = Arc::new(OnceCell::new());
        let entry = Entry { instance: instance.clone(), uses: 1, inserted: self.inserted };
        self.entries.insert(target.clone(), entry);
        instance
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
}
