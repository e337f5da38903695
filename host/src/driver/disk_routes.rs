//! Routes in a data directory: what a commit has to write for one.

use super::{
    Change, older,
    tables::{RouteHead, expiry_key, route_row},
};
use crate::Result;
use framedb_core::{Key, Route};
use std::collections::HashMap;

/// Routes that the batch in the making has changed: reads do not see them yet.
#[derive(Debug, Default)]
pub(super) struct PendingRoutes(HashMap<Key, Option<Route>>);

impl PendingRoutes {
    /// The keys whose routes have changed.
    pub(super) fn keys(&self) -> impl Iterator<Item = &Key> {
        self.0.keys()
    }
}

impl Change<'_> {
    /// Registers a route, unless a newer one is registered.
    pub(crate) fn register(&mut self, key: &Key, route: &Route) -> Result<()> {
        let earlier = self.head(key)?;
        if let Some(earlier) = earlier
            && earlier.generation > route.generation
        {
            return Err(older(key, route.generation, earlier.generation));
        }
        let row = route_row(key, route)?;
        let tables = self.tables;
        if let Some(at) = earlier.and_then(|earlier| earlier.expires_at) {
            self.batch.remove(&tables.expiry, expiry_key(at, key.as_str()));
        }
        if let Some(at) = route.expires_at {
            self.batch.insert(&tables.expiry, expiry_key(at, key.as_str()), []);
        }
        self.batch.insert(&tables.routes, key.as_str(), row);
        self.added += i64::from(earlier.is_none());
        self.routes.0.insert(key.clone(), Some(route.clone()));
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
            Some(pending) => Ok(pending.clone()),
            None => self.tables.route(key),
        }
    }

    /// Its head.
    fn head(&self, key: &Key) -> Result<Option<RouteHead>> {
        match self.routes.0.get(key) {
            Some(pending) => Ok(pending.as_ref().map(RouteHead::of)),
            None => self.tables.route_head(key),
        }
    }
}
