//! `FileBucket`: a bucket in the node's data directory, of a bounded size.

use super::{
    Bucket, BucketError, Page, Result, Swapped,
    bounds::{self, PAGE_KEYS, shown},
    file_rows::Rows,
};
use crate::driver::{Change, Disk, Effort, Tables, disk_failure};
use async_trait::async_trait;
use bytes::Bytes;
use std::{collections::BTreeMap, sync::Arc};

/// A bucket on the disk. What it takes is counted in the commit that changes it, so that the
/// count is exact at all times, also behind a crash.
#[derive(Debug)]
pub struct FileBucket {
    disk: Arc<Disk>,
    rows: Rows,
    max_bytes: u64,
}

impl FileBucket {
    /// The bucket of this name, which may take `max_bytes`. Of several callers that open the
    /// same one, each is held to its own bound.
    #[must_use]
    pub fn new(disk: Arc<Disk>, name: &str, max_bytes: u64) -> Self {
        Self { disk, rows: Rows::of(name), max_bytes }
    }

    /// The bytes that its keys and values take, as they count against its bound.
    ///
    /// # Errors
    ///
    /// When the disk cannot be read.
    pub async fn bytes(&self) -> Result<u64> {
        self.read(|rows, tables| rows.used(tables)).await
    }

    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Rows, &Tables) -> fjall::Result<T> + Send + 'static,
    ) -> Result<T> {
        let rows = self.rows.clone();
        let failed = |cause| disk_failure("cannot read a bucket on the disk", cause);
        Ok(self.disk.read(move |tables| read(&rows, tables).map_err(failed)).await?)
    }

    /// Has the writing thread decide by what is there and write. What `decide` answers is
    /// written if there is room for it.
    async fn write<T: Send + 'static>(
        &self,
        effort: Effort,
        decide: impl FnOnce(&Rows, &Tables) -> fjall::Result<Result<(Changes, T), String>>
        + Send
        + 'static,
    ) -> Result<T> {
        let (rows, max_bytes) = (self.rows.clone(), self.max_bytes);
        let failed = |cause| disk_failure("cannot write a bucket to the disk", cause);
        let written = self.disk.write(effort, move |change: &mut Change<'_>| {
            let (changes, answer) = match decide(&rows, change.tables).map_err(failed)? {
                Ok(decided) => decided,
                Err(refused) => return Ok(Err(refused)),
            };
            let written = rows.apply(change, changes, max_bytes).map_err(failed)?;
            Ok(written.map(|()| answer))
        });
        written.await?.map_err(BucketError::Refused)
    }
}

/// Values to set, and keys to remove.
pub(super) type Changes = BTreeMap<Vec<u8>, Option<Bytes>>;

#[async_trait]
impl Bucket for FileBucket {
    async fn get(&self, keys: &[String]) -> Result<Vec<Option<Bytes>>> {
        let keys = self.rows.keys(keys);
        let values = self.read(move |_, tables| {
            // Sizes are known without reading the values.
            let mut bytes = 0_usize;
            for key in &keys {
                let size = tables.buckets.size_of(key)?.unwrap_or_default();
                bytes = bytes.saturating_add(usize::try_from(size).unwrap_or(usize::MAX));
            }
            // What was taken as one value is given back, whatever its size.
            if keys.len() > 1
                && let Err(refused) = bounds::check_bytes(bytes)
            {
                return Ok(Err(refused));
            }
            let values = keys.iter().map(|key| Ok(tables.buckets.get(key)?.map(Bytes::from)));
            Ok(Ok(values.collect::<fjall::Result<_>>()?))
        });
        values.await?
    }

    async fn set(&self, entries: Vec<(String, Bytes)>) -> Result<()> {
        let bytes = entries.iter().map(|(key, value)| key.len() + value.len()).sum::<usize>();
        let set = |(key, value): (String, Bytes)| (self.rows.key(&key), Some(value));
        let changes: Changes = entries.into_iter().map(set).collect();
        self.write(effort(bytes), move |_, _| Ok(Ok((changes, ())))).await
    }

    async fn delete(&self, keys: &[String]) -> Result<()> {
        let effort = Effort { releases: true, ..effort(64 * keys.len()) };
        let changes: Changes = self.rows.keys(keys).into_iter().map(|key| (key, None)).collect();
        self.write(effort, move |_, _| Ok(Ok((changes, ())))).await
    }

    async fn exists(&self, key: &str) -> Result<bool> {
        let key = self.rows.key(key);
        self.read(move |_, tables| tables.buckets.contains_key(key)).await
    }

    async fn keys(&self, cursor: Option<&str>) -> Result<Page> {
        // A cursor is the last key of the page before.
        let after = cursor.map(|cursor| self.rows.key(cursor));
        self.read(move |rows, tables| {
            let start = match after {
                Some(after) => [&after[..], &[0]].concat(),
                None => rows.key(""),
            };
            let mut keys = Vec::new();
            for guard in tables.buckets.range(start..) {
                let row = guard.key()?;
                let Some(key) = rows.name(&row) else { break };
                if keys.len() == PAGE_KEYS {
                    let cursor = keys.last().cloned();
                    return Ok(Page { keys, cursor });
                }
                keys.push(key);
            }
            Ok(Page { keys, cursor: None })
        })
        .await
    }

    async fn increment(&self, key: &str, delta: i64) -> Result<i64> {
        let (row, shown) = (self.rows.key(key), shown(key));
        self.write(effort(row.len()), move |_, tables| {
            let value = tables.buckets.get(&row)?;
            let number = match value.as_deref().map(std::str::from_utf8) {
                None => Some(0),
                Some(text) => text.ok().and_then(|text| text.parse::<i64>().ok()),
            };
            let Some(number) = number else {
                return Ok(Err(format!("the value of {shown} is no whole number")));
            };
            let Some(sum) = number.checked_add(delta) else {
                return Ok(Err(format!("the sum under {shown} does not fit into 64 bits")));
            };
            Ok(Ok((Changes::from([(row, Some(sum.to_string().into()))]), sum)))
        })
        .await
    }

    async fn swap(&self, key: &str, expected: Option<Bytes>, value: Bytes) -> Result<Swapped> {
        let row = self.rows.key(key);
        self.write(effort(row.len() + value.len()), move |_, tables| {
            let found = tables.buckets.get(&row)?;
            if found.as_deref() != expected.as_deref() {
                let changed = Swapped::Changed(found.map(Bytes::from));
                return Ok(Ok((Changes::new(), changed)));
            }
            Ok(Ok((Changes::from([(row, Some(value))]), Swapped::Done)))
        })
        .await
    }
}

fn effort(bytes: usize) -> Effort {
    Effort { bytes: bytes as u64 + 512, sync: false, releases: false }
}
