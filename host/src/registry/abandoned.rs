//! `settle_abandoned`: what becomes of writes that workers on Spin have begun and given up.
//!
//! A worker has no disk: what it has begun is in the registry, and when it ends between data and
//! route, a node that shares the registry settles it as it settles its own.

use super::{Recovered, Registry, settle::carry_out};
use crate::{Result, store::Stores};
use framedb_core::Key;

/// Writes that are looked for at once.
const STEP: usize = 256;

/// Settles the writes that were given up; how many, and how. `turn` waits until nobody writes
/// the key, and answers what keeps it so; a key that is `held`, because the outcome of a write
/// of this node is not known, is left for the next time, and so is what an engine keeps from
/// being settled.
///
/// # Errors
///
/// When the registry cannot be read.
pub async fn settle_abandoned<T, F>(
    registry: &dyn Registry,
    stores: &dyn Stores,
    turn: T,
    held: impl Fn(&Key) -> bool + Send + Sync,
) -> Result<Recovered>
where
    T: Fn(&Key) -> F + Send + Sync,
    F: Future + Send,
    F::Output: Send,
{
    let mut recovered = Recovered::default();
    let mut left = 0;
    loop {
        let writes = registry.abandoned(left, STEP).await?;
        let last = writes.len() < STEP;
        for intent in writes {
            if held(&intent.key) {
                left += 1;
                continue;
            }
            let _place = turn(&intent.key).await;
            if held(&intent.key) {
                left += 1;
                continue;
            }
            let settled = match carry_out(&intent, registry, stores).await {
                Ok(complete) => registry.forget_abandoned(&intent).await.map(|()| complete),
                Err(error) => Err(error),
            };
            match settled {
                Ok(true) => recovered.registered += 1,
                Ok(false) => recovered.left += 1,
                Err(error) => {
                    left += 1;
                    let (key, error) = (intent.key.as_str(), error.chain());
                    tracing::warn!(key, error, "a worker's interrupted write is not settled yet");
                }
            }
        }
        if last {
            return Ok(recovered);
        }
    }
}
