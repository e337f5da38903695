//! Buckets: the state that plugins keep for themselves, values under keys.
//!
//! In reading order: [`Bucket`] is the one trait; [`FileBucket`] keeps a bucket on the node's
//! disk and [`RedisBucket`] in a Redis; [`Bounded`] holds callers to the [bounds](bounds) that
//! both have in common. Plugins get at them through their grants only.

pub mod bounds;

mod bounded;
mod file;
mod file_rows;
mod redis;

pub use bounded::Bounded;
pub use file::FileBucket;
pub use redis::RedisBucket;

use async_trait::async_trait;
use bytes::Bytes;
use std::fmt::Debug;

/// Values under keys.
///
/// - A write is seen by every read that begins after its answer, of whoever reads.
/// - Each call of [`set`](Self::set) and [`delete`](Self::delete) for up to
///   [`COMMIT_BYTES`](bounds::COMMIT_BYTES) is one step: all of it happens, or nothing.
/// - A write whose answer did not come in time may have happened. Setting and deleting may be
///   repeated; [`increment`](Self::increment) may count twice then.
/// - A written value survives a killed process. A power cut may cost the last ones, because no
///   write waits for an fsync: what a plugin remembers is no object.
#[async_trait]
pub trait Bucket: Debug + Send + Sync {
    /// The values of keys, in the order of the keys; `None` for those that are absent.
    ///
    /// # Errors
    ///
    /// When the values have more bytes than [`BATCH_BYTES`](bounds::BATCH_BYTES) together.
    async fn get(&self, keys: &[String]) -> Result<Vec<Option<Bytes>>>;

    /// Sets values, replacing earlier ones; of several for one key the last counts.
    ///
    /// # Errors
    ///
    /// When the bucket has no room for them.
    async fn set(&self, entries: Vec<(String, Bytes)>) -> Result<()>;

    /// Removes keys; those that are absent are no error.
    async fn delete(&self, keys: &[String]) -> Result<()>;

    /// Whether a key has a value.
    async fn exists(&self, key: &str) -> Result<bool>;

    /// A page of keys, behind the page that answered `cursor`, or the first one. Keys that are
    /// there from the first page to the last are in one of them; others may be, too.
    ///
    /// # Errors
    ///
    /// When `cursor` is none that a page has answered.
    async fn keys(&self, cursor: Option<&str>) -> Result<Page>;

    /// Adds to the number under a key, which is written in decimal digits, in one step; an absent
    /// one counts as zero. Answers the sum.
    ///
    /// # Errors
    ///
    /// When the value is no number, or the sum does not fit.
    async fn increment(&self, key: &str, delta: i64) -> Result<i64>;

    /// Sets a value if the present one is `expected`, `None` being an absent one, in one step.
    async fn swap(&self, key: &str, expected: Option<Bytes>, value: Bytes) -> Result<Swapped>;
}

/// A page of keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The keys; at most [`PAGE_KEYS`](bounds::PAGE_KEYS), and sometimes none.
    pub keys: Vec<String>,
    /// What leads to the next page; `None` behind the last one.
    pub cursor: Option<String>,
}

/// What became of a swap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Swapped {
    /// The new value is there.
    Done,
    /// Somebody else's is, and stays.
    Changed(Option<Bytes>),
}

/// Why a bucket did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum BucketError {
    /// It will not: the text says why and, speaking of keys and bounds only, is fit for a guest.
    #[error("{0}")]
    Refused(String),
    /// What keeps it failed; the error may name addresses and paths.
    #[error(transparent)]
    Failed(#[from] crate::Error),
}

impl BucketError {
    fn refused(text: impl Into<String>) -> Self {
        Self::Refused(text.into())
    }
}

/// The answer of a bucket.
pub type Result<T, E = BucketError> = std::result::Result<T, E>;
