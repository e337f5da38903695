//! `RedisBucket`: a bucket as one hash of a Redis, which is in one slot of a cluster.
//!
//! How much it may take is the server's own setting. The name of the hash begins with a `#`,
//! which no key of a sender may have.

use super::{
    Bucket, BucketError, Page, Result, Swapped,
    bounds::{BATCH_BYTES, PAGE_KEYS, check_bytes, shown},
};
use crate::driver::redis::{
    Ack, Address, Call, Connection, Fault, FromRedisValue, Script, Value, cmd, failed,
    from_redis_value,
};
use async_trait::async_trait;
use bytes::Bytes;
use std::{
    collections::BTreeSet,
    sync::{Arc, LazyLock},
};

/// Fields that a server looks at in one step of a listing. A page has about as many keys.
const STEP: usize = PAGE_KEYS / 2;

static GET: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("redis_get.lua")));
static KEYS: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("redis_keys.lua")));
static SWAP: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("redis_swap.lua")));

/// A bucket in a Redis.
#[derive(Debug)]
pub struct RedisBucket {
    connection: Arc<Connection>,
    hash: String,
}

impl RedisBucket {
    pub(crate) fn new(connection: Arc<Connection>, name: &str) -> Self {
        Self { connection, hash: format!("#framedb:bucket:{name}") }
    }

    /// The bucket of this name in the Redis at `url`, over a connection of its own that opens
    /// when it is first used.
    ///
    /// # Errors
    ///
    /// When the URL is wrong.
    pub fn at(url: &str, name: &str) -> crate::Result<Self> {
        let (address, servers) = Address::parse(url)?;
        Ok(Self::new(Arc::new(Connection::new(address, servers, 0)), name))
    }

    async fn ask<T: FromRedisValue>(
        &self,
        attempt: &str,
        command: &str,
        arguments: &[&[u8]],
    ) -> Result<T> {
        let mut words = cmd(command);
        words.arg(&self.hash);
        for argument in arguments {
            words.arg(*argument);
        }
        let answer = self.connection.ask(words, Ack::Primary).await;
        answer.map_err(|fault| self.failed(attempt, fault))
    }

    async fn run<T: FromRedisValue>(&self, attempt: &str, call: &Call<'_>) -> Result<T> {
        let answer = self.connection.run(call, Ack::Primary).await;
        answer.map_err(|fault| self.failed(attempt, fault))
    }

    fn failed(&self, attempt: &str, fault: Fault) -> BucketError {
        failed(attempt, self.connection.address(), fault).into()
    }
}

#[async_trait]
impl Bucket for RedisBucket {
    async fn get(&self, keys: &[String]) -> Result<Vec<Option<Bytes>>> {
        let mut call = GET.call(&[&self.hash]);
        call.arg(BATCH_BYTES).arg(keys);
        match self.run("read a bucket", &call).await? {
            // Their bytes, which are too many.
            Value::Int(bytes) => {
                check_bytes(usize::try_from(bytes).unwrap_or(usize::MAX))?;
                Ok(vec![None; keys.len()])
            }
            values => {
                let values: Result<Vec<Option<Vec<u8>>>, _> = from_redis_value(values);
                let values = values.map_err(|e| self.failed("read a bucket", e.into()))?;
                Ok(values.into_iter().map(|value| value.map(Bytes::from)).collect())
            }
        }
    }

    async fn set(&self, entries: Vec<(String, Bytes)>) -> Result<()> {
        let words: Vec<&[u8]> =
            entries.iter().flat_map(|(key, value)| [key.as_bytes(), value]).collect();
        self.ask::<u64>("write a bucket", "HSET", &words).await?;
        Ok(())
    }

    async fn delete(&self, keys: &[String]) -> Result<()> {
        let words: Vec<&[u8]> = keys.iter().map(String::as_bytes).collect();
        self.ask::<u64>("write a bucket", "HDEL", &words).await?;
        Ok(())
    }

    async fn exists(&self, key: &str) -> Result<bool> {
        self.ask("read a bucket", "HEXISTS", &[key.as_bytes()]).await
    }

    /// A small hash is one page for the server, however many keys it has: then the pages are
    /// parts of the server's, and a cursor is the server's with the number of keys to leave out.
    async fn keys(&self, cursor: Option<&str>) -> Result<Page> {
        let Some((scan, skip)) = cursor.map_or(Some((0, 0)), parse) else {
            return Err(BucketError::refused("no page has answered this cursor"));
        };
        let mut call = KEYS.call(&[&self.hash]);
        call.arg(scan).arg(STEP);
        let (next, keys): (u64, BTreeSet<Vec<u8>>) = self.run("list a bucket", &call).await?;
        let more = keys.len() > skip.saturating_add(PAGE_KEYS);
        let page = keys.into_iter().skip(skip).take(PAGE_KEYS);
        let cursor = match (more, next) {
            (true, _) => Some(format!("{scan}.{}", skip + PAGE_KEYS)),
            (false, 0) => None,
            (false, next) => Some(format!("{next}.0")),
        };
        Ok(Page { keys: page.filter_map(|key| String::from_utf8(key).ok()).collect(), cursor })
    }

    async fn increment(&self, key: &str, delta: i64) -> Result<i64> {
        let delta = delta.to_string();
        let mut words = cmd("HINCRBY");
        words.arg(&self.hash).arg(key).arg(delta);
        match self.connection.ask(words, Ack::Primary).await {
            Err(fault) if fault.says("not an integer") => {
                let shown = shown(key);
                Err(BucketError::refused(format!("the value of {shown} is no whole number")))
            }
            Err(fault) if fault.says("overflow") => {
                let shown = shown(key);
                Err(BucketError::refused(format!(
                    "the sum under {shown} does not fit into 64 bits"
                )))
            }
            answer => answer.map_err(|fault| self.failed("write a bucket", fault)),
        }
    }

    async fn swap(&self, key: &str, expected: Option<Bytes>, value: Bytes) -> Result<Swapped> {
        let mut call = SWAP.call(&[&self.hash]);
        call.arg(key).arg(&*value);
        if let Some(expected) = &expected {
            call.arg(&**expected);
        }
        let (done, found): (bool, Option<Vec<u8>>) = self.run("write a bucket", &call).await?;
        Ok(if done { Swapped::Done } else { Swapped::Changed(found.map(Bytes::from)) })
    }
}

/// The server's cursor, and how many keys of its page were answered already.
fn parse(cursor: &str) -> Option<(u64, usize)> {
    let (scan, skip) = cursor.split_once('.')?;
    Some((scan.parse().ok()?, skip.parse().ok()?))
}
