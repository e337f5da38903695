//! Listing: every key of every primary, page by page.

use super::{Ack, Connection, Fault};
use redis::{Pipeline, Value, from_redis_value};

/// Keys that a server looks at in one step of a listing: other clients wait that long.
const STEP: usize = 1000;

impl Connection {
    /// Shows each plain value's key that matches a glob, in no order; some of them more than
    /// once.
    ///
    /// # Errors
    ///
    /// When a server does not answer: a listing with a hole would tell of absence.
    pub(crate) async fn scan(
        &self,
        pattern: &str,
        mut found: impl FnMut(Vec<u8>),
    ) -> Result<(), Fault> {
        for (name, server) in self.primaries().await? {
            let located = |fault: Fault| match &name {
                Some(name) => fault.at(name),
                None => fault,
            };
            let mut cursor = 0_u64;
            loop {
                let mut page = Pipeline::with_capacity(1);
                page.cmd("SCAN").arg(cursor).arg("MATCH").arg(pattern);
                page.arg("COUNT").arg(STEP).arg("TYPE").arg("string");
                let mut answers = server.send(&mut page, Ack::Primary).await.map_err(located)?;
                let page = answers.pop().unwrap_or(Ok(Value::Nil)).map_err(located)?;
                let (next, keys): (u64, Vec<Vec<u8>>) = from_redis_value(page)?;
                keys.into_iter().for_each(&mut found);
                if next == 0 {
                    break;
                }
                cursor = next;
            }
        }
        Ok(())
    }
}
