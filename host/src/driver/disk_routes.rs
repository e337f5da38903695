//! Routes in a data directory: what a commit has to write for one.

use super::{
    Change, older,
    tables::{RouteHead, RouteRow, expiry_key, route_of},
};
use crate::Result;
use framedb_core::{Key, Route};
use std::collections::HashMap;

/// Routes that the batch in the making has changed: reads do not see them yet.
#[derive(Debug, Default)]
pub(super) struct PendingRoutes(HashMap<Key, Option<RouteRow>, ahash::RandomState>);

impl PendingRoutes {
    /// The keys whose routes have changed.
    pub(super) fn keys(&self) -> impl Iterator<Item = &Key> {
        self.0.keys()
    }
}

impl Change<'_> {
    /// Registers a route, unless a newer one is registered.
    pub(crate) fn register(&mut self, key: Key, row: RouteRow) -> Result<()> {
        let RouteHead { generation, expires_at } = row.head;
        let earlier = self.head(&key)?;
        self.known.add(&key);
        if let Some(earlier) = earlier
            && earlier.generation > generation
        {
            return Err(older(&key, generation, earlier.generation));
        }
        let tables = self.tables;
        if let Some(at) = earlier.and_then(|earlier| earlier.expires_at) {
            self.batch.remove(&tables.expiry, expiry_key(at, key.as_str()));
        }
        if let Some(at) = expires_at {
            self.batch.insert(&tables.expiry, expiry_key(at, key.as_str()), []);
        }
        self.batch.insert(&tables.routes, key.as_str(), row.bytes.clone());
        self.added += i64::from(earlier.is_none());
        self.routes.0.insert(key, Some(row));
        Ok(())
    }

    /// Removes a route that meets `condition`; whether there was one.
    pub(crate) fn unregister(
        &mut self,
        key: &Key,
        condition: impl FnOnce(&Route) -> bool,
    ) -> Result<bool> {
        let Some(route) = self.route(key)?.filter(condition) else { return Ok(false) };
        let tables = self.tables;
        if let Some(at) = route.expires_at {
            self.batch.remove(&tables.expiry, expiry_key(at, key.as_str()));
        }
        self.batch.remove(&tables.routes, key.as_str());
        self.added -= 1;
        self.routes.0.insert(key.clone(), None);
        Ok(true)
    }

    /// The route that a key has once the batch is committed.
    fn route(&self, key: &Key) -> Result<Option<Route>> {
        match self.routes.0.get(key) {
            Some(pending) => pending.as_ref().map(|row| route_of(key, &row.bytes)).transpose(),
            None if self.known.lacks(key) => Ok(None),
            None => self.tables.route(key),
        }
    }

    /// Its head.
    fn head(&self, key: &Key) -> Result<Option<RouteHead>> {
        match self.routes.0.get(key) {
            Some(pending) => Ok(pending.as_ref().map(|row| row.head)),
            None if self.known.lacks(key) => Ok(None),
            None => self.tables.route_head(key),
        }
    }
}
