//! `DiskRegistry`: the registry in the node's own data directory.

use super::{Document, Documents, Generations, Query, Registry, Table, documents::overtaken};
use crate::{
    Error, ErrorKind, Result,
    driver::{
        Change, Disk, Domain, Effort, Tables, disk_failure, repeat,
        tables::{RouteRow, expiry_key, number, route_of},
    },
};
use async_trait::async_trait;
use framedb_core::{Key, Kind, Route};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{sync::Arc, time::SystemTime};

/// Routes and documents on the disk. It shares transactions with the instances that are kept in
/// the same directory.
#[derive(Debug)]
pub struct DiskRegistry {
    disk: Arc<Disk>,
    /// Where revisions of documents come from: one that comes back has a new one.
    revisions: Arc<Generations>,
}

/// A document as a row holds it.
#[derive(Serialize, Deserialize)]
struct Row {
    revision: u64,
    body: Value,
}

impl DiskRegistry {
    /// A registry in this directory.
    #[must_use]
    pub fn new(disk: Arc<Disk>) -> Self {
        Self { disk, revisions: Arc::new(Generations::new()) }
    }

    async fn register_all(&self, routes: &[(Key, Route)]) -> Result<Vec<Result<()>>> {
        let effort = Effort {
            bytes: routes.iter().map(|(_, route)| 512 + route.metadata.len() as u64).sum(),
            sync: routes.iter().any(|(_, route)| route.kind == Kind::Storage),
            releases: false,
        };
        let row = |(key, route): &(Key, Route)| (key.clone(), RouteRow::new(key, route));
        let rows: Vec<_> = routes.iter().map(row).collect();
        self.disk
            .write(effort, move |change| {
                let register = |(key, row): (_, Result<_>)| change.register(key, row?);
                Ok(rows.into_iter().map(register).collect())
            })
            .await
    }
}

#[async_trait]
impl Registry for DiskRegistry {
    async fn lookup(&self, keys: &[Key]) -> Result<Vec<Option<Route>>> {
        let may_have = |key: &Key| (!self.disk.lacks_route(key)).then(|| key.clone());
        let looked_for: Vec<_> = keys.iter().map(may_have).collect();
        if self.disk.routes() == 0 || looked_for.iter().all(Option::is_none) {
            return Ok(vec![None; keys.len()]);
        }
        let route = |tables: &Tables, key: Option<Key>| match key {
            Some(key) => tables.route(&key),
            None => Ok(None),
        };
        self.disk
            .read(move |tables| looked_for.into_iter().map(|key| route(tables, key)).collect())
            .await
    }

    async fn register(&self, routes: &[(Key, Route)]) -> Vec<Result<()>> {
        if routes.is_empty() {
            return Vec::new();
        }
        let registered = self.register_all(routes).await;
        registered.unwrap_or_else(|error| repeat(&error, routes.len()))
    }

    async fn remove(&self, key: &Key, generation: Option<u64>) -> Result<bool> {
        if self.disk.routes() == 0 {
            return Ok(false);
        }
        let owned = key.clone();
        let matches = move |route: &Route| generation.is_none_or(|found| found == route.generation);
        self.disk.write(small(), move |change| change.unregister(&owned, matches)).await
    }

    async fn list(&self, query: &Query) -> Result<Vec<(Key, Route)>> {
        if self.disk.routes() == 0 {
            return Ok(Vec::new());
        }
        let owned = query.clone();
        self.disk.read(move |tables| list(tables, &owned)).await
    }

    async fn expired(&self, now: SystemTime, limit: usize) -> Result<Vec<(Key, Route)>> {
        if self.disk.routes() == 0 {
            return Ok(Vec::new());
        }
        let now = Route::millis(now);
        self.disk.read(move |tables| expired(tables, now, limit)).await
    }

    async fn count(&self) -> Result<u64> {
        Ok(self.disk.routes())
    }

    async fn health(&self) -> Result<()> {
        self.disk.health().await
    }

    fn describe(&self) -> String {
        format!("embedded, on disk at {}", self.disk.path().display())
    }

    fn shares(&self, domain: &Domain) -> bool {
        domain == self.disk.domain()
    }
}

#[async_trait]
impl Documents for DiskRegistry {
    async fn document(&self, table: Table, id: &str) -> Result<Option<Document>> {
        let (row, id) = (row(table, id), id.to_owned());
        self.disk
            .read(move |tables| {
                let found = tables.documents.get(&row).map_err(failed_document)?;
                found.map(|found| decode(id, &found)).transpose()
            })
            .await
    }

    async fn documents(&self, table: Table) -> Result<Vec<Document>> {
        self.disk
            .read(move |tables| {
                let prefix = row(table, "");
                let mut documents = Vec::new();
                for guard in tables.documents.prefix(&prefix) {
                    let (key, found) = guard.into_inner().map_err(failed_document)?;
                    let id = key.get(prefix.len()..).unwrap_or_default();
                    documents.push(decode(String::from_utf8_lossy(id).into_owned(), &found)?);
                }
                Ok(documents)
            })
            .await
    }

    async fn write_document(
        &self,
        table: Table,
        id: &str,
        body: &Value,
        revision: Option<u64>,
    ) -> Result<u64> {
        let (id, body, revisions) = (id.to_owned(), body.clone(), self.revisions.clone());
        // What operators registered is not lost in a power cut.
        let effort = Effort { bytes: 1 << 10, sync: true, releases: false };
        self.disk
            .write(effort, move |change| {
                let found = check_revision(change, table, &id, revision)?;
                revisions.observe(found.unwrap_or_default());
                let document = Row { revision: revisions.next(SystemTime::now()), body };
                let encoded = serde_json::to_vec(&document).map_err(|cause| {
                    Error::new(ErrorKind::Invalid, format!("cannot write {}/{id}", table.as_str()))
                        .with_source(cause)
                })?;
                change.batch.insert(&change.tables.documents, row(table, &id), encoded);
                Ok(document.revision)
            })
            .await
    }

    async fn remove_document(&self, table: Table, id: &str, revision: Option<u64>) -> Result<bool> {
        let id = id.to_owned();
        self.disk
            .write(Effort { sync: true, ..small() }, move |change| {
                let found = check_revision(change, table, &id, revision)?;
                change.batch.remove(&change.tables.documents, row(table, &id));
                Ok(found.is_some())
            })
            .await
    }
}

/// The revision of a document that a change is about; a conflict when another is wanted.
fn check_revision(
    change: &Change<'_>,
    table: Table,
    id: &str,
    wanted: Option<u64>,
) -> Result<Option<u64>> {
    let found = change.tables.documents.get(row(table, id)).map_err(failed_document)?;
    let found = found.map(|found| decode(id.to_owned(), &found)).transpose()?;
    let found = found.map(|document| document.revision);
    match wanted {
        Some(wanted) if wanted != found.unwrap_or_default() => Err(overtaken(table, id)),
        _ => Ok(found),
    }
}

fn row(table: Table, id: &str) -> Vec<u8> {
    [table.as_str().as_bytes(), b"/", id.as_bytes()].concat()
}

fn decode(id: String, found: &[u8]) -> Result<Document> {
    let row: Row = serde_json::from_slice(found).map_err(|cause| {
        Error::new(ErrorKind::Corrupt, format!("cannot read the document {id:?}"))
            .with_source(cause)
    })?;
    Ok(Document { id, body: row.body, revision: row.revision })
}

fn small() -> Effort {
    Effort { bytes: 0, sync: false, releases: true }
}

fn list(tables: &Tables, query: &Query) -> Result<Vec<(Key, Route)>> {
    let start = match &query.after {
        Some(after) if *after >= query.prefix => after,
        _ => &query.prefix,
    };
    let mut routes = Vec::new();
    for guard in tables.routes.range(start.as_bytes()..) {
        if routes.len() >= query.limit {
            break;
        }
        let (key, value) = guard.into_inner().map_err(failed_list)?;
        if !key.starts_with(query.prefix.as_bytes()) {
            break;
        }
        let Ok(key) = Key::from_bytes(&key) else { continue };
        let route = route_of(&key, &value)?;
        if query.wants(&key, &route) {
            routes.push((key, route));
        }
    }
    Ok(routes)
}

fn expired(tables: &Tables, now: u64, limit: usize) -> Result<Vec<(Key, Route)>> {
    let mut routes = Vec::new();
    let end = expiry_key(now.saturating_add(1), "");
    for guard in tables.expiry.range(..end).take(limit) {
        let row = guard.key().map_err(failed_list)?;
        let key = row.get(8..).and_then(|key| Key::from_bytes(key).ok());
        let (Some(_), Some(key)) = (number(&row), key) else { continue };
        routes.extend(tables.route(&key)?.map(|route| (key, route)));
    }
    Ok(routes)
}

fn failed_list(cause: fjall::Error) -> Error {
    disk_failure("cannot list the routes on the disk", cause)
}

fn failed_document(cause: fjall::Error) -> Error {
    disk_failure("cannot read the documents on the disk", cause)
}
