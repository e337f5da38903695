//! `MemoryStore`: objects and queues in the process, as fast as they come and gone with it.

use super::{
    Element, Leased, Limits, Listed, ObjectStore, Pushed, Queue, QueueLength, Record, check_size,
};
use crate::{
    Result,
    driver::{Arena, Domain, Space, older, steady_millis},
};
use async_trait::async_trait;
use bytes::Bytes;
use framedb_core::{Key, Route};
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, SystemTime},
};

/// How often queues are looked through for those of which nothing is left, in milliseconds.
const TIDY_EVERY: u64 = 60_000;

/// One `memory:` instance. No call waits for anything but short locks.
#[derive(Debug)]
pub struct MemoryStore {
    arena: Arc<Arena>,
    space: Arc<Space>,
    max_value: u64,
    tidied_at: AtomicU64,
}

impl MemoryStore {
    pub(super) fn new(arena: Arc<Arena>, space: Arc<Space>, max_value: u64) -> Self {
        Self { arena, space, max_value, tidied_at: AtomicU64::new(steady_millis()) }
    }

    fn put_with_route(&self, record: &Record, route: &Route) -> Result<()> {
        // Routes elsewhere in the arena are read apart from the write: the pipeline writes one
        // key at a time.
        let moves = self.arena.is_shared() || self.space.queue_if_any(&record.key).is_some();
        if moves
            && let Some(found) = self.arena.generation(&record.key)
            && found > route.generation
        {
            return Err(older(&record.key, route.generation, found));
        }
        check_size(&record.key, &record.data, self.max_value)?;
        self.space.put(&record.key, &record.data, Some(route), record.expires_at)?;
        if moves {
            self.arena.strip_older(&record.key, route.generation);
        }
        Ok(())
    }

    fn tidy(&self, now: u64) {
        let tidied_at = self.tidied_at.load(Relaxed);
        if now.saturating_sub(tidied_at) >= TIDY_EVERY
            && self.tidied_at.compare_exchange(tidied_at, now, Relaxed, Relaxed).is_ok()
        {
            self.space.drop_idle_queues(now);
        }
    }
}

#[async_trait]
impl ObjectStore for MemoryStore {
    async fn put(&self, records: &[Record]) -> Vec<Result<()>> {
        let put = |r: &Record| {
            check_size(&r.key, &r.data, self.max_value)?;
            self.space.put(&r.key, &r.data, None, r.expires_at)
        };
        records.iter().map(put).collect()
    }

    async fn get(&self, keys: &[Key]) -> Vec<Result<Option<Bytes>>> {
        keys.iter().map(|key| Ok(self.space.get(key))).collect()
    }

    async fn delete(&self, keys: &[Key]) -> Vec<Result<bool>> {
        let now = Route::millis(SystemTime::now());
        let delete = |key| {
            let entry = self.space.delete(key, |_| true);
            Ok(entry.is_some_and(|entry| !entry.expired(now)))
        };
        keys.iter().map(delete).collect()
    }

    async fn delete_expired(&self, keys: &[Key], now: SystemTime) -> Vec<Result<bool>> {
        let now = Route::millis(now);
        let delete = |key| Ok(self.space.delete(key, |entry| entry.expired(now)).is_some());
        keys.iter().map(delete).collect()
    }

    async fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<Listed>> {
        let now = Route::millis(SystemTime::now());
        // The first `limit` keys, however the shards are ordered.
        let mut first: BTreeMap<Key, u64> = BTreeMap::new();
        self.space.visit(|key, entry| {
            let wanted = key.as_str().starts_with(prefix)
                && after.is_none_or(|after| key.as_str() > after)
                && !entry.expired(now);
            let full = first.len() >= limit;
            if wanted && !(full && first.last_key_value().is_none_or(|(last, _)| key > last)) {
                first.insert(key.clone(), entry.data.len() as u64);
                if full {
                    first.pop_last();
                }
            }
        });
        Ok(first.into_iter().map(|(key, size)| Listed { key, size }).collect())
    }

    async fn health(&self) -> Result<()> {
        Ok(())
    }

    fn limits(&self) -> Limits {
        let max_value = self.max_value.min(self.space.max_bytes());
        Limits { max_value, capacity: Some(self.space.max_bytes()) }
    }

    fn durable(&self) -> bool {
        false
    }

    fn synced(&self) -> bool {
        false
    }

    fn describe(&self) -> String {
        format!("in memory, up to {}", bytesize::ByteSize::b(self.space.max_bytes()))
    }

    fn domain(&self) -> Option<Domain> {
        Some(self.arena.domain().clone())
    }

    async fn put_with_routes(&self, writes: &[(Record, Route)]) -> Vec<Result<()>> {
        writes.iter().map(|(record, route)| self.put_with_route(record, route)).collect()
    }
}

#[async_trait]
impl Queue for MemoryStore {
    async fn push(&self, queue: &Key, elements: &[Element]) -> Vec<Result<Pushed>> {
        let now = steady_millis();
        self.tidy(now);
        self.space.with_queue(queue, |slot| {
            slot.state.forget(now);
            let push = |element: &Element| {
                if slot.state.remembers(&element.id) {
                    return Ok(Pushed::Repeated);
                }
                check_size(queue, &element.data, self.max_value)?;
                self.space.reserve_element(queue, element.data.len())?;
                slot.state.push(&element.id, Bytes::copy_from_slice(&element.data), now);
                slot.state.forget(now);
                Ok(Pushed::New)
            };
            elements.iter().map(push).collect()
        })
    }

    async fn lease(&self, queue: &Key, period: Duration) -> Result<Option<Leased>> {
        let Some(queue) = self.space.queue_if_any(queue) else { return Ok(None) };
        let (now, mut queue) = (steady_millis(), queue.lock());
        queue.state.expire(now);
        let handed = queue.state.lease(period, now);
        Ok(handed.map(|handed| Leased {
            data: handed.payload.clone(),
            token: handed.token.as_ref().to_owned(),
            deliveries: handed.deliveries,
        }))
    }

    async fn ack(&self, queue: &Key, token: &str) -> Result<bool> {
        let Some(queue) = self.space.queue_if_any(queue) else { return Ok(false) };
        let mut queue = queue.lock();
        queue.state.expire(steady_millis());
        let Some((_, data)) = queue.state.ack(token) else { return Ok(false) };
        self.space.release_element(data.len());
        Ok(true)
    }

    async fn nack(&self, queue: &Key, token: &str) -> Result<bool> {
        let Some(queue) = self.space.queue_if_any(queue) else { return Ok(false) };
        let mut queue = queue.lock();
        queue.state.expire(steady_millis());
        Ok(queue.state.nack(token).is_some())
    }

    async fn extend(&self, queue: &Key, token: &str, period: Duration) -> Result<bool> {
        let Some(queue) = self.space.queue_if_any(queue) else { return Ok(false) };
        let (now, mut queue) = (steady_millis(), queue.lock());
        queue.state.expire(now);
        Ok(queue.state.extend(token, period, now).is_some())
    }

    async fn length(&self, queue: &Key) -> Result<QueueLength> {
        let Some(queue) = self.space.queue_if_any(queue) else { return Ok(QueueLength::default()) };
        let mut queue = queue.lock();
        queue.state.expire(steady_millis());
        let (ready, leased) = queue.state.lengths();
        Ok(QueueLength { ready, leased })
    }

    async fn purge(&self, queue: &Key) -> Result<u64> {
        let Some(queue) = self.space.queue_if_any(queue) else { return Ok(0) };
        let state = std::mem::take(&mut queue.lock().state);
        let sizes: Vec<usize> = state.payloads().map(Bytes::len).collect();
        for bytes in &sizes {
            self.space.release_element(*bytes);
        }
        Ok(sizes.len() as u64)
    }
}
