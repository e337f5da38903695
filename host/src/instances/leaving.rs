//! Leaving: what a key had where it is no longer is deleted.

use super::{Instances, no_answer};
use crate::{Error, ErrorKind, Result, store::are_one};
use framedb_core::{Key, Kind, Place};
use std::time::Duration;

/// How long the place that a key leaves may take. What is new is in place by then, and waits for
/// nobody.
const LEAVE_WITHIN: Duration = Duration::from_secs(5);

impl Instances {
    /// Deletes what a key has at a place that it has left for the instance `to`. What cannot be
    /// deleted stays behind, which the log says: the place may be gone for good.
    pub(crate) async fn leave(&self, key: &Key, left: &Place, to: &str) {
        let late = |_| Err(no_answer(&left.framedb_id, LEAVE_WITHIN));
        let leaving = tokio::time::timeout(LEAVE_WITHIN, self.delete_left(key, left, to));
        if let Err(error) = Box::pin(leaving).await.unwrap_or_else(late) {
            let (framedb_id, error) = (&*left.framedb_id, error.chain());
            tracing::warn!(%key, framedb_id, error, "what a key has left stays behind");
        }
    }

    async fn delete_left(&self, key: &Key, left: &Place, to: &str) -> Result<()> {
        let from = &*left.framedb_id;
        if self.record(from).await?.is_none() {
            return Err(Error::new(ErrorKind::NotFound, "there is no such instance any more"));
        }
        if left.kind == Kind::Stream {
            return self.queue(from).await?.purge(key).await.map(drop);
        }
        let store = self.store(from).await?;
        if from != to && are_one(&*self.store(to).await?, &*store, key).await? {
            tracing::warn!(
                %key,
                from,
                to,
                "two instances lead to the same server: a key that moves between them has nothing \
                 to leave"
            );
            return Ok(());
        }
        store.delete(std::slice::from_ref(key)).await.pop().transpose().map(drop)
    }
}
