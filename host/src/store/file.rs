//! `FileObjects`: objects in a data directory, with their routes in the same commit.

use super::{Limits, Listed, ObjectStore, Record, SyncMode, check_size};
use crate::{
    Result,
    driver::{
        Change, Disk, Domain, Effort, repeat,
        tables::{RouteRow, failed_read, instance_prefix, object_key},
    },
};
use async_trait::async_trait;
use bytes::Bytes;
use framedb_core::{Key, Kind, Route};
use std::{sync::Arc, time::SystemTime};

/// Bytes that one commit writes at most, unless a single record has more: a commit is in memory
/// as a whole.
const MAX_COMMIT: usize = 16 << 20;

/// One `file:` instance's objects.
#[derive(Debug)]
pub struct FileObjects {
    disk: Arc<Disk>,
    framedb_id: Arc<str>,
    /// What the keys of its objects start with.
    prefix: Arc<[u8]>,
    max_value: u64,
    sync: SyncMode,
}

/// A record on its way to the writing thread.
struct Write {
    key: Key,
    data: Bytes,
    expires_at: Option<u64>,
    route: Option<RouteRow>,
}

impl FileObjects {
    pub(super) fn new(
        disk: Arc<Disk>,
        framedb_id: Arc<str>,
        max_value: u64,
        sync: SyncMode,
    ) -> Self {
        let prefix = instance_prefix(&framedb_id).into();
        Self { disk, framedb_id, prefix, max_value, sync }
    }

    async fn write<'a>(
        &self,
        writes: impl ExactSizeIterator<Item = (&'a Record, Option<&'a Route>)> + Send,
    ) -> Vec<Result<()>> {
        let mut answers = Vec::with_capacity(writes.len());
        let mut group = Vec::new();
        let mut bytes = 0;
        let mut slots = Vec::new();
        let mut groups = Vec::new();
        for (slot, (record, route)) in writes.enumerate() {
            let route = route.map(|route| RouteRow::new(&record.key, route)).transpose();
            let sized = check_size(&record.key, &record.data, self.max_value);
            let route = match sized.and(route) {
                Ok(route) => route,
                Err(error) => {
                    answers.push(Err(error));
                    continue;
                }
            };
            answers.push(Ok(()));
            if bytes + record.data.len() > MAX_COMMIT && !group.is_empty() {
                groups.push((std::mem::take(&mut slots), std::mem::take(&mut group), bytes));
                bytes = 0;
            }
            bytes += record.data.len();
            slots.push(slot);
            group.push(Write {
                key: record.key.clone(),
                // Arriving bytes are a part of a larger buffer, which would stay in memory
                // until the database flushes what it holds.
                data: Bytes::copy_from_slice(&record.data),
                expires_at: record.expires_at.map(Route::millis),
                route,
            });
        }
        groups.push((slots, group, bytes));
        for (slots, group, bytes) in groups {
            let results = self.commit(group, bytes).await;
            for (slot, result) in slots.into_iter().zip(results) {
                if let Some(answer) = answers.get_mut(slot) {
                    *answer = result;
                }
            }
        }
        answers
    }

    /// Commits records together; one answer per record.
    async fn commit(&self, group: Vec<Write>, bytes: usize) -> Vec<Result<()>> {
        let length = group.len();
        if length == 0 {
            return Vec::new();
        }
        let effort = Effort {
            bytes: (bytes + 512 * length) as u64,
            sync: self.sync == SyncMode::Always,
            releases: false,
        };
        let prefix = self.prefix.clone();
        let written = self.disk.write(effort, move |change| {
            Ok(group.into_iter().map(|write| put(change, &prefix, write)).collect())
        });
        match written.await {
            Ok(results) => results,
            Err(error) => repeat(&error, length),
        }
    }

    async fn remove(
        &self,
        keys: &[Key],
        condition: impl Fn(Option<u64>) -> bool + Send + 'static,
    ) -> Vec<Result<bool>> {
        let effort = Effort {
            bytes: 64 * keys.len() as u64,
            sync: self.sync == SyncMode::Always,
            releases: true,
        };
        let (prefix, id, owned) = (self.prefix.clone(), self.framedb_id.clone(), keys.to_vec());
        let removed = self.disk.write(effort, move |change| {
            let remove = |key: &Key| delete(change, &prefix, &id, key, &condition);
            Ok(owned.iter().map(remove).collect())
        });
        match removed.await {
            Ok(results) => results,
            Err(error) => repeat(&error, keys.len()),
        }
    }
}

#[async_trait]
impl ObjectStore for FileObjects {
    async fn put(&self, records: &[Record]) -> Vec<Result<()>> {
        self.write(records.iter().map(|record| (record, None))).await
    }

    async fn get(&self, keys: &[Key]) -> Vec<Result<Option<Bytes>>> {
        let (prefix, owned) = (self.prefix.clone(), keys.to_vec());
        let read = self.disk.read(move |tables| {
            let now = Route::millis(SystemTime::now());
            let get = |key: &Key| {
                let object = object_key(&prefix, key.as_str());
                if tables.expires_at(&object)?.is_some_and(|at| at <= now) {
                    return Ok(None);
                }
                Ok(tables.objects.get(&object)?.map(Bytes::from))
            };
            Ok(owned.iter().map(|key| get(key).map_err(|cause| failed_read(key, cause))).collect())
        });
        match read.await {
            Ok(results) => results,
            Err(error) => repeat(&error, keys.len()),
        }
    }

    async fn delete(&self, keys: &[Key]) -> Vec<Result<bool>> {
        // What has expired was absent already: it goes by the sweep, or with the next value.
        let now = Route::millis(SystemTime::now());
        self.remove(keys, move |expires_at| expires_at.is_none_or(|at| at > now)).await
    }

    async fn delete_expired(&self, keys: &[Key], now: SystemTime) -> Vec<Result<bool>> {
        let now = Route::millis(now);
        self.remove(keys, move |expires_at| expires_at.is_some_and(|at| at <= now)).await
    }

    async fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<Listed>> {
        let own = self.prefix.clone();
        let (prefix, after) = (prefix.to_owned(), after.map(str::to_owned));
        self.disk
            .read(move |tables| {
                let failed = |cause| {
                    crate::driver::disk_failure("cannot list the objects on the disk", cause)
                };
                let now = Route::millis(SystemTime::now());
                let wanted = object_key(&own, &prefix);
                let start = match after {
                    // The first key behind `after` is `after` with a zero byte.
                    Some(after) if after >= prefix => {
                        [&object_key(&own, &after)[..], &[0]].concat()
                    }
                    _ => wanted.clone(),
                };
                let mut listed = Vec::new();
                for guard in tables.objects.range(start..) {
                    if listed.len() >= limit {
                        break;
                    }
                    // The tree knows a separated value's size without reading it; a key is
                    // needed for that, which the same guard does not give.
                    let object = guard.key().map_err(failed)?;
                    if !object.starts_with(&wanted) {
                        break;
                    }
                    if tables.expires_at(&object).map_err(failed)?.is_some_and(|at| at <= now) {
                        continue;
                    }
                    let size = tables.objects.size_of(&object).map_err(failed)?;
                    let key = object.get(own.len()..).and_then(|key| Key::from_bytes(key).ok());
                    listed
                        .extend(key.zip(size).map(|(key, size)| Listed { key, size: size.into() }));
                }
                Ok(listed)
            })
            .await
    }

    async fn health(&self) -> Result<()> {
        self.disk.health().await
    }

    fn limits(&self) -> Limits {
        Limits { max_value: self.max_value, capacity: None }
    }

    fn durable(&self) -> bool {
        true
    }

    fn synced(&self) -> bool {
        self.sync == SyncMode::Always
    }

    fn describe(&self) -> String {
        format!("on disk at {}", self.disk.path().display())
    }

    fn domain(&self) -> Option<Domain> {
        Some(self.disk.domain().clone())
    }

    async fn put_with_routes(&self, writes: &[(Record, Route)]) -> Vec<Result<()>> {
        self.write(writes.iter().map(|(record, route)| (record, Some(route)))).await
    }
}

fn put(change: &mut Change<'_>, prefix: &[u8], write: Write) -> Result<()> {
    let object = object_key(prefix, write.key.as_str());
    if let Some(route) = write.route {
        change.register(write.key, route)?;
    }
    let tables = change.tables;
    match write.expires_at {
        Some(at) => change.batch.insert(&tables.mortal, object.clone(), at.to_be_bytes()),
        // Written also where nothing is found: an earlier record of this batch may have set it.
        None => change.batch.remove(&tables.mortal, object.clone()),
    }
    change.batch.insert(&tables.objects, object, write.data);
    Ok(())
}

fn delete(
    change: &mut Change<'_>,
    prefix: &[u8],
    framedb_id: &str,
    key: &Key,
    condition: &impl Fn(Option<u64>) -> bool,
) -> Result<bool> {
    let tables = change.tables;
    let object = object_key(prefix, key.as_str());
    let expires_at = tables.expires_at(&object).map_err(|cause| failed_read(key, cause))?;
    let found = tables.objects.contains_key(&object).map_err(|cause| failed_read(key, cause))?;
    if !found || !condition(expires_at) {
        return Ok(false);
    }
    let own = |route: &Route| &*route.framedb_id == framedb_id && route.kind != Kind::Stream;
    change.unregister(key, own)?;
    change.batch.remove(&tables.objects, object.clone());
    change.batch.remove(&tables.mortal, object);
    Ok(true)
}
