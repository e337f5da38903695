//! `NodeRegistry`: the registry as a node sees it: the routes of its own volatile instances
//! beside their data in memory, everything else in a registry that outlives the process.

use super::{Document, Documents, Intent, Query, Registry, Table};
use crate::{
    Error, Result,
    driver::{Arena, Domain, Space, older, repeat},
};
use async_trait::async_trait;
use framedb_core::{Key, Route};
use serde_json::Value;
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::SystemTime,
};

/// Where a key has a route in memory and a durable one, the newer one counts.
#[derive(Debug)]
pub struct NodeRegistry {
    arena: Arc<Arena>,
    durable: Arc<dyn Registry>,
}

/// Where a route is registered.
enum Way {
    /// Beside its data in memory.
    Memory(Arc<Space>),
    /// In the registry that outlives the process.
    Durable,
    /// Nowhere: a newer one is in memory.
    Refused(Error),
}

impl NodeRegistry {
    /// A registry over the node's volatile instances and a registry for all others.
    #[must_use]
    pub fn new(arena: Arc<Arena>, durable: Arc<dyn Registry>) -> Self {
        Self { arena, durable }
    }

    /// Registers routes in memory, after durable ones of their keys went.
    async fn register_volatile(&self, routes: &[(&Key, &Route, Arc<Space>)]) -> Vec<Result<()>> {
        let keys: Vec<Key> = routes.iter().map(|(key, ..)| (*key).clone()).collect();
        let durable = match self.durable.lookup(&keys).await {
            Ok(durable) => durable,
            Err(error) => return repeat(&error, routes.len()),
        };
        let mut answers = Vec::with_capacity(routes.len());
        for ((key, route, space), durable) in routes.iter().zip(durable) {
            answers.push(self.replace_durable(space, key, route, durable.as_ref()).await);
        }
        answers
    }

    async fn replace_durable(
        &self,
        space: &Space,
        key: &Key,
        route: &Route,
        durable: Option<&Route>,
    ) -> Result<()> {
        self.check_arena(key, route)?;
        if let Some(found) = durable {
            if found.generation > route.generation {
                return Err(older(key, route.generation, found.generation));
            }
            self.durable.remove(key, Some(found.generation)).await?;
        }
        space.attach(key, route)?;
        self.arena.strip_older(key, route.generation);
        Ok(())
    }

    fn way(&self, key: &Key, route: &Route) -> Way {
        match self.arena.space(&route.framedb_id) {
            Some(space) => Way::Memory(space),
            None => match self.check_arena(key, route) {
                Ok(()) => Way::Durable,
                Err(error) => Way::Refused(error),
            },
        }
    }

    fn check_arena(&self, key: &Key, route: &Route) -> Result<()> {
        match self.arena.generation(key) {
            Some(found) if found > route.generation => Err(older(key, route.generation, found)),
            _ => Ok(()),
        }
    }

    /// The first routes in memory that a query wants.
    fn list_arena(&self, query: &Query) -> BTreeMap<Key, Route> {
        let mut first: BTreeMap<Key, Route> = BTreeMap::new();
        let mut offer = |key: &Key, route: &Route| {
            let full = first.len() >= query.limit;
            if full && first.last_key_value().is_none_or(|(last, _)| key > last) {
                return;
            }
            let newer = first.get(key).is_none_or(|known| known.generation < route.generation);
            if newer && query.wants(key, route) {
                first.insert(key.clone(), route.clone());
                if first.len() > query.limit {
                    first.pop_last();
                }
            }
        };
        for space in self.arena.spaces() {
            space.visit(|key, entry| {
                if let Some(route) = entry.route.as_deref() {
                    offer(key, route);
                }
            });
            space.visit_queues(|key, queue| {
                if let Some(route) = &queue.route {
                    offer(key, route);
                }
            });
        }
        first
    }
}

#[async_trait]
impl Registry for NodeRegistry {
    async fn lookup(&self, keys: &[Key]) -> Result<Vec<Option<Route>>> {
        let durable = self.durable.lookup(keys).await?;
        let newest = |(key, durable): (&Key, Option<Route>)| {
            self.arena.route(key).into_iter().chain(durable).max_by_key(|route| route.generation)
        };
        Ok(keys.iter().zip(durable).map(newest).collect())
    }

    async fn register(&self, routes: &[(Key, Route)]) -> Vec<Result<()>> {
        let ways: Vec<Way> = routes.iter().map(|(key, route)| self.way(key, route)).collect();
        let volatile: Vec<_> = routes
            .iter()
            .zip(&ways)
            .filter_map(|((key, route), way)| match way {
                Way::Memory(space) => Some((key, route, space.clone())),
                Way::Durable | Way::Refused(_) => None,
            })
            .collect();
        let mut in_memory = match volatile.is_empty() {
            true => Vec::new(),
            false => self.register_volatile(&volatile).await,
        }
        .into_iter();
        let durable = |way: &Way| matches!(way, Way::Durable);
        let mut elsewhere = match ways.iter().filter(|way| durable(way)).count() {
            0 => Vec::new(),
            // Mostly they go on as they came.
            all if all == routes.len() => self.durable.register(routes).await,
            _ => {
                let some = routes.iter().zip(&ways).filter(|(_, way)| durable(way));
                let some: Vec<_> = some.map(|(route, _)| route.clone()).collect();
                self.durable.register(&some).await
            }
        }
        .into_iter();
        let answer = |((key, route), way): (&(Key, Route), Way)| match way {
            Way::Refused(error) => Err(error),
            Way::Memory(_) => in_memory.next().unwrap_or(Ok(())),
            Way::Durable => {
                let registered = elsewhere.next().unwrap_or(Ok(()));
                if registered.is_ok() {
                    self.arena.strip_older(key, route.generation);
                }
                registered
            }
        };
        routes.iter().zip(ways).map(answer).collect()
    }

    async fn register_unchanged(&self, intent: &Intent) -> Result<bool> {
        let held = self.arena.generation(&intent.key);
        let previous = intent.previous.as_ref().map(|route| route.generation);
        if held.is_some() && held != previous {
            return Ok(false);
        }
        // What it found in memory has no durable route.
        if held.is_some() {
            let route = (intent.key.clone(), intent.route.clone());
            self.register(&[route]).await.pop().unwrap_or(Ok(()))?;
            return Ok(true);
        }
        self.durable.register_unchanged(intent).await
    }

    async fn abandoned(&self, skip: usize, limit: usize) -> Result<Vec<Intent>> {
        self.durable.abandoned(skip, limit).await
    }

    async fn forget_abandoned(&self, intent: &Intent) -> Result<()> {
        self.durable.forget_abandoned(intent).await
    }

    async fn remove(&self, key: &Key, generation: Option<u64>) -> Result<bool> {
        let matches = move |found: u64| generation.is_none_or(|generation| generation == found);
        let mut removed = false;
        for space in self.arena.spaces() {
            removed |= space.strip(key, matches);
        }
        Ok(self.durable.remove(key, generation).await? || removed)
    }

    async fn forget_copy(&self, key: &Key, framedb_id: &str) -> Result<()> {
        self.durable.forget_copy(key, framedb_id).await
    }

    async fn list(&self, query: &Query) -> Result<Vec<(Key, Route)>> {
        let durable = self.durable.list(query).await?;
        let mut routes = self.list_arena(query);
        if routes.is_empty() && self.arena.spaces().is_empty() {
            return Ok(durable);
        }
        for (key, route) in durable {
            match routes.get(&key) {
                Some(known) if known.generation > route.generation => {}
                _ => {
                    routes.insert(key, route);
                }
            }
        }
        // A newer route that the query does not want hides an older one that it does.
        let keys: Vec<Key> = routes.keys().take(query.limit).cloned().collect();
        let newest: HashMap<Key, u64> = keys
            .iter()
            .cloned()
            .zip(self.lookup(&keys).await?)
            .filter_map(|(key, route)| Some((key, route?.generation)))
            .collect();
        let current = |(key, route): &(Key, Route)| newest.get(key) == Some(&route.generation);
        Ok(routes.into_iter().take(query.limit).filter(current).collect())
    }

    async fn expired(&self, now: SystemTime, limit: usize) -> Result<Vec<(Key, Route)>> {
        let millis = Route::millis(now);
        let mut found = self.durable.expired(now, limit).await?;
        for space in self.arena.spaces() {
            space.visit_expired(millis, limit, |_, key, entry| {
                found.extend(entry.route.as_deref().map(|route| (key.clone(), route.clone())));
            });
        }
        found.sort_by(|(key, route), (other, later)| {
            route.expires_at.cmp(&later.expires_at).then_with(|| key.cmp(other))
        });
        found.truncate(limit);
        Ok(found)
    }

    async fn count(&self) -> Result<u64> {
        let volatile: u64 = self.arena.spaces().iter().map(|space| space.routes()).sum();
        Ok(volatile + self.durable.count().await?)
    }

    async fn health(&self) -> Result<()> {
        self.durable.health().await
    }

    fn describe(&self) -> String {
        self.durable.describe()
    }

    fn is_own(&self) -> bool {
        self.durable.is_own()
    }

    fn keeps_codecs(&self) -> bool {
        self.durable.keeps_codecs()
    }

    fn shares(&self, domain: &Domain) -> bool {
        domain == self.arena.domain() || self.durable.shares(domain)
    }
}

#[async_trait]
impl Documents for NodeRegistry {
    async fn document(&self, table: Table, id: &str) -> Result<Option<Document>> {
        self.durable.document(table, id).await
    }

    async fn documents(&self, table: Table) -> Result<Vec<Document>> {
        self.durable.documents(table).await
    }

    async fn write_document(
        &self,
        table: Table,
        id: &str,
        body: &Value,
        revision: Option<u64>,
    ) -> Result<u64> {
        self.durable.write_document(table, id, body, revision).await
    }

    async fn remove_document(&self, table: Table, id: &str, revision: Option<u64>) -> Result<bool> {
        self.durable.remove_document(table, id, revision).await
    }
}
