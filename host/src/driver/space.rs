//! `Space`: one volatile instance: its objects, its queues, their routes, and its bound.

use super::{
    shard::{Entry, Shard, cost},
    space_routes::MemoryQueue,
};
use crate::{Error, ErrorKind, Result};
use ahash::RandomState;
use bytes::Bytes;
use framedb_core::{Key, Route};
use parking_lot::{Mutex, RwLock};
use serde::{Deserialize, Serialize};
use std::{
    cmp::Reverse,
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Instant, SystemTime},
};

/// Bytes a volatile instance may take when its configuration does not say.
pub const DEFAULT_MAX_BYTES: u64 = 1 << 30;

/// So many locks that threads rarely meet at one, and so few that walking them is cheap.
const SHARDS: usize = 64;

/// How many shards are looked at to find the object to evict.
const COMPARED: usize = 4;

/// What a full volatile instance does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Eviction {
    /// It refuses new objects.
    #[default]
    None,
    /// It drops the objects that were used least, with their routes.
    LeastFrequent,
}

/// One `memory:` instance, shared by its store and the registry.
#[derive(Debug)]
pub struct Space {
    framedb_id: Arc<str>,
    max_bytes: u64,
    eviction: Eviction,
    pub(super) used: AtomicU64,
    /// How many routes there are; counted where they come and go.
    pub(super) routes: AtomicU64,
    hasher: RandomState,
    shards: Vec<Mutex<Shard>>,
    pub(super) queues: RwLock<HashMap<Key, Arc<Mutex<MemoryQueue>>>>,
    /// The shard from which the next object is evicted.
    turn: AtomicU64,
    start: Instant,
}

impl Space {
    pub(crate) fn new(framedb_id: Arc<str>, max_bytes: u64, eviction: Eviction) -> Self {
        let hasher = RandomState::new();
        let shard = |n: usize| Mutex::new(Shard::seeded(hasher.hash_one(n)));
        Self {
            framedb_id,
            max_bytes,
            eviction,
            used: AtomicU64::new(0),
            routes: AtomicU64::new(0),
            shards: (0..SHARDS).map(shard).collect(),
            hasher,
            queues: RwLock::default(),
            turn: AtomicU64::new(0),
            start: Instant::now(),
        }
    }

    /// The FrameDB id.
    #[must_use]
    pub fn framedb_id(&self) -> &Arc<str> {
        &self.framedb_id
    }

    /// Bytes it may take.
    #[must_use]
    pub fn max_bytes(&self) -> u64 {
        self.max_bytes
    }

    /// Bytes it takes now, with what every object costs beside its bytes.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.used.load(Relaxed)
    }

    /// How many routes it holds.
    #[must_use]
    pub fn routes(&self) -> u64 {
        self.routes.load(Relaxed)
    }

    /// Stores a copy of `data`, because arriving bytes are a part of a larger buffer that would
    /// stay with them. With a route, an older one loses and a newer one wins.
    pub(crate) fn put(
        &self,
        key: &Key,
        data: &[u8],
        route: Option<&Route>,
        expires_at: Option<SystemTime>,
    ) -> Result<()> {
        let new = cost(key, data.len(), route);
        if new > self.max_bytes {
            return Err(self.too_large(key, data.len()));
        }
        let mut entry = Entry::new(
            Bytes::copy_from_slice(data),
            route.cloned().map(Box::new),
            expires_at.map(Route::millis),
        );
        let minute = self.minute();
        let shard = self.shard(key);
        loop {
            let mut objects = shard.lock();
            let earlier = objects.get(key);
            if let Some(route) = route
                && let Some(found) = earlier.and_then(|entry| entry.route.as_deref())
                && found.generation > route.generation
            {
                return Err(older(key, route.generation, found.generation));
            }
            let old = earlier.map_or(0, |entry| entry.cost(key));
            // A store without routes replaces bytes only.
            if route.is_none() {
                entry.route = earlier.and_then(|entry| entry.route.clone());
            }
            let new = entry.cost(key);
            if new <= old || self.reserve(new - old) {
                self.routes.fetch_add(u64::from(entry.route.is_some()), Relaxed);
                let earlier = objects.insert(key.clone(), entry, minute);
                drop(objects);
                if earlier.is_some_and(|entry| entry.route.is_some()) {
                    self.routes.fetch_sub(1, Relaxed);
                }
                self.used.fetch_sub(old.saturating_sub(new), Relaxed);
                return Ok(());
            }
            drop(objects);
            if !self.make_room() {
                return Err(self.full(key));
            }
        }
    }

    /// Reads an object and counts the use.
    pub(crate) fn get(&self, key: &Key) -> Option<Bytes> {
        let now = Route::millis(SystemTime::now());
        let mut objects = self.shard(key).lock();
        let entry = objects.touch(key, self.minute()).filter(|entry| !entry.expired(now))?;
        Some(entry.data.clone())
    }

    /// Removes an object, with its route, if `condition` holds; what it was.
    pub(crate) fn delete(
        &self,
        key: &Key,
        condition: impl FnOnce(&Entry) -> bool,
    ) -> Option<Entry> {
        let mut objects = self.shard(key).lock();
        if !objects.get(key).is_some_and(condition) {
            return None;
        }
        let entry = objects.remove(key);
        drop(objects);
        entry.inspect(|entry| self.released(key, entry))
    }

    /// Calls `visit` for every object, shard by shard.
    pub(crate) fn visit(&self, mut visit: impl FnMut(&Key, &Entry)) {
        for shard in &self.shards {
            for (key, entry) in shard.lock().iter() {
                visit(key, entry);
            }
        }
    }

    /// Calls `visit` for up to `limit` objects of every shard that have expired.
    pub(crate) fn visit_expired(
        &self,
        now: u64,
        limit: usize,
        mut visit: impl FnMut(u64, &Key, &Entry),
    ) {
        for shard in &self.shards {
            for (at, key, entry) in shard.lock().expired(now).take(limit) {
                visit(at, key, entry);
            }
        }
    }

    /// Takes room for an element of a queue, evicting objects where that is allowed.
    pub(crate) fn reserve_element(&self, key: &Key, bytes: usize) -> Result<()> {
        let cost = element_cost(bytes);
        if cost > self.max_bytes {
            return Err(self.too_large(key, bytes));
        }
        while !self.reserve(cost) {
            if !self.make_room() {
                return Err(self.full(key));
            }
        }
        Ok(())
    }

    /// Gives the room of an element back.
    pub(crate) fn release_element(&self, bytes: usize) {
        self.used.fetch_sub(element_cost(bytes), Relaxed);
    }

    pub(super) fn shard(&self, key: &Key) -> &Mutex<Shard> {
        let shard = usize::try_from(self.hasher.hash_one(key) >> 32).unwrap_or_default() % SHARDS;
        // The vector has as many shards as the remainder has values.
        #[expect(clippy::indexing_slicing, reason = "a remainder by the length is an index")]
        &self.shards[shard]
    }

    pub(super) fn reserve(&self, bytes: u64) -> bool {
        let within = |used: u64| used.checked_add(bytes).filter(|sum| *sum <= self.max_bytes);
        self.used.fetch_update(Relaxed, Relaxed, within).is_ok()
    }

    /// Removes one object: an expired one, or the least used of some where eviction is on.
    /// The object being written is not stored yet, so it is never the one. Whether there was
    /// one.
    fn make_room(&self) -> bool {
        let now = Route::millis(SystemTime::now());
        let Some(key) = self.victim(now) else { return false };
        // Another thread may have taken or replaced it: then this is tried again.
        let evicting = self.eviction == Eviction::LeastFrequent;
        self.delete(&key, |entry| evicting || entry.expired(now));
        true
    }

    /// What to remove next. Shards have few objects each and fill unevenly, so several are
    /// looked at, and of equals the one in the fullest shard goes.
    fn victim(&self, now: u64) -> Option<Key> {
        let minute = self.minute();
        let turn = self.turn.fetch_add(COMPARED as u64, Relaxed);
        let turn = usize::try_from(turn).unwrap_or_default() % SHARDS;
        let mut least: Option<(u8, Reverse<usize>, Key)> = None;
        let mut compared = 0;
        for shard in self.shards.iter().cycle().skip(turn).take(SHARDS) {
            let mut objects = shard.lock();
            let candidate = match self.eviction {
                Eviction::None => objects.expired(now).next().map(|(_, key, _)| (0, key.clone())),
                Eviction::LeastFrequent => objects.victim(now, minute),
            };
            let Some((uses, key)) = candidate else { continue };
            let candidate = (uses, Reverse(objects.len()), key);
            if least.as_ref().is_none_or(|least| candidate < *least) {
                least = Some(candidate);
            }
            compared += 1;
            if compared == COMPARED {
                break;
            }
        }
        least.map(|(_, _, key)| key)
    }

    fn released(&self, key: &Key, entry: &Entry) {
        self.used.fetch_sub(entry.cost(key), Relaxed);
        if entry.route.is_some() {
            self.routes.fetch_sub(1, Relaxed);
        }
    }

    fn minute(&self) -> u32 {
        u32::try_from(self.start.elapsed().as_secs() / 60).unwrap_or(u32::MAX)
    }

    pub(super) fn full(&self, key: &Key) -> Error {
        let (id, max) = (&self.framedb_id, self.max_bytes);
        Error::new(
            ErrorKind::Full,
            format!(
                "cannot store {key}: the memory instance {id} is full, its bound is {max} bytes"
            ),
        )
        .with_temporary(true)
        .with_hint("raise `max-bytes` of the instance, or set its `eviction` to \"least-frequent\"")
    }

    fn too_large(&self, key: &Key, bytes: usize) -> Error {
        let (id, max) = (&self.framedb_id, self.max_bytes);
        if max == 0 {
            let message = format!(
                "cannot store {key}: the memory instance {id} keeps nothing (max-bytes is 0, as in \
                 commands where no node runs)"
            );
            return Error::new(ErrorKind::TooLarge, message)
                .with_hint("start the node with `framedb serve`");
        }
        Error::new(
            ErrorKind::TooLarge,
            format!("cannot store {key}: its {bytes} bytes exceed the memory instance {id}, whose bound is {max} bytes"),
        )
        .with_hint("raise `max-bytes` of the instance")
    }
}

/// The error of a write that a newer one overtook: with a newer generation it may be made again.
pub(crate) fn older(key: &Key, generation: u64, found: u64) -> Error {
    Error::new(
        ErrorKind::Conflict,
        format!(
            "cannot register {key}: its generation {generation} is older than {found}, which is registered"
        ),
    )
    .with_temporary(true)
}

fn element_cost(bytes: usize) -> u64 {
    // Allocations, the order, and the id that is remembered.
    const ELEMENT: u64 = 384;
    ELEMENT + bytes as u64
}
