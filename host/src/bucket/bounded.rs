//! `Bounded`: a bucket that holds its callers to the bounds.

use super::{
    Bucket, Page, Result, Swapped,
    bounds::{check_bytes, check_count, check_key, check_value},
};
use async_trait::async_trait;
use bytes::Bytes;

/// A bucket around an engine, which then only translates.
#[derive(Debug)]
pub struct Bounded<B>(pub B);

#[async_trait]
impl<B: Bucket> Bucket for Bounded<B> {
    async fn get(&self, keys: &[String]) -> Result<Vec<Option<Bytes>>> {
        check_keys(keys)?;
        match keys.is_empty() {
            true => Ok(Vec::new()),
            false => self.0.get(keys).await,
        }
    }

    async fn set(&self, entries: Vec<(String, Bytes)>) -> Result<()> {
        check_count(entries.len())?;
        for (key, value) in &entries {
            check_key(key)?;
            check_value(key, value.len())?;
        }
        check_bytes(entries.iter().map(|(key, value)| key.len() + value.len()).sum())?;
        match entries.is_empty() {
            true => Ok(()),
            false => self.0.set(entries).await,
        }
    }

    async fn delete(&self, keys: &[String]) -> Result<()> {
        check_keys(keys)?;
        match keys.is_empty() {
            true => Ok(()),
            false => self.0.delete(keys).await,
        }
    }

    async fn exists(&self, key: &str) -> Result<bool> {
        check_key(key)?;
        self.0.exists(key).await
    }

    async fn keys(&self, cursor: Option<&str>) -> Result<Page> {
        if let Some(cursor) = cursor {
            check_key(cursor)?;
        }
        self.0.keys(cursor).await
    }

    async fn increment(&self, key: &str, delta: i64) -> Result<i64> {
        check_key(key)?;
        self.0.increment(key, delta).await
    }

    async fn swap(&self, key: &str, expected: Option<Bytes>, value: Bytes) -> Result<Swapped> {
        check_key(key)?;
        check_value(key, value.len())?;
        self.0.swap(key, expected, value).await
    }
}

fn check_keys(keys: &[String]) -> Result<()> {
    check_count(keys.len())?;
    keys.iter().try_for_each(|key| check_key(key))
}
