//! `sweep`: removes what has expired, a bounded step at a time.

use super::Registry;
use crate::{
    Result,
    store::{ObjectStore, Stores},
};
use framedb_core::{Key, Kind, Route};
use std::{collections::HashMap, sync::Arc, time::SystemTime};

/// Removes up to `limit` expired objects with their routes, oldest first; how many routes went.
/// Fewer than `limit` mean that nothing more has expired.
///
/// Data goes first and only if it is itself past its time, then the route if it is still the
/// one that had expired: what is written meanwhile stays. Where the engine keeps no expiry the
/// route goes first, and the data after it; `turn` waits until nobody writes the key, and
/// answers what keeps it so, because such data cannot be deleted on a condition. An object
/// whose engine fails keeps its route for the next sweep, and so does a key that is `held`,
/// because the outcome of a write of it is not known.
///
/// # Errors
///
/// When the registry cannot be read or written.
pub async fn sweep<T, F>(
    registry: &dyn Registry,
    stores: &dyn Stores,
    turn: T,
    held: impl Fn(&Key) -> bool + Send + Sync,
    now: SystemTime,
    limit: usize,
) -> Result<usize>
where
    T: Fn(&Key) -> F + Send + Sync,
    F: Future + Send,
    F::Output: Send,
{
    let mut by_instance: HashMap<Arc<str>, Vec<(Key, Route)>> = HashMap::new();
    for (key, route) in registry.expired(now, limit).await? {
        if held(&key) {
            continue;
        }
        by_instance.entry(route.framedb_id.clone()).or_default().push((key, route));
    }
    let mut removed = 0;
    for (framedb_id, routes) in by_instance {
        let keys: Vec<Key> = routes.iter().map(|(key, _)| key.clone()).collect();
        let store = match stores.objects(&framedb_id).await {
            Ok(store) => store,
            // That a server cannot be reached is told once, by whoever looks at it.
            Err(error) if error.is_temporary() => continue,
            Err(error) => {
                let error = error.chain();
                tracing::warn!(%framedb_id, error, "expired objects cannot be deleted yet");
                continue;
            }
        };
        if let Some(store) = store.as_ref().filter(|store| !store.keeps_expiry()) {
            for (key, route) in routes {
                let _place = turn(&key).await;
                if held(&key) {
                    continue;
                }
                if registry.remove(&key, Some(route.generation)).await? {
                    removed += 1;
                    delete_unrouted(store.as_ref(), registry, key).await?;
                }
            }
            continue;
        }
        let deleted = match &store {
            Some(store) => store.delete_expired(&keys, now).await,
            None => Vec::new(),
        };
        for (slot, (key, route)) in routes.into_iter().enumerate() {
            match deleted.get(slot) {
                Some(Err(error)) if route.kind != Kind::Stream => {
                    let key = key.as_str();
                    tracing::warn!(
                        key,
                        error = error.chain(),
                        "an expired object cannot be deleted yet"
                    );
                }
                // A store in the registry's domain took the route along.
                Some(Ok(true)) => {
                    registry.remove(&key, Some(route.generation)).await?;
                    removed += 1;
                }
                _ => removed += usize::from(registry.remove(&key, Some(route.generation)).await?),
            }
        }
    }
    Ok(removed)
}

/// Deletes what an engine that keeps no expiry has under a key whose route has just gone, unless
/// the key has a new one.
async fn delete_unrouted(store: &dyn ObjectStore, registry: &dyn Registry, key: Key) -> Result<()> {
    let keys = [key];
    if registry.lookup(&keys).await?.iter().any(Option::is_some) {
        return Ok(());
    }
    if let Some(Err(error)) = store.delete(&keys).await.pop() {
        let [key] = &keys;
        let (key, error) = (key.as_str(), error.chain());
        tracing::warn!(key, error, "the data of an expired object stays behind");
    }
    Ok(())
}
