//! `settle`: what becomes of one write whose outcome is unclear.

use super::{Intent, Intents, Registry};
use crate::{
    Error, Result,
    store::{Stores, are_one},
};
use framedb_core::{Key, Settlement};

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
    let complete = carry_out(intent, ways.registry, ways.stores).await?;
    ways.intents.clear(intent).await?;
    Ok(complete)
}

/// Does what is to be done for a write, but does not forget it; whether its route is registered.
///
/// # Errors
///
/// When the engine or the registry fails; it can be done again.
pub(super) async fn carry_out(
    intent: &Intent,
    registry: &dyn Registry,
    stores: &dyn Stores,
) -> Result<bool> {
    let key = std::slice::from_ref(&intent.key);
    let complete = loop {
        let registered = registry.lookup(key).await?.pop().flatten();
        if intent.is_registered(registered.as_ref()) {
            break true;
        }
        let target = stores.objects(&intent.route.framedb_id).await?;
        let stored = match &target {
            Some(store) => first(store.get(key).await)?.flatten(),
            // The instance is not configured any more.
            None => None,
        };
        match intent.settle(registered.as_ref(), stored.as_deref()) {
            Settlement::Complete => break true,
            Settlement::Register => {
                // Where somebody has written the key meanwhile it is looked at again.
                if registry.register_unchanged(intent).await? {
                    let (key, framedb_id) = (intent.key.as_str(), &*intent.route.framedb_id);
                    tracing::info!(
                        key,
                        framedb_id,
                        "an object whose write was interrupted is found stored, and is readable now"
                    );
                    break true;
                }
            }
            Settlement::Orphan => {
                // Nobody will look for these bytes.
                let to = registered.map(|route| route.framedb_id);
                delete_left(&intent.key, &intent.route.framedb_id, to.as_deref(), stores).await?;
                break false;
            }
            Settlement::Stands => break false,
        }
    };
    if complete && let Some(old) = intent.left_behind() {
        let to = Some(&*intent.route.framedb_id);
        if let Err(error) = delete_left(&intent.key, &old.framedb_id, to, stores).await {
            // The place may be gone for good, and what is new waits for nobody.
            let (key, framedb_id, error) = (&intent.key, &*old.framedb_id, error.chain());
            tracing::warn!(%key, framedb_id, error, "what a key has left stays behind");
        }
    }
    Ok(complete)
}

/// Deletes what a key has on an instance, unless that has the values of the one where the key is.
async fn delete_left(key: &Key, left: &str, to: Option<&str>, stores: &dyn Stores) -> Result<()> {
    // One that is not configured any more has nothing for us, nor can anything be told of it.
    let Some(store) = stores.objects(left).await? else { return Ok(()) };
    if let Some(to) = to.filter(|to| *to != left) {
        let Some(new) = stores.objects(to).await? else { return Ok(()) };
        if are_one(new.as_ref(), store.as_ref(), key).await? {
            return Ok(());
        }
    }
    first(store.delete(std::slice::from_ref(key)).await).map(drop)
}

fn first<T>(answers: Vec<Result<T>>) -> Result<Option<T>> {
    answers.into_iter().next().transpose()
}
