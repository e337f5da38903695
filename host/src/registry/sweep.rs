//! `sweep`: removes what has expired, a bounded step at a time.

use super::Registry;
use crate::{Result, store::ObjectStore};
use framedb_core::{Key, Kind, Route};
use std::{collections::HashMap, sync::Arc, time::SystemTime};

/// Removes up to `limit` expired objects with their routes, oldest first; how many routes went.
/// Fewer than `limit` mean that nothing more has expired.
///
/// Data goes first and only if it is itself past its time, then the route if it is still the
/// one that had expired: what is written meanwhile stays. An object whose engine fails keeps its
/// route for the next sweep.
///
/// # Errors
///
/// When the registry cannot be read or written.
pub async fn sweep<S>(
    registry: &dyn Registry,
    objects: S,
    now: SystemTime,
    limit: usize,
) -> Result<usize>
where
    S: Fn(&str) -> Option<Arc<dyn ObjectStore>> + Send + Sync,
{
    let mut by_instance: HashMap<Arc<str>, Vec<(Key, Route)>> = HashMap::new();
    for (key, route) in registry.expired(now, limit).await? {
        by_instance.entry(route.framedb_id.clone()).or_default().push((key, route));
    }
    let mut removed = 0;
    for (framedb_id, routes) in by_instance {
        let keys: Vec<Key> = routes.iter().map(|(key, _)| key.clone()).collect();
        let deleted = match objects(&framedb_id) {
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
