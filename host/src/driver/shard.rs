//! `Shard`: a part of a space's objects, under one lock.

use ahash::RandomState;
use bytes::Bytes;
use framedb_core::{Key, Route};
use indexmap::IndexMap;
use std::collections::BTreeSet;

/// What an object takes beside its key and its bytes: allocations, the map and the route.
const OVERHEAD: u64 = 512;

/// How many objects of a shard are compared before one is evicted.
const SAMPLES: usize = 4;

/// Where a new object's count of uses begins, so that it is not the next to go.
const FIRST_USES: u8 = 5;

/// An object in memory. Its route lives in it, so that both appear and vanish together.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) data: Bytes,
    pub(crate) route: Option<Box<Route>>,
    pub(crate) expires_at: Option<u64>,
    /// Grows with the logarithm of the uses and falls by one a minute, as in Redis.
    uses: u8,
    /// The minute in which `uses` last fell.
    minute: u32,
}

impl Entry {
    pub(crate) fn new(data: Bytes, route: Option<Box<Route>>, expires_at: Option<u64>) -> Self {
        Self { data, route, expires_at, uses: FIRST_USES, minute: 0 }
    }

    /// Bytes this object counts for under `key`.
    pub(crate) fn cost(&self, key: &Key) -> u64 {
        cost(key, self.data.len(), self.route.as_deref())
    }

    pub(crate) fn expired(&self, now: u64) -> bool {
        self.expires_at.is_some_and(|at| at <= now)
    }

    fn uses_at(&self, minute: u32) -> u8 {
        let idle = minute.saturating_sub(self.minute);
        self.uses.saturating_sub(u8::try_from(idle).unwrap_or(u8::MAX))
    }
}

/// Bytes an object counts for.
pub(crate) fn cost(key: &Key, data: usize, route: Option<&Route>) -> u64 {
    let route = route.map_or(0, |route| {
        let attributes: usize = route.attributes.iter().map(|a| a.name.len() + 64).sum();
        let texts: usize = route
            .attributes
            .iter()
            .map(|a| if let framedb_core::Value::Text(text) = &a.value { text.len() } else { 0 })
            .sum();
        route.metadata.len() + attributes + texts
    });
    OVERHEAD + (key.as_str().len() + data + route) as u64
}

/// Objects by key, with an index of those that expire.
#[derive(Debug, Default)]
pub(crate) struct Shard {
    objects: IndexMap<Key, Entry, RandomState>,
    expiring: BTreeSet<(u64, Key)>,
    random: u64,
}

impl Shard {
    pub(crate) fn seeded(seed: u64) -> Self {
        Self { random: seed | 1, ..Self::default() }
    }

    pub(crate) fn get(&self, key: &Key) -> Option<&Entry> {
        self.objects.get(key)
    }

    pub(crate) fn get_mut(&mut self, key: &Key) -> Option<&mut Entry> {
        self.objects.get_mut(key)
    }

    /// Reads an object and counts the use.
    pub(crate) fn touch(&mut self, key: &Key, minute: u32) -> Option<&Entry> {
        let chance = self.next_random();
        let entry = self.objects.get_mut(key)?;
        entry.uses = entry.uses_at(minute);
        entry.minute = minute;
        let hurdle = 10 * u64::from(entry.uses.saturating_sub(FIRST_USES)) + 1;
        if chance.is_multiple_of(hurdle) {
            entry.uses = entry.uses.saturating_add(1);
        }
        Some(entry)
    }

    /// Stores an object; the one it replaces.
    pub(crate) fn insert(&mut self, key: Key, mut entry: Entry, minute: u32) -> Option<Entry> {
        entry.minute = minute;
        let expires_at = entry.expires_at;
        let index = expires_at.map(|at| (at, key.clone()));
        let (position, earlier) = self.objects.insert_full(key, entry);
        if let Some(at) = earlier.as_ref().and_then(|entry| entry.expires_at)
            && Some(at) != expires_at
            && let Some((key, _)) = self.objects.get_index(position)
        {
            self.expiring.remove(&(at, key.clone()));
        }
        self.expiring.extend(index);
        earlier
    }

    pub(crate) fn remove(&mut self, key: &Key) -> Option<Entry> {
        let (key, entry) = self.objects.swap_remove_entry(key)?;
        if let Some(at) = entry.expires_at {
            self.expiring.remove(&(at, key));
        }
        Some(entry)
    }

    /// The least used of some objects taken at random, or one that has expired, with its uses:
    /// of several shards' the one with the fewest goes.
    pub(crate) fn victim(&mut self, now: u64, minute: u32) -> Option<(u8, Key)> {
        if let Some((at, key)) = self.expiring.first()
            && *at <= now
        {
            return Some((0, key.clone()));
        }
        let length = self.objects.len();
        let mut least: Option<(u8, usize)> = None;
        for _ in 0..SAMPLES.min(length) {
            let position = usize::try_from(self.next_random() % length as u64).unwrap_or_default();
            if let Some((_, entry)) = self.objects.get_index(position) {
                let uses = entry.uses_at(minute);
                if least.is_none_or(|(fewest, _)| uses < fewest) {
                    least = Some((uses, position));
                }
            }
        }
        let (uses, position) = least?;
        let (key, _) = self.objects.get_index(position)?;
        Some((uses, key.clone()))
    }

    pub(crate) fn len(&self) -> usize {
        self.objects.len()
    }

    /// Objects that have expired, oldest first.
    pub(crate) fn expired(&self, now: u64) -> impl Iterator<Item = (u64, &Key, &Entry)> {
        let expired = self.expiring.iter().take_while(move |(at, _)| *at <= now);
        expired.filter_map(|(at, key)| Some((*at, key, self.objects.get(key)?)))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Key, &Entry)> {
        self.objects.iter()
    }

    /// Xorshift: which objects are compared need not be unpredictable.
    fn next_random(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random
    }
}
