//! `Embedded`: the registry inside of the node: durable routes on its disk, those of volatile
//! instances beside their data in memory.

use super::{Query, Registry};
use crate::{
    Result,
    driver::{
        Arena, Disk, Domain, Effort, PendingRoutes, Space, Tables, disk_failure, older, repeat,
        tables::{decode_route, expiry_key, number},
    },
};
use async_trait::async_trait;
use framedb_core::{Key, Kind, Route};
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::SystemTime,
};

/// The registry of a node alone. Where a key has a route in memory and one on disk, the newer
/// one counts.
#[derive(Debug)]
pub struct Embedded {
    arena: Arc<Arena>,
    disk: Arc<Disk>,
}

impl Embedded {
    /// A registry over the node's data directory and its volatile instances.
    #[must_use]
    pub fn new(arena: Arc<Arena>, disk: Arc<Disk>) -> Self {
        Self { arena, disk }
    }

    /// Registers routes of durable instances in one commit.
    async fn register_durable(&self, routes: Vec<(Key, Route)>) -> Result<Vec<Result<()>>> {
        let effort = Effort {
            bytes: routes.iter().map(|(_, route)| 512 + route.metadata.len() as u64).sum(),
            sync: routes.iter().any(|(_, route)| route.kind == Kind::Storage),
            releases: false,
        };
        self.disk
            .write(effort, move |change| {
                let mut pending = PendingRoutes::default();
                Ok(routes.iter().map(|(key, route)| pending.register(change, key, route)).collect())
            })
            .await
    }

    /// Registers a route in memory, after a durable one of the key went.
    async fn register_volatile(&self, space: &Space, key: &Key, route: &Route) -> Result<()> {
        self.check_arena(key, route)?;
        if self.disk.routes() > 0 {
            let (owned, generation) = (key.clone(), route.generation);
            self.disk
                .write(small(), move |change| {
                    let mut pending = PendingRoutes::default();
                    match pending.current(change, &owned)? {
                        Some(found) if found.generation > generation => {
                            Err(older(&owned, generation, found.generation))
                        }
                        _ => pending.remove(change, &owned, |_| true),
                    }
                })
                .await?;
        }
        space.attach(key, route)?;
        self.arena.strip_older(key, route.generation);
        Ok(())
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
            if newer && wants(query, key, route) {
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
impl Registry for Embedded {
    async fn lookup(&self, keys: &[Key]) -> Result<Vec<Option<Route>>> {
        let volatile = keys.iter().map(|key| self.arena.route(key));
        if self.disk.routes() == 0 {
            return Ok(volatile.collect());
        }
        let owned = keys.to_vec();
        let durable: Vec<Option<Route>> = self
            .disk
            .read(move |tables| owned.iter().map(|key| tables.route(key)).collect())
            .await?;
        let newest = |(volatile, durable): (Option<Route>, Option<Route>)| {
            volatile.into_iter().chain(durable).max_by_key(|route| route.generation)
        };
        Ok(volatile.zip(durable).map(newest).collect())
    }

    async fn register(&self, routes: &[(Key, Route)]) -> Vec<Result<()>> {
        let mut answers: Vec<Result<()>> = Vec::with_capacity(routes.len());
        let (mut durable, mut slots) = (Vec::new(), Vec::new());
        for (slot, (key, route)) in routes.iter().enumerate() {
            answers.push(match self.arena.space(&route.framedb_id) {
                Some(space) => self.register_volatile(&space, key, route).await,
                None => self.check_arena(key, route).map(|()| {
                    durable.push((key.clone(), route.clone()));
                    slots.push(slot);
                }),
            });
        }
        if durable.is_empty() {
            return answers;
        }
        let mut results = match self.register_durable(durable).await {
            Ok(results) => results.into_iter(),
            Err(error) => repeat(&error, slots.len()).into_iter(),
        };
        for slot in slots {
            let result = results.next().unwrap_or(Ok(()));
            if let (Ok(()), Some((key, route))) = (&result, routes.get(slot)) {
                self.arena.strip_older(key, route.generation);
            }
            if let Some(answer) = answers.get_mut(slot) {
                *answer = result;
            }
        }
        answers
    }

    async fn remove(&self, key: &Key, generation: Option<u64>) -> Result<bool> {
        let matches = move |found: u64| generation.is_none_or(|generation| generation == found);
        let mut removed = false;
        for space in self.arena.spaces() {
            removed |= space.strip(key, matches);
        }
        if self.disk.routes() > 0 {
            let owned = key.clone();
            let durable = self.disk.write(small(), move |change| {
                PendingRoutes::default().remove(change, &owned, |route| matches(route.generation))
            });
            removed |= durable.await?;
        }
        Ok(removed)
    }

    async fn list(&self, query: &Query) -> Result<Vec<(Key, Route)>> {
        let mut routes = self.list_arena(query);
        if self.disk.routes() == 0 {
            return Ok(routes.into_iter().collect());
        }
        let owned = query.clone();
        let durable = self.disk.read(move |tables| list_durable(tables, &owned)).await?;
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
        let mut found: Vec<(u64, Key, Route)> = Vec::new();
        for space in self.arena.spaces() {
            space.visit_expired(millis, limit, |at, key, entry| {
                found.extend(entry.route.as_deref().map(|route| (at, key.clone(), route.clone())));
            });
        }
        if self.disk.routes() > 0 {
            found.extend(self.disk.read(move |tables| expired(tables, millis, limit)).await?);
        }
        found.sort_by(|(a, key_a, _), (b, key_b, _)| a.cmp(b).then_with(|| key_a.cmp(key_b)));
        Ok(found.into_iter().take(limit).map(|(_, key, route)| (key, route)).collect())
    }

    async fn count(&self) -> Result<u64> {
        let volatile: u64 = self.arena.spaces().iter().map(|space| space.routes()).sum();
        Ok(volatile + self.disk.routes())
    }

    async fn health(&self) -> Result<()> {
        self.disk.health().await
    }

    fn describe(&self) -> String {
        format!("embedded, on disk at {}", self.disk.path().display())
    }

    fn shares(&self, domain: &Domain) -> bool {
        domain == self.arena.domain() || domain == self.disk.domain()
    }
}

fn small() -> Effort {
    Effort { bytes: 0, sync: false, releases: true }
}

fn wants(query: &Query, key: &Key, route: &Route) -> bool {
    key.as_str().starts_with(&query.prefix)
        && query.after.as_deref().is_none_or(|after| key.as_str() > after)
        && query.kind.is_none_or(|kind| route.kind == kind)
        && query.framedb_id.as_deref().is_none_or(|id| &*route.framedb_id == id)
}

fn list_durable(tables: &Tables, query: &Query) -> Result<Vec<(Key, Route)>> {
    let start = match &query.after {
        Some(after) if *after >= query.prefix => after,
        _ => &query.prefix,
    };
    let mut routes = Vec::new();
    for guard in tables.routes.range(start.as_bytes()..) {
        if routes.len() >= query.limit {
            break;
        }
        let (key, value) = guard.into_inner().map_err(failed_list)?;
        if !key.starts_with(query.prefix.as_bytes()) {
            break;
        }
        let Ok(key) = Key::from_bytes(&key) else { continue };
        let route = decode_route(&key, &value)?;
        if wants(query, &key, &route) {
            routes.push((key, route));
        }
    }
    Ok(routes)
}

fn expired(tables: &Tables, now: u64, limit: usize) -> Result<Vec<(u64, Key, Route)>> {
    let mut routes = Vec::new();
    let end = expiry_key(now.saturating_add(1), "");
    for guard in tables.expiry.range(..end).take(limit) {
        let row = guard.key().map_err(failed_list)?;
        let key = row.get(8..).and_then(|key| Key::from_bytes(key).ok());
        let (Some(at), Some(key)) = (number(&row), key) else { continue };
        routes.extend(tables.route(&key)?.map(|route| (at, key, route)));
    }
    Ok(routes)
}

fn failed_list(cause: fjall::Error) -> crate::Error {
    disk_failure("cannot list the routes on the disk", cause)
}
