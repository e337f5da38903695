//! `Recovery`: what becomes of the writes whose outcome is unclear, because a crash interrupted
//! them or their engine did not answer.
//!
//! It runs beside new traffic and holds only the keys it is about. If the bytes of a write are
//! stored and its key's route is the one that the write found, the new route is registered;
//! otherwise the old one stands.

use super::{
    Intent, Intents, Registry,
    settle::{Ways, answers, settle},
};
use crate::{Error, ErrorKind, Result, store::Stores};
use framedb_core::Key;
use futures::{StreamExt, stream, stream::FuturesUnordered};
use parking_lot::Mutex;
use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::sync::{Notify, watch};

/// How long an engine that cannot be reached is left alone, at first and at most. To ask it costs
/// one read, and clients wait for the answer.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// How long an engine that answers again may take for what was sent to it before: what stands in
/// its sockets is read beside the first new request, not before it.
const LATE: Duration = Duration::from_secs(1);

/// Unsettled writes of an instance, beyond which it takes no further ones: their keys and routes
/// are in memory.
const MOST_UNSETTLED: usize = 1 << 16;

/// Writes of an instance that are settled at the same time.
const AT_ONCE: usize = 32;

/// How many writes were settled, and how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Found stored, and registered or already so.
    pub registered: usize,
    /// Not stored, or overtaken: the old route stands.
    pub left: usize,
}

/// A write that is to be settled.
#[derive(Debug)]
struct Unsettled {
    intent: Intent,
    /// Whether this process sent it, so that its engine may still be about to store it.
    recent: bool,
}

/// Why a key is held.
#[derive(Debug, Default)]
struct Held {
    /// The generations of its unsettled writes: they are settled in order.
    writes: BTreeSet<u64>,
    /// How many writes go on beyond the time that their senders wait.
    under_way: usize,
}

#[derive(Debug, Default)]
struct State {
    held: HashMap<Key, Held>,
    /// What waits to be settled, by instance.
    waiting: HashMap<Arc<str>, Vec<Unsettled>>,
    /// How many are unsettled, those that are being settled included.
    unsettled: HashMap<Arc<str>, usize>,
}

/// The keys of writes whose outcome is unclear, until these are settled.
///
/// Reads, deletes and writes of such a key wait; other keys do not. Every instance is settled by
/// itself, so that one that cannot be reached holds up none of the others.
#[derive(Debug)]
pub struct Recovery {
    // Held for a few operations on maps; never across an await.
    state: Mutex<State>,
    /// How many keys are held: mostly none, and then nobody takes the lock.
    keys: AtomicUsize,
    /// Told whenever a key is free again.
    freed: watch::Sender<()>,
    /// Told whenever there is a write to settle.
    handed: Notify,
}

/// Holds keys while their writes go on beyond the time that their senders wait.
#[derive(Debug)]
pub(crate) struct Hold {
    recovery: Arc<Recovery>,
    keys: Vec<Key>,
}

impl Recovery {
    /// Holds the keys of `pending`; nothing is done before [`Recovery::run`].
    #[must_use]
    pub fn new(pending: Vec<Intent>) -> Self {
        let recovery = Self {
            state: Mutex::default(),
            keys: AtomicUsize::new(0),
            freed: watch::Sender::new(()),
            handed: Notify::new(),
        };
        for intent in pending {
            recovery.add(Unsettled { intent, recent: false });
        }
        recovery
    }

    /// Returns when no write of this key is unsettled. It waits as long as that takes: callers
    /// have the deadline.
    pub async fn wait(&self, key: &Key) {
        if !self.holds(key) {
            return;
        }
        let mut freed = self.freed.subscribe();
        while self.holds(key) {
            if freed.changed().await.is_err() {
                return;
            }
        }
    }

    /// Whether a write of this key is unsettled.
    #[must_use]
    pub fn holds(&self, key: &Key) -> bool {
        self.keys.load(Ordering::Acquire) > 0 && self.state.lock().held.contains_key(key)
    }

    /// Takes over a write that has ended without a known outcome; its intent is on the disk. Its
    /// key is held from here on, so the caller gives up its place in line afterwards.
    pub fn hand_over(&self, intent: Intent) {
        self.add(Unsettled { intent, recent: true });
    }

    /// Holds keys until the answer is dropped.
    pub(crate) fn hold(self: &Arc<Self>, keys: Vec<Key>) -> Hold {
        let mut state = self.state.lock();
        for key in &keys {
            state.held.entry(key.clone()).or_default().under_way += 1;
        }
        self.keys.store(state.held.len(), Ordering::Release);
        Hold { recovery: self.clone(), keys }
    }

    /// Refuses a write to an instance that has left too many unclear.
    pub(crate) fn check_room(&self, framedb_id: &str) -> Result<()> {
        if self.keys.load(Ordering::Acquire) < MOST_UNSETTLED {
            return Ok(());
        }
        let unsettled = self.state.lock().unsettled.get(framedb_id).copied().unwrap_or_default();
        if unsettled < MOST_UNSETTLED {
            return Ok(());
        }
        let message = format!(
            "`{framedb_id}` has left the outcome of {unsettled} writes unclear, and takes no more \
             before it answers again"
        );
        Err(Error::new(ErrorKind::Unavailable, message))
    }

    /// Returns when there is a write to settle.
    pub async fn wanted(&self) {
        while self.state.lock().waiting.is_empty() {
            self.handed.notified().await;
        }
    }

    /// Settles what there is, and what comes meanwhile, until nothing is left. Where an engine
    /// cannot be reached it tries again, less and less often, for as long as it is polled.
    /// Failures that do not pass leave the old route.
    pub async fn run(
        &self,
        intents: &Intents,
        registry: &dyn Registry,
        stores: &dyn Stores,
    ) -> Recovered {
        let ways = Ways { intents, registry, stores };
        let mut recovered = Recovered::default();
        let mut running: HashSet<Arc<str>> = HashSet::new();
        let mut instances = FuturesUnordered::new();
        loop {
            let waiting: Vec<_> = self.state.lock().waiting.keys().cloned().collect();
            for framedb_id in waiting {
                if running.insert(framedb_id.clone()) {
                    instances.push(self.settle_instance(framedb_id, ways));
                }
            }
            if instances.is_empty() {
                return recovered;
            }
            tokio::select! {
                Some((framedb_id, settled)) = instances.next() => {
                    running.remove(&framedb_id);
                    recovered.registered += settled.registered;
                    recovered.left += settled.left;
                }
                () = self.handed.notified() => {}
            }
        }
    }

    /// Settles the writes of an instance until none is left.
    async fn settle_instance(
        &self,
        framedb_id: Arc<str>,
        ways: Ways<'_>,
    ) -> (Arc<str>, Recovered) {
        let mut recovered = Recovered::default();
        let mut pause = FIRST_PAUSE;
        while let Some(writes) = self.take(&framedb_id) {
            let mut unsettled = Vec::new();
            match self.ready(&writes, ways).await {
                Ok(()) => {
                    let settling = writes.into_iter().map(|write| self.settle_one(write, ways));
                    let mut settled = stream::iter(settling).buffer_unordered(AT_ONCE);
                    while let Some(outcome) = settled.next().await {
                        match outcome {
                            Ok(true) => recovered.registered += 1,
                            Ok(false) => recovered.left += 1,
                            Err(write) => unsettled.push(write),
                        }
                    }
                }
                Err(error) => {
                    // The first time it is news.
                    if pause == FIRST_PAUSE {
                        let (writes, error) = (writes.len(), error.chain());
                        tracing::warn!(
                            %framedb_id,
                            writes,
                            error,
                            "writes whose outcome is unclear cannot be settled yet: their keys wait"
                        );
                    }
                    unsettled = writes;
                }
            }
            if unsettled.is_empty() {
                pause = FIRST_PAUSE;
                continue;
            }
            self.put_back(&framedb_id, unsettled);
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        (framedb_id, recovered)
    }

    /// Returns when the engine answers, and has had the time to take what was sent to it before.
    async fn ready(&self, writes: &[Unsettled], ways: Ways<'_>) -> Result<()> {
        let Some(first) = writes.first() else { return Ok(()) };
        answers(&first.intent, ways).await?;
        if writes.iter().any(|write| write.recent) {
            tokio::time::sleep(LATE).await;
        }
        Ok(())
    }

    /// Settles a write; whether its route is registered. A write that is to be looked at again is
    /// handed back.
    async fn settle_one(&self, write: Unsettled, ways: Ways<'_>) -> Result<bool, Unsettled> {
        let intent = &write.intent;
        if !self.is_next(intent) {
            return Err(write);
        }
        let registered = match settle(intent, ways).await {
            Ok(registered) => registered,
            Err(error) => {
                let (key, error, again) =
                    (intent.key.as_str(), error.chain(), error.is_temporary());
                tracing::warn!(key, error, again, "a write whose outcome is unclear is not settled");
                // What cannot be read is not stored; trying again would hold its key without end.
                if again || ways.intents.clear(intent).await.is_err() {
                    return Err(write);
                }
                false
            }
        };
        self.settled(intent);
        Ok(registered)
    }

    fn add(&self, write: Unsettled) {
        let mut state = self.state.lock();
        let (key, route) = (write.intent.key.clone(), &write.intent.route);
        let framedb_id = route.framedb_id.clone();
        if !state.held.entry(key).or_default().writes.insert(route.generation) {
            return;
        }
        *state.unsettled.entry(framedb_id.clone()).or_default() += 1;
        state.waiting.entry(framedb_id).or_default().push(write);
        self.keys.store(state.held.len(), Ordering::Release);
        drop(state);
        self.handed.notify_one();
    }

    fn take(&self, framedb_id: &str) -> Option<Vec<Unsettled>> {
        self.state.lock().waiting.remove(framedb_id)
    }

    fn put_back(&self, framedb_id: &Arc<str>, unsettled: Vec<Unsettled>) {
        self.state.lock().waiting.entry(framedb_id.clone()).or_default().extend(unsettled);
    }

    /// Whether all earlier writes of the key are settled, on whatever instance.
    fn is_next(&self, intent: &Intent) -> bool {
        let state = self.state.lock();
        let held = state.held.get(&intent.key);
        held.and_then(|held| held.writes.first()) == Some(&intent.route.generation)
    }

    fn settled(&self, intent: &Intent) {
        let mut state = self.state.lock();
        let framedb_id = &intent.route.framedb_id;
        if let Some(count) = state.unsettled.get_mut(framedb_id) {
            *count -= 1;
            if *count == 0 {
                state.unsettled.remove(framedb_id);
            }
        }
        if let Some(held) = state.held.get_mut(&intent.key) {
            held.writes.remove(&intent.route.generation);
        }
        self.free(&mut state, std::slice::from_ref(&intent.key));
    }

    /// Frees those of the keys that nothing holds any more.
    fn free(&self, state: &mut State, keys: &[Key]) {
        for key in keys {
            let held = state.held.get(key);
            if held.is_some_and(|held| held.writes.is_empty() && held.under_way == 0) {
                state.held.remove(key);
            }
        }
        self.keys.store(state.held.len(), Ordering::Release);
        self.freed.send_replace(());
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut state = self.recovery.state.lock();
        for key in &self.keys {
            if let Some(held) = state.held.get_mut(key) {
                held.under_way = held.under_way.saturating_sub(1);
            }
        }
        self.recovery.free(&mut state, &self.keys);
    }
}
