//! `Unsettled`: the writes whose outcome is unclear, and the keys that they hold.

use super::Intent;
use framedb_core::Key;
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

/// A write that is to be settled.
#[derive(Debug)]
pub(super) struct UnclearWrite {
    pub(super) intent: Intent,
    /// Whether this process sent it, so that its engine may still be about to store it.
    pub(super) recent: bool,
}

/// Writes to settle, by instance, and why keys are held.
#[derive(Debug, Default)]
pub(super) struct Unsettled {
    held: HashMap<Key, Held>,
    /// What waits to be settled.
    waiting: HashMap<Arc<str>, Vec<UnclearWrite>>,
    /// How many are unsettled, those that are being settled included.
    counts: HashMap<Arc<str>, usize>,
}

/// What holds a key.
#[derive(Debug, Default)]
struct Held {
    /// Its unsettled writes: their generations, in whose order they are settled, and instances.
    writes: BTreeMap<u64, Arc<str>>,
    /// How many writes go on beyond the time that their senders wait.
    under_way: usize,
}

impl Unsettled {
    /// Takes in a write, and holds its key. One that is already here changes nothing.
    pub(super) fn add(&mut self, write: UnclearWrite) {
        let (key, route) = (write.intent.key.clone(), &write.intent.route);
        let framedb_id = route.framedb_id.clone();
        let writes = &mut self.held.entry(key).or_default().writes;
        if writes.insert(route.generation, framedb_id.clone()).is_none() {
            *self.counts.entry(framedb_id.clone()).or_default() += 1;
            self.waiting.entry(framedb_id).or_default().push(write);
        }
    }

    /// Forgets a write that is settled, and frees its key if nothing else holds it.
    pub(super) fn remove(&mut self, intent: &Intent) {
        let framedb_id = &intent.route.framedb_id;
        if let Some(count) = self.counts.get_mut(framedb_id) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.counts.remove(framedb_id);
            }
        }
        if let Some(held) = self.held.get_mut(&intent.key) {
            held.writes.remove(&intent.route.generation);
        }
        self.free(&intent.key);
    }

    /// Holds a key for a write that goes on.
    pub(super) fn hold(&mut self, key: &Key) {
        self.held.entry(key.clone()).or_default().under_way += 1;
    }

    /// Ends a [`Unsettled::hold`].
    pub(super) fn release(&mut self, key: &Key) {
        if let Some(held) = self.held.get_mut(key) {
            held.under_way = held.under_way.saturating_sub(1);
        }
        self.free(key);
    }

    /// How many keys are held.
    pub(super) fn keys(&self) -> usize {
        self.held.len()
    }

    pub(super) fn holds(&self, key: &Key) -> bool {
        self.held.contains_key(key)
    }

    /// The instances that have to say what became of a key's writes.
    pub(super) fn awaited(&self, key: &Key) -> Vec<Arc<str>> {
        let mut awaited: Vec<Arc<str>> = self
            .held
            .get(key)
            .map(|held| held.writes.values().cloned().collect())
            .unwrap_or_default();
        awaited.sort_unstable();
        awaited.dedup();
        awaited
    }

    /// How many writes of an instance are unsettled.
    pub(super) fn count(&self, framedb_id: &str) -> usize {
        self.counts.get(framedb_id).copied().unwrap_or_default()
    }

    /// The instances with writes that wait to be settled.
    pub(super) fn instances(&self) -> Vec<Arc<str>> {
        self.waiting.keys().cloned().collect()
    }

    /// Takes out what waits for an instance; it stays counted, and its keys held.
    pub(super) fn take(&mut self, framedb_id: &str) -> Option<Vec<UnclearWrite>> {
        self.waiting.remove(framedb_id)
    }

    /// Puts back what was taken out and is not settled.
    pub(super) fn put_back(&mut self, framedb_id: &Arc<str>, writes: Vec<UnclearWrite>) {
        self.waiting.entry(framedb_id.clone()).or_default().extend(writes);
    }

    /// Whether all earlier writes of the key are settled, on whatever instance.
    pub(super) fn is_next(&self, intent: &Intent) -> bool {
        let held = self.held.get(&intent.key);
        let first = held.and_then(|held| held.writes.first_key_value());
        first.is_some_and(|(generation, _)| *generation == intent.route.generation)
    }

    fn free(&mut self, key: &Key) {
        let held = self.held.get(key);
        if held.is_some_and(|held| held.writes.is_empty() && held.under_way == 0) {
            self.held.remove(key);
        }
    }
}
