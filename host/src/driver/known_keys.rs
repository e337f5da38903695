//! `KnownKeys`: which keys have no route for certain, told without a look at the tree.
//!
//! Most writes are of new keys, and to find nothing is what a look into the tree is dearest for.

use super::disk::Inner;
use crate::{Error, Result};
use fastbloom::AtomicBloomFilter;
use framedb_core::Key;
use std::{
    ops::Bound,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

/// Bits of the filter: 4 MiB. Of keys that have no route it knows 99 in 100 beside three million
/// that have one, and 3 in 4 beside ten million; it forgets none before the next start.
const BITS: usize = 4 << 23;

/// Bits of a key.
const HASHES: u32 = 4;

/// Keys that are read at once while the filter is made; between them the directory can be closed.
const STEP: usize = 4096;

/// How long to wait with that when the database cannot be read.
const AGAIN_AFTER: Duration = Duration::from_millis(500);

/// Keys that may have a route.
pub(super) struct KnownKeys {
    filter: AtomicBloomFilter<ahash::RandomState>,
    /// Whether all keys that had a route at the start are in it.
    complete: AtomicBool,
}

impl KnownKeys {
    /// No keys, `complete` if there are no routes.
    pub(super) fn new(complete: bool) -> Self {
        let bits = AtomicBloomFilter::with_num_bits(BITS);
        let filter = bits.hasher(ahash::RandomState::new()).hashes(HASHES);
        Self { filter, complete: AtomicBool::new(complete) }
    }

    /// Whether a key has no route for certain.
    pub(super) fn lacks(&self, key: &Key) -> bool {
        self.complete.load(Ordering::Acquire) && !self.filter.contains(key.as_str())
    }

    /// Notes a key, before its route is committed.
    pub(super) fn add(&self, key: &Key) {
        self.filter.insert(key.as_str());
    }

    /// Notes all keys that have routes; ends early when the directory is closed.
    pub(super) fn fill(&self, inner: &Inner) {
        let mut after = Vec::new();
        while !inner.is_closed() {
            match self.fill_some(inner, &after) {
                Ok(Some(last)) => after = last,
                Ok(None) => return self.complete.store(true, Ordering::Release),
                Err(_) => std::thread::sleep(AGAIN_AFTER),
            }
        }
    }

    /// Notes the next keys; the last of them, or nothing where there are no more.
    fn fill_some(&self, inner: &Inner, after: &[u8]) -> Result<Option<Vec<u8>>> {
        let tables = inner.usable()?;
        let tables = tables.as_ref().ok_or_else(|| inner.unusable())?;
        let failed = |cause| super::disk_failure("cannot read the routes on the disk", cause);
        let behind = (Bound::Excluded(after), Bound::Unbounded);
        let mut last = None;
        for guard in tables.routes.range::<&[u8], _>(behind).take(STEP) {
            let key = guard.key().map_err(failed)?;
            if let Ok(key) = std::str::from_utf8(&key) {
                self.filter.insert(key);
            }
            last = Some(key.to_vec());
        }
        Ok::<_, Error>(last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        driver::Disk,
        registry::{DiskRegistry, Registry as _},
    };
    use std::sync::Arc;

    #[test]
    fn what_was_noted_is_never_lacking() {
        let keys: Vec<_> = (0..1000).map(|n| Key::new(&format!("k-{n}")).unwrap()).collect();
        let known = KnownKeys::new(true);
        assert!(keys.iter().all(|key| known.lacks(key)));
        keys.iter().for_each(|key| known.add(key));
        assert!(!keys.iter().any(|key| known.lacks(key)));
    }

    #[tokio::test]
    async fn after_a_start_the_keys_that_have_routes_are_noted_again() {
        let folder = tempfile::tempdir().unwrap();
        let keys: Vec<_> = (0..2 * STEP).map(|n| Key::new(&format!("k-{n}")).unwrap()).collect();
        let route = r#"{"framedb_id":"a","kind":"storage","generation":1,"stored_at":1}"#;
        let route: framedb_core::Route = serde_json::from_str(route).unwrap();
        let routes: Vec<_> = keys.iter().map(|key| (key.clone(), route.clone())).collect();
        let disk = Arc::new(Disk::open(folder.path()).unwrap());
        let registered = DiskRegistry::new(disk.clone()).register(&routes).await;
        assert!(registered.into_iter().all(|answer| answer.is_ok()));
        drop(disk);
        let disk = Disk::open(folder.path()).unwrap();
        let absent = Key::new("absent").unwrap();
        while !disk.lacks_route(&absent) {
            tokio::task::yield_now().await;
        }
        assert!(!keys.iter().any(|key| disk.lacks_route(key)));
    }

    #[test]
    fn nothing_is_lacking_until_all_keys_are_noted() {
        assert!(!KnownKeys::new(false).lacks(&Key::new("k").unwrap()));
    }
}
