//! `Held`: what etcd has under the key of a route.

use crate::{Result, driver::etcd::KeyValue, driver::tables::decode_route};
use framedb_core::{Key, Route};
use std::sync::Arc;

/// A route, or that there is none, with the revisions that make the next write safe.
#[derive(Debug, Clone, Default)]
pub(super) struct Held {
    /// The revision that wrote the key; 0 while there is none.
    pub(super) written: i64,
    /// The revision at which this was so.
    pub(super) as_of: i64,
    pub(super) route: Option<Arc<Route>>,
}

impl Held {
    /// What was found at a revision of the store.
    ///
    /// # Errors
    ///
    /// When what is there is no route.
    pub(super) fn read(key: &Key, found: Option<KeyValue>, as_of: i64) -> Result<Self> {
        let Some(found) = found else { return Ok(Self { as_of, ..Self::default() }) };
        let route = Some(Arc::new(decode_route(key, &found.value)?));
        Ok(Self { written: found.mod_revision, as_of, route })
    }

    /// The generation of the route.
    pub(super) fn generation(&self) -> Option<u64> {
        self.route.as_ref().map(|route| route.generation)
    }

    /// When the route expires.
    pub(super) fn expires_at(&self) -> Option<u64> {
        self.route.as_ref().and_then(|route| route.expires_at)
    }
}
