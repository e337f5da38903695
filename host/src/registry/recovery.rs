//! `Recovery`: what becomes of the writes that a crash interrupted.
//!
//! It runs beside new traffic and holds only the keys it is about. If the bytes of a write are
//! stored and its key's route is the one that the write found, the new route is registered;
//! otherwise the old one stands.

use super::{Intent, Intents, Registry};
use crate::{Result, store::Stores};
use framedb_core::{Key, Kind, Route};
use parking_lot::Mutex;
use std::{collections::HashMap, time::Duration};
use tokio::sync::watch;

/// How long an engine that cannot be reached is left alone, at first and at most.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// How many writes were settled, and how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Found stored, and registered or already so.
    pub registered: usize,
    /// Not stored, or overtaken: the old route stands.
    pub left: usize,
}

/// The keys of interrupted writes, until these are settled.
#[derive(Debug)]
pub struct Recovery {
    /// How many intents each key waits for.
    held: Mutex<HashMap<Key, usize>>,
    /// Told whenever a key is free again.
    freed: watch::Sender<()>,
}

impl Recovery {
    /// Holds the keys of `pending`; nothing is done before [`Recovery::run`].
    #[must_use]
    pub fn new(pending: &[Intent]) -> Self {
        let mut held = HashMap::new();
        for intent in pending {
            *held.entry(intent.key.clone()).or_default() += 1;
        }
        Self { held: Mutex::new(held), freed: watch::Sender::new(()) }
    }

    /// Returns when no interrupted write of this key is unsettled. It waits as long as that
    /// takes: callers have the deadline.
    pub async fn wait(&self, key: &Key) {
        let mut freed = self.freed.subscribe();
        while self.holds(key) {
            if freed.changed().await.is_err() {
                return;
            }
        }
    }

    /// Whether an interrupted write of this key is unsettled.
    #[must_use]
    pub fn holds(&self, key: &Key) -> bool {
        self.held.lock().contains_key(key)
    }

    /// Settles `pending` in order. Where an engine cannot be reached it tries again, less and
    /// less often, for as long as it is polled; the other keys do not wait for that. Other
    /// failures leave the old route.
    pub async fn run(
        &self,
        mut pending: Vec<Intent>,
        intents: &Intents,
        registry: &dyn Registry,
        stores: &dyn Stores,
    ) -> Recovered {
        let mut recovered = Recovered::default();
        let mut pause = FIRST_PAUSE;
        while !pending.is_empty() {
            let mut unsettled: Vec<Intent> = Vec::new();
            for intent in pending {
                // A key's intents are settled in order.
                if unsettled.iter().any(|earlier| earlier.key == intent.key) {
                    unsettled.push(intent);
                    continue;
                }
                match settle(&intent, intents, registry, stores).await {
                    Ok(true) => recovered.registered += 1,
                    Ok(false) => recovered.left += 1,
                    Err(error) => {
                        let (key, error, again) =
                            (intent.key.as_str(), error.chain(), error.is_temporary());
                        tracing::warn!(key, error, again, "an interrupted write is not settled");
                        // What cannot be read is not stored; trying again would hold its key
                        // without end.
                        let left =
                            !again && intents.clear(std::slice::from_ref(&intent)).await.is_ok();
                        if !left {
                            unsettled.push(intent);
                            continue;
                        }
                        recovered.left += 1;
                    }
                }
                self.free(&intent.key);
            }
            pending = unsettled;
            if !pending.is_empty() {
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
        recovered
    }

    fn free(&self, key: &Key) {
        let mut held = self.held.lock();
        if let Some(count) = held.get_mut(key) {
            *count -= 1;
            if *count == 0 {
                held.remove(key);
            }
        }
        drop(held);
        self.freed.send_replace(());
    }
}

/// Settles one write; whether its route is registered.
async fn settle(
    intent: &Intent,
    intents: &Intents,
    registry: &dyn Registry,
    stores: &dyn Stores,
) -> Result<bool> {
    let key = std::slice::from_ref(&intent.key);
    let registered = registry.lookup(key).await?.pop().flatten();
    let generation = registered.as_ref().map(|route| route.generation);
    let complete = if generation == Some(intent.route.generation) {
        true
    } else {
        let target = stores.objects(&intent.route.framedb_id).await?;
        let stored = match &target {
            Some(store) => first(store.get(key).await)?.flatten(),
            // The instance is not configured any more.
            None => None,
        };
        let stored = stored.is_some_and(|stored| intent.matches(&stored));
        let unchanged = generation == intent.previous.as_ref().map(|route| route.generation);
        if stored && unchanged {
            let route = (intent.key.clone(), intent.route.clone());
            first(registry.register(&[route]).await)?;
        } else if stored
            && !registered.as_ref().is_some_and(|route| same_place(route, &intent.route))
            && let Some(store) = &target
        {
            // Nobody will look for these bytes.
            first(store.delete(key).await)?;
        }
        stored && unchanged
    };
    if complete
        && let Some(previous) = &intent.previous
        && previous.kind != Kind::Stream
        && !same_place(previous, &intent.route)
        && let Some(store) = stores.objects(&previous.framedb_id).await?
    {
        first(store.delete(key).await)?;
    }
    intents.clear(std::slice::from_ref(intent)).await?;
    Ok(complete)
}

/// Whether two routes lead to the same bytes.
pub(crate) fn same_place(one: &Route, other: &Route) -> bool {
    let is_queue = |route: &Route| route.kind == Kind::Stream;
    one.framedb_id == other.framedb_id && is_queue(one) == is_queue(other)
}

fn first<T>(answers: Vec<Result<T>>) -> Result<Option<T>> {
    answers.into_iter().next().transpose()
}
