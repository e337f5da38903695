//! `Cache`: routes that were read or written, for as long as the watch reports what becomes of
//! them.

use super::held::Held;
use framedb_core::Key;
use moka::sync::Cache as Entries;
use parking_lot::RwLock;

/// A bounded number of keys with what etcd has of them; that there is no route, too.
///
/// What was read is put in only if the watch has reported nothing newer meanwhile, so that
/// nothing stays that the watch has passed.
#[derive(Debug)]
pub(super) struct Cache {
    entries: Entries<Key, Held>,
    /// The last revision that the watch reported; `None` while there is no watch, and then
    /// nothing is put in and nothing taken out. Held for reading while one entry is put in.
    reported: RwLock<Option<i64>>,
}

impl Cache {
    /// A cache of this many keys.
    pub(super) fn new(keys: u64) -> Self {
        let entries = Entries::builder().max_capacity(keys).build();
        Self { entries, reported: RwLock::new(None) }
    }

    /// What is known of a key.
    pub(super) fn get(&self, key: &Key) -> Option<Held> {
        let reported = self.reported.read();
        reported.and_then(|_| self.entries.get(key))
    }

    /// Keeps what etcd had of a key as of a revision.
    pub(super) fn keep(&self, key: &Key, as_of: i64, held: Held) {
        let reported = self.reported.read();
        if reported.is_none_or(|reported| reported > as_of) {
            return;
        }
        let newer = |known: Held| known.as_of < as_of;
        if self.entries.get(key).is_none_or(newer) {
            self.entries.insert(key.clone(), Held { as_of, ..held });
        }
    }

    /// Notes what the watch reported of a key.
    pub(super) fn report(&self, key: &Key, revision: i64) {
        let mut reported = self.reported.write();
        if let Some(reported) = reported.as_mut() {
            *reported = revision.max(*reported);
        }
        if self.entries.get(key).is_some_and(|known| known.as_of < revision) {
            self.entries.invalidate(key);
        }
    }

    /// Begins anew: the watch reports what is behind a revision.
    pub(super) fn follow(&self, from: i64) {
        let mut reported = self.reported.write();
        self.entries.invalidate_all();
        *reported = Some(from);
    }

    /// Nothing is known from here on.
    pub(super) fn stop(&self) {
        *self.reported.write() = None;
    }

    /// Whether there is a watch.
    pub(super) fn follows(&self) -> bool {
        self.reported.read().is_some()
    }
}
