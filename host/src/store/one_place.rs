//! `are_one`: whether two instances lead to the same values.
//!
//! A server may be known by several ids, at several URLs, directly and behind sentinels or proxies.
//! What is old in one of them is then the newest in the other, and must not be deleted.

use super::{ObjectStore, Record};
use crate::{Error, ErrorKind, Result};
use bytes::Bytes;
use framedb_core::Key;
use std::time::{Duration, SystemTime};

/// How long the value stays that is looked for, where it is not removed and the engine keeps that
/// time.
const KEPT: Duration = Duration::from_secs(60);

/// Whether two stores have the same values: one that is written to `a` is looked for in `b`. Its key
/// begins with `like`, which the user may write.
///
/// # Errors
///
/// When one of them cannot be asked.
pub(crate) async fn are_one(a: &dyn ObjectStore, b: &dyn ObjectStore, like: &Key) -> Result<bool> {
    // What is inside of a node is kept apart by the ids of instances.
    if a.domain().is_some() || b.domain().is_some() {
        return Ok(false);
    }
    let key = like
        .with_end(&format!("~{}", uuid::Uuid::new_v4()))
        .map_err(|error| Error::new(ErrorKind::Invalid, error.to_string()))?;
    let keys = std::slice::from_ref(&key);
    let expires_at = Some(SystemTime::now() + KEPT);
    let record = Record { key: key.clone(), data: Bytes::new(), expires_at };
    let found = match a.put(&[record]).await.pop().transpose() {
        Ok(_) => b.get(keys).await.pop().transpose().map(|found| found.flatten().is_some()),
        Err(error) => Err(error),
    };
    if let Some(Err(error)) = a.delete(keys).await.pop() {
        tracing::warn!(%key, error = error.chain(), "an empty value stays behind");
    }
    found
}
