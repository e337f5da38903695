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
pub(crate) struct PendingRoutes(HashMap<Key, Option<Route>>);

impl PendingRoutes {
    /// Registers a route, unless a newer one is registered.
    pub(crate) fn register(
        &mut self,
        change: &mut Change<'_>,
        key: &Key,
        route: &Route,
    ) -> Result<()> {
        let earlier = self.head(change, key)?;
        if let Some(earlier) = earlier
            && earlier.generation > route.generation
        {
            return Err(older(key, route.generation, earlier.generation));
        }
        let tables = change.tables;
        let row = route_row(key, route)?;
        if let Some(at) = earlier.and_then(|earlier| earlier.expires_at) {
            change.batch.remove(&tables.expiry, expiry_key(at, key.as_str()));
        }
        if let Some(at) = route.expires_at {
            change.batch.insert(&tables.expiry, expiry_key(at, key.as_str()), []);
        }
        change.batch.insert(&tables.routes, key.as_str(), row);
        change.routes += i64::from(earlier.is_none());
        self.0.insert(key.clone(), Some(route.clone()));
        Ok(())
    }

    /// Removes a route that meets `condition`; whether there was one.
    pub(crate) fn remove(
        &mut self,
        change: &mut Change<'_>,
        key: &Key,
        condition: impl FnOnce(&Route) -> bool,
    ) -> Result<bool> {
        let Some(route) = self.current(change, key)?.filter(condition) else { return Ok(false) };
        let tables = change.tables;
        if let Some(at) = route.expires_at {
            change.batch.remove(&tables.expiry, expiry_key(at, key.as_str()));
        }
        change.batch.remove(&tables.routes, key.as_str());
        change.routes -= 1;
        self.0.insert(key.clone(), None);
        Ok(true)
    }

    /// The route that a key has once the batch is committed.
    fn current(&self, change: &Change<'_>, key: &Key) -> Result<Option<Route>> {
        match self.0.get(key) {
            Some(pending) => Ok(pending.clone()),
            None => change.tables.route(key),
        }
    }

    /// Its head.
    fn head(&self, change: &Change<'_>, key: &Key) -> Result<Option<RouteHead>> {
        match self.0.get(key) {
            Some(pending) => Ok(pending.as_ref().map(RouteHead::of)),
            None => change.tables.route_head(key),
        }
    }
}
