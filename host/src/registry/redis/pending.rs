//! Writes that workers on Spin have begun here and did not end.

use super::{RedisRegistry, unwritable};
use crate::Result;
use framedb_core::{
    Intent,
    redis::registry::{PENDING_FOR, generation_text, intent_of_pending, route_row},
};

impl RedisRegistry {
    /// Writes that were given up, the oldest first.
    pub(super) async fn given_up(&self, skip: usize, limit: usize) -> Result<Vec<Intent>> {
        let period = u64::try_from(PENDING_FOR.as_millis()).unwrap_or(u64::MAX);
        let mut call = self.scripts.abandoned.call(self.keys.of_writes());
        call.arg(period).arg(skip).arg(limit);
        let writes: Vec<Vec<u8>> = self.run("look for interrupted writes", &call).await?;
        let read = |write: Vec<u8>| {
            let intent = intent_of_pending(&write);
            if intent.is_none() {
                let key = write.split(|byte| *byte == 0).next().unwrap_or_default();
                let key = String::from_utf8_lossy(key);
                tracing::warn!(%key, "cannot read an interrupted write that a worker left");
            }
            intent
        };
        // One that is damaged does not keep others from being settled.
        Ok(writes.into_iter().filter_map(read).collect())
    }

    /// Registers the route of a write if its key has the one that the write found; whether it
    /// has.
    pub(super) async fn register_unchanged(&self, intent: &Intent) -> Result<bool> {
        let row = route_row(&intent.route).map_err(|cause| unwritable(&intent.key, cause))?;
        self.commit(intent, &row, false).await
    }

    /// Forgets a write.
    pub(super) async fn end(&self, intent: &Intent) -> Result<()> {
        self.commit(intent, &[], true).await.map(drop)
    }

    async fn commit(&self, intent: &Intent, row: &[u8], ends: bool) -> Result<bool> {
        let key = &intent.key;
        let expected = intent.previous.as_ref().map_or(0, |route| route.generation);
        let mut call = self.scripts.commit.call(self.keys.of_writes());
        call.arg(key.as_str()).arg(generation_text(intent.route.generation)).arg(row);
        call.arg(generation_text(expected)).arg(u8::from(ends));
        let in_the_way: String = self.run(&format!("settle the write of {key}"), &call).await?;
        Ok(in_the_way.is_empty())
    }
}
