//! Waits with an end: Spin sets none.

use futures::future::{Either, select};
use std::{pin::pin, time::Duration};

/// How long a server may take for one answer, and how long a write begins anew while others write
/// the same key.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// What becomes of something within [`PATIENCE`]; nothing when it takes longer.
pub(super) async fn within<T>(awaited: impl Future<Output = T>) -> Option<T> {
    match select(pin!(awaited), pin!(spin_sdk::time::sleep(PATIENCE))).await {
        Either::Left((outcome, _)) => Some(outcome),
        Either::Right(_) => None,
    }
}
