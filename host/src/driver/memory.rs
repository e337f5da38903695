//! `Arena`: the memory of a node's `memory:` instances, and of their routes.

use super::{Domain, Space};
use framedb_core::{Key, Route};
use parking_lot::RwLock;
use std::{collections::BTreeMap, sync::Arc};

/// All volatile instances of one node.
///
/// The registry reads their routes here, where they live beside the data: they are written,
/// evicted and expire together, and end with the process.
#[derive(Debug)]
pub struct Arena {
    domain: Domain,
    /// By FrameDB id; grows when an instance is opened, never shrinks.
    spaces: RwLock<BTreeMap<Arc<str>, Arc<Space>>>,
}

impl Default for Arena {
    fn default() -> Self {
        Self { domain: Domain::unique(), spaces: RwLock::default() }
    }
}

impl Arena {
    /// An arena without instances.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The domain of its instances.
    #[must_use]
    pub fn domain(&self) -> &Domain {
        &self.domain
    }

    /// The instance with this FrameDB id, if it is volatile.
    #[must_use]
    pub fn space(&self, framedb_id: &str) -> Option<Arc<Space>> {
        self.spaces.read().get(framedb_id).cloned()
    }

    /// The instance with this FrameDB id, made by `create` when it is new.
    pub(crate) fn space_or_insert(
        &self,
        framedb_id: &Arc<str>,
        create: impl FnOnce() -> Space,
    ) -> Arc<Space> {
        let mut spaces = self.spaces.write();
        spaces.entry(framedb_id.clone()).or_insert_with(|| Arc::new(create())).clone()
    }

    /// Every instance.
    pub(crate) fn spaces(&self) -> Vec<Arc<Space>> {
        self.spaces.read().values().cloned().collect()
    }

    /// The newest route of a key.
    pub(crate) fn route(&self, key: &Key) -> Option<Route> {
        let spaces = self.spaces.read();
        spaces.values().filter_map(|space| space.route(key)).max_by_key(|route| route.generation)
    }

    /// The generation of a key's newest route.
    pub(crate) fn generation(&self, key: &Key) -> Option<u64> {
        self.spaces.read().values().filter_map(|space| space.generation(key)).max()
    }

    /// Takes routes of a key that are older than `generation` away; their data stays for the
    /// caller, who knows where it was.
    pub(crate) fn strip_older(&self, key: &Key, generation: u64) {
        for space in self.spaces.read().values() {
            space.strip(key, |found| found < generation);
        }
    }

    /// Whether there is more than one instance.
    pub(crate) fn is_shared(&self) -> bool {
        self.spaces.read().len() > 1
    }
}
