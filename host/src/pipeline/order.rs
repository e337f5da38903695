//! `Order`: objects of one key, or elements of one queue, are written in the order in which
//! they came through the door.

use ahash::RandomState;
use framedb_core::Key;
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};
use tokio::sync::Notify;

/// So many locks that doors and batches on many threads seldom meet at one.
const SHARDS: usize = 64;

/// The lines of all keys that have an object in flight.
#[derive(Debug)]
pub(crate) struct Order {
    hasher: RandomState,
    // Each held for one map operation; never across an await.
    lines: Vec<Mutex<Line>>,
}

type Line = HashMap<Key, Arc<Ticket>, RandomState>;

/// An object's place in the line of its key, which is given up when this is dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    order: Arc<Order>,
    key: Key,
    ticket: Arc<Ticket>,
    predecessor: Option<Arc<Ticket>>,
}

#[derive(Debug, Default)]
struct Ticket {
    // Set under the lock of its line.
    ended: AtomicBool,
    waiters: Notify,
    /// What this place waited for when it was given up before its turn: those behind it wait
    /// for that instead.
    before: OnceLock<Arc<Ticket>>,
}

impl Order {
    pub(crate) fn new() -> Arc<Self> {
        let lines = (0..SHARDS).map(|_| Mutex::default()).collect();
        Arc::new(Self { hasher: RandomState::new(), lines })
    }

    /// Joins the line of `key` at its end.
    pub(crate) fn enter(self: &Arc<Self>, key: &Key) -> Turn {
        let ticket = Arc::new(Ticket::default());
        let predecessor = self.line(key).insert(key.clone(), ticket.clone());
        Turn { order: self.clone(), key: key.clone(), ticket, predecessor }
    }

    #[allow(clippy::indexing_slicing, reason = "the index is taken modulo the length")]
    fn line(&self, key: &Key) -> MutexGuard<'_, Line> {
        let shard = self.hasher.hash_one(key) as usize % SHARDS;
        self.lines[shard].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ticket {
    fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }
}

impl Turn {
    /// Whether everything before it has ended.
    pub(crate) fn is_first(&self) -> bool {
        self.blocker().is_none()
    }

    /// Whether it waits for `other` and nothing else.
    pub(crate) fn follows(&self, other: &Self) -> bool {
        self.blocker().is_some_and(|ticket| Arc::ptr_eq(ticket, &other.ticket))
    }

    /// Waits until everything before it has ended.
    pub(crate) async fn come(&self) {
        while let Some(blocker) = self.blocker() {
            let notified = blocker.waiters.notified();
            tokio::pin!(notified);
            // Registered before the check, so that no end is missed.
            notified.as_mut().enable();
            if !blocker.has_ended() {
                notified.await;
            }
        }
    }

    /// The last one before it that has not ended.
    fn blocker(&self) -> Option<&Arc<Ticket>> {
        let mut before = self.predecessor.as_ref();
        while let Some(ticket) = before {
            if !ticket.has_ended() {
                return Some(ticket);
            }
            before = ticket.before.get();
        }
        None
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut line = self.order.line(&self.key);
        let blocker = self.blocker().cloned();
        if line.get(&self.key).is_some_and(|last| Arc::ptr_eq(last, &self.ticket)) {
            match &blocker {
                Some(blocker) => line.insert(self.key.clone(), blocker.clone()),
                None => line.remove(&self.key),
            };
        }
        if let Some(blocker) = blocker {
            let _ = self.ticket.before.set(blocker);
        }
        self.ticket.ended.store(true, Ordering::Release);
        drop(line);
        self.ticket.waiters.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    fn key() -> Key {
        Key::new("k").unwrap()
    }

    #[tokio::test]
    async fn a_place_waits_for_the_one_before_it() {
        let order = Order::new();
        let (first, second) = (order.enter(&key()), order.enter(&key()));
        assert!(first.is_first() && !second.is_first() && second.follows(&first));
        assert!(second.come().now_or_never().is_none());
        drop(first);
        second.come().await;
        assert!(second.is_first());
    }

    #[tokio::test]
    async fn a_place_given_up_early_does_not_let_others_past() {
        let order = Order::new();
        let (first, second, third) =
            (order.enter(&key()), order.enter(&key()), order.enter(&key()));
        drop(second);
        assert!(third.follows(&first));
        let waiting = tokio::spawn(async move { third.come().await });
        drop(first);
        waiting.await.unwrap();
    }

    #[tokio::test]
    async fn a_last_place_given_up_early_leaves_the_line_to_those_before() {
        let order = Order::new();
        let (first, second) = (order.enter(&key()), order.enter(&key()));
        drop(second);
        let third = order.enter(&key());
        assert!(third.follows(&first));
        drop((first, third));
        assert!(order.lines.iter().all(|line| line.lock().unwrap().is_empty()));
    }

    #[test]
    fn other_keys_never_wait() {
        let order = Order::new();
        let _first = order.enter(&key());
        assert!(order.enter(&Key::new("other").unwrap()).is_first());
    }
}
