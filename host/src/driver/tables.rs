//! `Tables`: what a data directory holds, and how its keys are written.

use super::{disk_error::failed, route_heads::RouteHeads};
use crate::{Error, ErrorKind, Result};
use fjall::{CompressionType, Database, Keyspace, KeyspaceCreateOptions, KvSeparationOptions};
use framedb_core::{Key, Route};
use std::path::Path;

/// Grows when the layout changes in a way that older builds cannot read.
const FORMAT: &[u8] = b"2";

/// The layout in which routes had no head, which is read as well.
const HEADLESS: &[u8] = b"1";

/// Threads that flush and compact. Of two the first would turn in circles while the other
/// compacts, because it leaves compaction to the others.
const WORKERS: usize = 3;

/// Bytes of rows in memory before they go to a file: the rows of a keyspace without large values
/// are many, and fewer of them are searched faster.
const SMALL_MEMTABLE: u64 = 8 << 20;

/// Values from this size on are kept outside of the tree, so that compaction does not copy them.
const SEPARATED: u32 = 1 << 10;

/// Memory for blocks that were read.
const CACHE: u64 = 32 << 20;

/// Journals of this size are cut by flushing what they hold. Four objects of the default
/// `max-object` must fit, and opening the directory reads all of it.
const MAX_JOURNALS: u64 = 512 << 20;

/// The name under which `meta` holds how many routes there are.
const ROUTE_COUNT: &str = "routes";

/// The keyspaces of an open directory.
pub(crate) struct Tables {
    pub(crate) database: Database,
    /// Bytes of objects, by [`object_key`].
    pub(crate) objects: Keyspace,
    /// When objects expire, for those that do, by [`object_key`].
    pub(crate) mortal: Keyspace,
    /// Routes with a [`RouteHead`] in front, by key.
    pub(crate) routes: Keyspace,
    /// Routes that expire, by [`expiry_key`].
    pub(crate) expiry: Keyspace,
    /// Elements and remembered ids of queues.
    pub(crate) queues: Keyspace,
    /// Bytes of elements.
    pub(crate) payloads: Keyspace,
    /// Values that plugins keep, by the bucket's name and the key.
    pub(crate) buckets: Keyspace,
    /// Writes that have begun.
    pub(crate) intents: Keyspace,
    /// Documents of the registry, by table and id.
    pub(crate) documents: Keyspace,
    /// Records of dead letters, by id.
    pub(crate) letters: Keyspace,
    /// Bytes of their objects.
    pub(crate) letter_payloads: Keyspace,
    /// The format, the number of routes, the bytes of each bucket, and what dead letters take.
    pub(crate) meta: Keyspace,
    /// Heads of routes that were just looked up.
    heads: RouteHeads,
}

impl Tables {
    /// Opens a database, made when it is absent.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let failed = |cause| failed("open the database", path, cause);
        let database = Database::builder(path)
            .cache_size(CACHE)
            .max_journaling_size(MAX_JOURNALS)
            .worker_threads(WORKERS)
            // Payloads are what their senders made them; serializers compress where it pays.
            .journal_compression(CompressionType::None)
            .open()
            .map_err(failed)?;
        let small = |name| {
            let options = || KeyspaceCreateOptions::default().max_memtable_size(SMALL_MEMTABLE);
            database.keyspace(name, options).map_err(failed)
        };
        let large = |name| {
            let separation = KvSeparationOptions::default()
                .separation_threshold(SEPARATED)
                .compression(CompressionType::None);
            let options = || KeyspaceCreateOptions::default().with_kv_separation(Some(separation));
            database.keyspace(name, options).map_err(failed)
        };
        let tables = Self {
            objects: large("objects")?,
            mortal: small("mortal")?,
            routes: small("routes")?,
            expiry: small("expiry")?,
            queues: small("queues")?,
            payloads: large("payloads")?,
            buckets: large("buckets")?,
            intents: small("intents")?,
            documents: small("documents")?,
            letters: small("letters")?,
            letter_payloads: large("letter-payloads")?,
            meta: small("meta")?,
            heads: RouteHeads::new(),
            database,
        };
        match tables.meta.get("format").map_err(failed)? {
            Some(format) if *format == *FORMAT => {}
            Some(format) if *format == *HEADLESS => {
                tables.meta.insert("format", FORMAT).map_err(failed)?;
            }
            Some(format) => {
                let format = String::from_utf8_lossy(&format).into_owned();
                let own = String::from_utf8_lossy(FORMAT);
                return Err(Error::new(
                    ErrorKind::Config,
                    format!(
                        "cannot open {}: its format is {format}, this build reads {own}",
                        path.display()
                    ),
                )
                .with_hint("use the build that wrote it, or another `data-dir`"));
            }
            None => tables.meta.insert("format", FORMAT).map_err(failed)?,
        }
        Ok(tables)
    }

    /// How many routes there are, as the last commit wrote it.
    pub(super) fn route_count(&self) -> fjall::Result<u64> {
        let count = self.meta.get(ROUTE_COUNT)?;
        Ok(count.as_deref().and_then(number).unwrap_or_default())
    }

    /// Writes how many routes there are, in the batch that changes them.
    pub(super) fn set_route_count(&self, batch: &mut fjall::OwnedWriteBatch, count: u64) {
        batch.insert(&self.meta, ROUTE_COUNT, count.to_be_bytes());
    }

    /// Keyspaces with large values: writers wait here for flushes, not inside of a commit, where
    /// a flush that never comes would keep them.
    pub(super) fn sealed(&self) -> usize {
        let large = [&self.objects, &self.payloads, &self.buckets, &self.letter_payloads];
        large.into_iter().map(Keyspace::sealed_memtable_count).max().unwrap_or_default()
    }

    /// When an object of this key expires; `None` keeps it.
    pub(crate) fn expires_at(&self, object_key: &[u8]) -> fjall::Result<Option<u64>> {
        Ok(self.mortal.get(object_key)?.as_deref().and_then(number))
    }

    /// A key's registered route.
    pub(crate) fn route(&self, key: &Key) -> Result<Option<Route>> {
        let read = || self.route_row(key)?.map(|row| route_of(key, &row)).transpose();
        self.heads.look(key, read, |route| route.as_ref().map(RouteHead::of))
    }

    /// The head of a key's registered route, for a commit: as it was looked up just before, or
    /// read now.
    pub(super) fn route_head(&self, key: &Key) -> Result<Option<RouteHead>> {
        match self.heads.get(key) {
            Some(head) => Ok(head),
            None => self.route_row(key)?.map(|row| RouteHead::read(key, &row)).transpose(),
        }
    }

    /// Forgets heads of routes that a commit has changed.
    pub(super) fn forget_heads<'a>(&self, keys: impl Iterator<Item = &'a Key>) {
        keys.for_each(|key| self.heads.changed(key));
    }

    fn route_row(&self, key: &Key) -> Result<Option<fjall::Slice>> {
        self.routes.get(key.as_str()).map_err(|cause| failed_read(key, cause))
    }
}

/// What a commit needs to know of the route that it replaces. It stands in front of the route,
/// so that nobody has to read all of it for that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RouteHead {
    pub(crate) generation: u64,
    pub(crate) expires_at: Option<u64>,
}

impl RouteHead {
    /// Two numbers: the generation, and when the route expires, 0 for never.
    const LENGTH: usize = 16;

    pub(crate) fn of(route: &Route) -> Self {
        Self { generation: route.generation, expires_at: route.expires_at }
    }

    /// The head of a row of `routes`.
    fn read(key: &Key, row: &[u8]) -> Result<Self> {
        match (row.first(), number(row), row.get(8..).and_then(number)) {
            // A row from before there were heads; no generation begins with this byte for the
            // next two hundred thousand years.
            (Some(b'{'), ..) => Ok(Self::of(&decode_route(key, row)?)),
            (_, Some(generation), Some(at)) => {
                Ok(Self { generation, expires_at: Some(at).filter(|at| *at > 0) })
            }
            _ => {
                let message = format!("cannot read the route of {key}: its row is cut off");
                Err(Error::new(ErrorKind::Corrupt, message))
            }
        }
    }
}

/// A route as a row of `routes`, made by whoever registers it and not by the one thread that
/// writes.
#[derive(Debug, Clone)]
pub(crate) struct RouteRow {
    pub(super) head: RouteHead,
    pub(super) bytes: fjall::Slice,
}

impl RouteRow {
    pub(crate) fn new(key: &Key, route: &Route) -> Result<Self> {
        let head = RouteHead::of(route);
        let mut bytes = Vec::with_capacity(256);
        bytes.extend(head.generation.to_be_bytes());
        bytes.extend(head.expires_at.map_or(0, |at| at.max(1)).to_be_bytes());
        write_route(key, route, &mut bytes)?;
        Ok(Self { head, bytes: bytes.into() })
    }
}

/// The route of a row of `routes`.
pub(crate) fn route_of(key: &Key, row: &[u8]) -> Result<Route> {
    let headless = row.first() == Some(&b'{');
    let start = if headless { 0 } else { RouteHead::LENGTH };
    decode_route(key, row.get(start..).unwrap_or_default())
}

/// The error of a read.
pub(crate) fn failed_read(key: &Key, cause: fjall::Error) -> Error {
    super::disk_error::of(format!("cannot read {key} from the disk"), cause)
}

/// The start of all keys of an instance's objects.
pub(crate) fn instance_prefix(framedb_id: &str) -> Vec<u8> {
    let mut prefix = Vec::with_capacity(framedb_id.len() + 2);
    let length = u16::try_from(framedb_id.len()).unwrap_or(u16::MAX);
    prefix.extend_from_slice(&length.to_be_bytes());
    prefix.extend_from_slice(framedb_id.as_bytes());
    prefix
}

/// The key of an object of an instance.
pub(crate) fn object_key(prefix: &[u8], key: &str) -> Vec<u8> {
    [prefix, key.as_bytes()].concat()
}

/// The key of a route that expires: the moment, then the route's key, so that the oldest come
/// first.
pub(crate) fn expiry_key(at: u64, key: &str) -> Vec<u8> {
    [&at.to_be_bytes(), key.as_bytes()].concat()
}

/// A number that was written with its highest byte first, from the start of `bytes`.
pub(crate) fn number(bytes: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(*bytes.first_chunk()?))
}

/// A route as JSON, as every registry keeps it.
pub(crate) fn encode_route(key: &Key, route: &Route) -> Result<Vec<u8>> {
    let mut encoded = Vec::with_capacity(512);
    write_route(key, route, &mut encoded)?;
    Ok(encoded)
}

fn write_route(key: &Key, route: &Route, to: &mut Vec<u8>) -> Result<()> {
    serde_json::to_writer(to, route).map_err(|cause| {
        Error::new(ErrorKind::Invalid, format!("cannot write the route of {key}"))
            .with_source(cause)
    })
}

/// A route that was written as JSON.
pub(crate) fn decode_route(key: &Key, stored: &[u8]) -> Result<Route> {
    serde_json::from_slice(stored).map_err(|cause| {
        Error::new(ErrorKind::Corrupt, format!("cannot read the route of {key}")).with_source(cause)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_says_what_it_replaces_and_rows_without_a_head_are_read_too() {
        let key = Key::new("k").unwrap();
        let json =
            r#"{"framedb_id":"a","kind":"storage","generation":12,"expires_at":7,"stored_at":1}"#;
        let route: Route = serde_json::from_str(json).unwrap();
        let head = RouteHead { generation: 12, expires_at: Some(7) };
        for row in [RouteRow::new(&key, &route).unwrap().bytes, json.as_bytes().into()] {
            assert_eq!(RouteHead::read(&key, &row).unwrap(), head);
            assert_eq!(route_of(&key, &row).unwrap(), route);
        }
        assert!(RouteHead::read(&key, &[0; 15]).is_err());
    }
}
