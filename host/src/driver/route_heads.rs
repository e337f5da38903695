//! `RouteHeads`: heads of routes that were just looked up, for the commit that follows.
//!
//! A write looks at its key's route, and a moment later its commit has to know whether that
//! route still stands. What the look found is remembered until then, so that the tree, the
//! dearest part of registering a small object, is searched once and not twice.

use super::tables::RouteHead;
use crate::Result;
use ahash::RandomState;
use framedb_core::Key;
use parking_lot::Mutex;

/// Heads that are remembered: some times as many as writes are under way. A later one takes the
/// place of an earlier one with the same hash.
const SLOTS: usize = 1 << 14;

/// Heads that hold, by the hashes of their keys.
pub(super) struct RouteHeads {
    slots: Box<[Mutex<Slot>]>,
    hasher: RandomState,
}

#[derive(Default)]
struct Slot {
    /// How often routes of these keys have changed.
    changes: u64,
    /// What the last look found.
    seen: Option<(Key, Option<RouteHead>)>,
}

impl RouteHeads {
    pub(super) fn new() -> Self {
        let slots = std::iter::repeat_with(Mutex::default).take(SLOTS).collect();
        Self { slots, hasher: RandomState::new() }
    }

    /// Looks at a key's route by `read`, and remembers its head unless a commit that changed it
    /// came in between.
    pub(super) fn look<T>(
        &self,
        key: &Key,
        read: impl FnOnce() -> Result<T>,
        head: impl FnOnce(&T) -> Option<RouteHead>,
    ) -> Result<T> {
        let Some(slot) = self.slot(key) else { return read() };
        let changes = slot.lock().changes;
        let found = read()?;
        let mut slot = slot.lock();
        if slot.changes == changes {
            slot.seen = Some((key.clone(), head(&found)));
        }
        Ok(found)
    }

    /// The head of the route that a key has, `Some(None)` where it has none; `None` when that is
    /// not remembered.
    pub(super) fn get(&self, key: &Key) -> Option<Option<RouteHead>> {
        let slot = self.slot(key)?.lock();
        slot.seen.as_ref().filter(|(seen, _)| seen == key).map(|(_, head)| *head)
    }

    /// Forgets what was seen of a key. To be called when the commit that changes its route can be
    /// read, and before the next one is made: a look that began earlier is not remembered then.
    pub(super) fn changed(&self, key: &Key) {
        if let Some(slot) = self.slot(key) {
            let mut slot = slot.lock();
            slot.changes += 1;
            slot.seen.take_if(|(seen, _)| seen == key);
        }
    }

    fn slot(&self, key: &Key) -> Option<&Mutex<Slot>> {
        let hash = usize::try_from(self.hasher.hash_one(key) % SLOTS as u64).ok()?;
        self.slots.get(hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(generation: u64) -> RouteHead {
        RouteHead { generation, expires_at: None }
    }

    fn look(heads: &RouteHeads, key: &Key, found: Option<RouteHead>) {
        heads.look(key, || Ok(found), |found| *found).unwrap();
    }

    #[test]
    fn what_was_seen_holds_until_a_commit_changes_it() {
        let (heads, key) = (RouteHeads::new(), Key::new("k").unwrap());
        assert_eq!(heads.get(&key), None);
        look(&heads, &key, Some(head(7)));
        assert_eq!(heads.get(&key), Some(Some(head(7))));
        heads.changed(&key);
        assert_eq!(heads.get(&key), None);
        look(&heads, &key, None);
        assert_eq!(heads.get(&key), Some(None));
    }

    #[test]
    fn a_look_that_a_commit_overtakes_is_not_remembered() {
        let (heads, key) = (RouteHeads::new(), Key::new("k").unwrap());
        let read = || {
            heads.changed(&key);
            Ok(Some(head(7)))
        };
        heads.look(&key, read, |found| *found).unwrap();
        assert_eq!(heads.get(&key), None);
    }

    #[test]
    fn keys_of_one_slot_are_told_apart() {
        let heads = RouteHeads::new();
        let keys: Vec<_> = (0..2 * SLOTS).map(|n| Key::new(&format!("k-{n}")).unwrap()).collect();
        for (n, key) in keys.iter().enumerate() {
            look(&heads, key, Some(head(n as u64)));
        }
        for (n, key) in keys.iter().enumerate() {
            assert!(heads.get(key).is_none_or(|seen| seen == Some(head(n as u64))), "{n}");
        }
    }
}
