//! `Recovery`: what becomes of the writes whose outcome is unclear, because a crash interrupted
//! them or their engine did not answer.
//!
//! It runs beside new traffic and holds only the keys it is about. If the bytes of a write are
//! stored and its key's route is the one that the write found, the new route is registered;
//! otherwise the old one stands.

use super::{
    Intent, Intents, Registry,
    settle::{Ways, answers, settle},
    unsettled::{UnclearWrite, Unsettled},
};
use crate::{Error, ErrorKind, Result, store::Stores};
use framedb_core::Key;
use futures::{StreamExt, stream, stream::FuturesUnordered};
use parking_lot::Mutex;
use std::{
    collections::HashSet,
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

/// The keys of writes whose outcome is unclear, until these are settled.
///
/// Reads, deletes and writes of such a key wait; other keys do not. Every instance is settled by
/// itself, so that one that cannot be reached holds up none of the others.
#[derive(Debug)]
pub struct Recovery {
    // Held for a few operations on maps; never across an await.
    unsettled: Mutex<Unsettled>,
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
            unsettled: Mutex::default(),
            keys: AtomicUsize::new(0),
            freed: watch::Sender::new(()),
            handed: Notify::new(),
        };
        for intent in pending {
            recovery.add(UnclearWrite { intent, recent: false });
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
        self.keys.load(Ordering::Acquire) > 0 && self.unsettled.lock().holds(key)
    }

    /// The instances that have to say what became of a key's writes.
    pub(crate) fn awaits(&self, key: &Key) -> Vec<Arc<str>> {
        self.unsettled.lock().awaited(key)
    }

    /// Takes over a write that has ended without a known outcome; its intent is on the disk. Its
    /// key is held from here on, so the caller gives up its place in line afterwards.
    pub fn hand_over(&self, intent: Intent) {
        self.add(UnclearWrite { intent, recent: true });
    }

    /// Holds keys until the answer is dropped.
    pub(crate) fn hold(self: &Arc<Self>, keys: Vec<Key>) -> Hold {
        self.change(|unsettled| keys.iter().for_each(|key| unsettled.hold(key)));
        Hold { recovery: self.clone(), keys }
    }

    /// Refuses a write to an instance that has left too many unclear.
    pub(crate) fn check_room(&self, framedb_id: &str) -> Result<()> {
        if self.keys.load(Ordering::Acquire) < MOST_UNSETTLED {
            return Ok(());
        }
        let unsettled = self.unsettled.lock().count(framedb_id);
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
        while self.unsettled.lock().instances().is_empty() {
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
            let waiting = self.unsettled.lock().instances();
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
    async fn settle_instance(&self, framedb_id: Arc<str>, ways: Ways<'_>) -> (Arc<str>, Recovered) {
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
            self.unsettled.lock().put_back(&framedb_id, unsettled);
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        (framedb_id, recovered)
    }

    /// Returns when the engine answers, and has had the time to take what was sent to it before.
    async fn ready(&self, writes: &[UnclearWrite], ways: Ways<'_>) -> Result<()> {
        let Some(first) = writes.first() else { return Ok(()) };
        answers(&first.intent, ways).await?;
        if writes.iter().any(|write| write.recent) {
            tokio::time::sleep(LATE).await;
        }
        Ok(())
    }

    /// Settles a write; whether its route is registered. A write that is to be looked at again is
    /// handed back.
    async fn settle_one(&self, write: UnclearWrite, ways: Ways<'_>) -> Result<bool, UnclearWrite> {
        let intent = &write.intent;
        if !self.unsettled.lock().is_next(intent) {
            return Err(write);
        }
        let registered = match settle(intent, ways).await {
            Ok(registered) => registered,
            Err(error) => {
                let (key, error, again) =
                    (intent.key.as_str(), error.chain(), error.is_temporary());
                tracing::warn!(
                    key,
                    error,
                    again,
                    "a write whose outcome is unclear is not settled"
                );
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

    fn take(&self, framedb_id: &str) -> Option<Vec<UnclearWrite>> {
        self.unsettled.lock().take(framedb_id)
    }

    fn add(&self, write: UnclearWrite) {
        self.change(|unsettled| unsettled.add(write));
        self.handed.notify_one();
    }

    /// Forgets a write that is settled, and tells those who wait for its key.
    fn settled(&self, intent: &Intent) {
        self.change(|unsettled| unsettled.remove(intent));
        self.freed.send_replace(());
    }

    fn change(&self, change: impl FnOnce(&mut Unsettled)) {
        let mut unsettled = self.unsettled.lock();
        change(&mut unsettled);
        self.keys.store(unsettled.keys(), Ordering::Release);
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let Self { recovery, keys } = self;
        recovery.change(|unsettled| keys.iter().for_each(|key| unsettled.release(key)));
        recovery.freed.send_replace(());
    }
}
