//! The routes of a [`Space`], and its queues, beside which routes may live.

use super::{Space, queue::QueueState, shard::cost};
use crate::{Error, ErrorKind, Result};
use bytes::Bytes;
use framedb_core::{Key, Kind, Route};
use parking_lot::Mutex;
use std::sync::{Arc, atomic::Ordering::Relaxed};

/// A queue in memory, and its route.
#[derive(Debug, Default)]
pub(crate) struct MemoryQueue {
    pub(crate) state: QueueState<Bytes>,
    pub(crate) route: Option<Route>,
    /// It was dropped from the map: whoever still has it looks again.
    pub(crate) gone: bool,
}

impl Space {
    /// The route of an object or a queue.
    pub(crate) fn route(&self, key: &Key) -> Option<Route> {
        let object = self.shard(key).lock().get(key).and_then(|entry| entry.route.clone());
        let queue = self.queue_if_any(key).and_then(|queue| queue.lock().route.clone());
        let object = object.map(|route| *route);
        object.into_iter().chain(queue).max_by_key(|route| route.generation)
    }

    /// The generation of a key's route.
    pub(crate) fn generation(&self, key: &Key) -> Option<u64> {
        let object = self.shard(key).lock();
        let object = object.get(key).and_then(|entry| Some(entry.route.as_ref()?.generation));
        let queue =
            self.queue_if_any(key).and_then(|queue| Some(queue.lock().route.as_ref()?.generation));
        object.max(queue)
    }

    /// Puts a route beside its data, or beside its queue.
    ///
    /// # Errors
    ///
    /// When there is no data under the key any more, or no room for the route.
    pub(crate) fn attach(&self, key: &Key, route: &Route) -> Result<()> {
        if route.kind == Kind::Stream {
            self.with_queue(key, |queue| {
                if queue.route.replace(route.clone()).is_none() {
                    self.routes.fetch_add(1, Relaxed);
                }
            });
            self.strip_object(key, |found| found < route.generation);
            return Ok(());
        }
        let mut objects = self.shard(key).lock();
        let Some(entry) = objects.get_mut(key) else {
            return Err(Error::new(
                ErrorKind::NotFound,
                format!(
                    "cannot register {key}: nothing is stored under it in {}",
                    self.framedb_id()
                ),
            ));
        };
        let old = entry.cost(key);
        let new = cost(key, entry.data.len(), Some(route));
        if new > old && !self.reserve(new - old) {
            return Err(self.full(key));
        }
        self.used.fetch_sub(old.saturating_sub(new), Relaxed);
        if entry.route.replace(Box::new(route.clone())).is_none() {
            self.routes.fetch_add(1, Relaxed);
        }
        drop(objects);
        self.strip_queue(key, |found| found < route.generation);
        Ok(())
    }

    /// Takes the routes of a key whose generation meets `condition` away; whether there was one.
    pub(crate) fn strip(&self, key: &Key, condition: impl Fn(u64) -> bool) -> bool {
        let object = self.strip_object(key, &condition);
        self.strip_queue(key, &condition) || object
    }

    /// Runs `act` on a queue, which is made when it is new.
    pub(crate) fn with_queue<R>(&self, key: &Key, act: impl FnOnce(&mut MemoryQueue) -> R) -> R {
        loop {
            let queue = self.queue_if_any(key);
            let queue = queue
                .unwrap_or_else(|| self.queues.write().entry(key.clone()).or_default().clone());
            let mut queue = queue.lock();
            if !queue.gone {
                return act(&mut queue);
            }
        }
    }

    /// A queue, if it is known.
    pub(crate) fn queue_if_any(&self, key: &Key) -> Option<Arc<Mutex<MemoryQueue>>> {
        self.queues.read().get(key).cloned()
    }

    /// Calls `visit` for every queue.
    pub(crate) fn visit_queues(&self, mut visit: impl FnMut(&Key, &mut MemoryQueue)) {
        let queues: Vec<_> =
            self.queues.read().iter().map(|(k, q)| (k.clone(), q.clone())).collect();
        for (key, queue) in queues {
            visit(&key, &mut queue.lock());
        }
    }

    /// Drops the queues of which nothing is to be kept.
    pub(crate) fn drop_idle_queues(&self, now: u64) {
        self.queues.write().retain(|_, queue| {
            let Some(mut queue) = queue.try_lock() else { return true };
            queue.state.expire(now);
            queue.state.forget(now);
            queue.gone = queue.state.is_idle() && queue.route.is_none();
            !queue.gone
        });
    }

    fn strip_object(&self, key: &Key, condition: impl Fn(u64) -> bool) -> bool {
        let mut objects = self.shard(key).lock();
        let Some(entry) = objects.get_mut(key) else { return false };
        if !entry.route.as_ref().is_some_and(|route| condition(route.generation)) {
            return false;
        }
        let old = entry.cost(key);
        entry.route = None;
        self.used.fetch_sub(old - entry.cost(key), Relaxed);
        self.routes.fetch_sub(1, Relaxed);
        true
    }

    fn strip_queue(&self, key: &Key, condition: impl Fn(u64) -> bool) -> bool {
        let Some(queue) = self.queue_if_any(key) else { return false };
        let mut queue = queue.lock();
        if !queue.route.as_ref().is_some_and(|route| condition(route.generation)) {
            return false;
        }
        queue.route = None;
        self.routes.fetch_sub(1, Relaxed);
        true
    }
}
