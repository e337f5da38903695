//! `are_one`: whether two instances lead to the same values.
//!
//! A server may be known by several ids, at several URLs, directly and behind sentinels or proxies.
//! What is old in one of them is then the newest in the other, and must not be deleted.

use super::{ObjectStore, Record};
use crate::{Error, ErrorKind, Result};
use bytes::Bytes;
use framedb_core::{Key, MAX_KEY};
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
    let key = sign(like)?;
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

/// A key that nobody has, which begins as another does.
fn sign(like: &Key) -> Result<Key> {
    let end = format!("~{}", uuid::Uuid::new_v4());
    let most = like.as_str().floor_char_boundary(MAX_KEY - end.len());
    let begin = like.as_str().get(..most).unwrap_or_default();
    Key::new(&format!("{begin}{end}"))
        .map_err(|error| Error::new(ErrorKind::Invalid, error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sign_begins_as_its_key_does_and_is_a_key() {
        for text in ["k", "cam?1?0__5", &"é".repeat(127), &"x".repeat(255)] {
            let sign = sign(&Key::new(text).unwrap()).unwrap();
            let most = text.floor_char_boundary(100);
            assert!(sign.as_str().len() <= MAX_KEY && sign.as_str() != text);
            assert!(sign.as_str().starts_with(&text[..most]), "{sign}");
        }
    }
}
