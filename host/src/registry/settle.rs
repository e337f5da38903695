//! `settle`: what becomes of one write whose outcome is unclear.

use super::{Intent, Intents, Registry};
use crate::{Error, Result, store::Stores};
use framedb_core::{Kind, Route};

/// What settling needs.
#[derive(Clone, Copy)]
pub(super) struct Ways<'a> {
    pub(super) intents: &'a Intents,
    pub(super) registry: &'a dyn Registry,
    pub(super) stores: &'a dyn Stores,
}

/// Whether the engine of a write, and the registry, answer.
///
/// # Errors
///
/// What keeps one of them from it, if that may pass; settling tells of other failures.
pub(super) async fn answers(intent: &Intent, ways: Ways<'_>) -> Result<()> {
    let key = std::slice::from_ref(&intent.key);
    let asked = async {
        ways.registry.lookup(key).await?;
        if let Some(store) = ways.stores.objects(&intent.route.framedb_id).await? {
            first(store.get(key).await)?;
        }
        Ok(())
    };
    asked.await.or_else(|error: Error| if error.is_temporary() { Err(error) } else { Ok(()) })
}

/// Settles one write; whether its route is registered.
///
/// # Errors
///
/// When the engine, the registry or the data directory fails; then nothing is settled.
pub(super) async fn settle(intent: &Intent, ways: Ways<'_>) -> Result<bool> {
    let Ways { intents, registry, stores } = ways;
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
            let (key, framedb_id) = (intent.key.as_str(), &*intent.route.framedb_id);
            tracing::info!(
                key,
                framedb_id,
                "an object whose write was interrupted is found stored, and is readable now"
            );
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
    intents.clear(intent).await?;
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
