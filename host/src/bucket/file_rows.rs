//! `Rows`: how buckets lie in the table `buckets`, and what each takes.

use super::file::Changes;
use crate::driver::{
    Change, Tables,
    tables::{instance_prefix, number, object_key},
};
use bytesize::ByteSize;
use std::sync::Arc;

/// What a row costs beside its key and its value.
const ROW: u64 = 32;

/// The rows of one bucket: its name, then the key. A row in `meta` says what they take.
#[derive(Debug, Clone)]
pub(super) struct Rows {
    prefix: Arc<[u8]>,
    meter: Arc<[u8]>,
}

impl Rows {
    pub(super) fn of(name: &str) -> Self {
        let meter = [b"bucket:", name.as_bytes()].concat();
        Self { prefix: instance_prefix(name).into(), meter: meter.into() }
    }

    /// The row of a key.
    pub(super) fn key(&self, key: &str) -> Vec<u8> {
        object_key(&self.prefix, key)
    }

    /// The rows of keys.
    pub(super) fn keys(&self, keys: &[String]) -> Vec<Vec<u8>> {
        keys.iter().map(|key| self.key(key)).collect()
    }

    /// The key of a row; `None` behind the last row of the bucket.
    pub(super) fn name(&self, row: &[u8]) -> Option<String> {
        let key = row.strip_prefix(&*self.prefix)?;
        Some(String::from_utf8_lossy(key).into_owned())
    }

    /// The bytes that the bucket takes.
    pub(super) fn used(&self, tables: &Tables) -> fjall::Result<u64> {
        Ok(tables.meta.get(&self.meter)?.as_deref().and_then(number).unwrap_or_default())
    }

    /// Puts changes into a commit, unless the bucket would grow beyond `max_bytes`; a text then
    /// says so, and nothing is put.
    pub(super) fn apply(
        &self,
        change: &mut Change<'_>,
        changes: Changes,
        max_bytes: u64,
    ) -> fjall::Result<Result<(), String>> {
        let tables = change.tables;
        let (mut freed, mut taken) = (0_u64, 0_u64);
        for (row, value) in &changes {
            let cost = |length: u64| (row.len() - self.prefix.len()) as u64 + length + ROW;
            freed += tables.buckets.size_of(row)?.map_or(0, |size| cost(size.into()));
            taken += value.as_ref().map_or(0, |value| cost(value.len() as u64));
        }
        if (freed, taken) == (0, 0) {
            return Ok(Ok(()));
        }
        let before = self.used(tables)?;
        let after = before.saturating_sub(freed).saturating_add(taken);
        if after > max_bytes && after > before {
            let max = ByteSize::b(max_bytes);
            return Ok(Err(format!(
                "the bucket is full: it would take {after} bytes, and its grant's `max-bytes` \
                 are {max}"
            )));
        }
        for (row, value) in changes {
            match value {
                Some(value) => change.batch.insert(&tables.buckets, row, value),
                None => change.batch.remove(&tables.buckets, row),
            }
        }
        change.batch.insert(&tables.meta, &*self.meter, after.to_be_bytes());
        Ok(Ok(()))
    }
}
