//! Opening instances by URL.

use super::{
    FileObjects, FileQueues, MemoryStore, MysqlObjects, ObjectStore, Queue, RedisObjects,
    RedisQueues,
};
use crate::{
    Error, ErrorKind, Result,
    driver::{
        Arena, DEFAULT_MAX_BYTES, Disk, Disks, Eviction, Space,
        redis::{Address, Connection, is_redis},
    },
};
use framedb_core::Kind;
use serde::{Deserialize, Serialize};
use std::{path::Path, sync::Arc};

/// When a write to the disk is acknowledged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SyncMode {
    /// After an fsync, which writes at the same time share.
    #[default]
    Always,
    /// When the operating system has it: a killed process loses nothing, a power cut may.
    Os,
}

/// An instance's settings beside its URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Bytes a volatile instance may take; [`DEFAULT_MAX_BYTES`] when it does not say.
    pub max_bytes: Option<u64>,
    /// What a full volatile instance does.
    pub eviction: Eviction,
    /// When a write to the disk is acknowledged.
    pub sync: SyncMode,
    /// Whether concurrent writes to a server share statements; on but for measuring without.
    pub grouping: bool,
    /// How many Redis replicas must have a write before it counts as done.
    pub wait_replicas: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            max_bytes: None,
            eviction: Eviction::default(),
            sync: SyncMode::default(),
            grouping: true,
            wait_replicas: 0,
        }
    }
}

/// What instances are opened from.
#[derive(Debug, Clone)]
pub struct OpenContext {
    /// The node's volatile instances.
    pub arena: Arc<Arena>,
    /// The node's directories.
    pub disks: Arc<Disks>,
    /// The instance's FrameDB id.
    pub framedb_id: Arc<str>,
    /// The node's `max-object`.
    pub max_object: u64,
    /// The instance's settings.
    pub options: Options,
}

/// An open instance.
#[derive(Debug, Clone)]
pub struct Instance {
    /// Objects by key.
    pub objects: Arc<dyn ObjectStore>,
    /// Queues, where the engine has them.
    pub queue: Option<Arc<dyn Queue>>,
    /// The kinds it serves.
    pub kinds: &'static [Kind],
}

/// Opens the instance at `url`: `memory:`, `file:` (the node's data directory),
/// `file:<directory>`, a Redis server at `redis://`, `rediss://` (TLS) or `unix://`, the master
/// that Redis sentinels watch at `redis-sentinel://`, a Redis cluster at `redis-cluster://`, or a
/// server of the MySQL protocol at `mysql://user:password@host:port/database`.
///
/// # Errors
///
/// When no engine has the URL's scheme, and when the engine cannot be opened; a server must
/// answer and take writes.
pub async fn open(url: &str, context: &OpenContext) -> Result<Instance> {
    let (scheme, rest) = url.split_once(':').unwrap_or((url, ""));
    match scheme {
        "memory" if rest.is_empty() => Ok(memory(context)),
        "memory" => Err(Error::new(
            ErrorKind::Config,
            format!("cannot open {:?}: memory has no address", context.framedb_id),
        )
        .with_hint("write `memory:`, and its bound as `max-bytes`")),
        "file" if rest.is_empty() => Ok(file(context.disks.home()?, context)),
        "file" => {
            let path = rest.strip_prefix("//").unwrap_or(rest);
            Ok(file(context.disks.at(Path::new(path))?, context))
        }
        scheme if is_redis(scheme) => redis(url, context).await,
        "mysql" | "mysql+pymysql" => mysql(url, context).await,
        _ => Err(unknown(scheme, context)),
    }
}

/// The engines in words.
pub(crate) const KNOWN_ENGINES: &str = "`memory:`, `file:`, `redis:` (also `rediss:`, `unix:`, `redis-sentinel:` and \
     `redis-cluster:`) and `mysql:`";

/// What each engine keeps.
const IN_MEMORY: &[Kind] = &[Kind::InMemory, Kind::Stream];
const ON_DISK: &[Kind] = &[Kind::Storage, Kind::Stream];
const IN_TABLES: &[Kind] = &[Kind::Storage];

/// What the engine with a URL's scheme keeps; `None` when there is no such engine.
pub(crate) fn kinds_of(scheme: &str) -> Option<&'static [Kind]> {
    match scheme {
        "memory" => Some(IN_MEMORY),
        scheme if is_redis(scheme) => Some(IN_MEMORY),
        "file" => Some(ON_DISK),
        "mysql" | "mysql+pymysql" => Some(IN_TABLES),
        _ => None,
    }
}

/// Whether instances of a scheme are inside of the node.
pub(crate) fn is_embedded(scheme: &str) -> bool {
    matches!(scheme, "memory" | "file")
}

async fn mysql(url: &str, context: &OpenContext) -> Result<Instance> {
    let max_value = max_value(context.max_object);
    let objects = MysqlObjects::open(url, max_value, context.options.grouping).await?;
    Ok(Instance { objects: Arc::new(objects), queue: None, kinds: IN_TABLES })
}

fn memory(context: &OpenContext) -> Instance {
    let space = context.arena.space_or_insert(&context.framedb_id, || {
        let max_bytes = context.options.max_bytes.unwrap_or(DEFAULT_MAX_BYTES);
        Space::new(context.framedb_id.clone(), max_bytes, context.options.eviction)
    });
    let max_value = max_value(context.max_object);
    let store = Arc::new(MemoryStore::new(context.arena.clone(), space, max_value));
    Instance { objects: store.clone(), queue: Some(store), kinds: IN_MEMORY }
}

fn file(disk: Arc<Disk>, context: &OpenContext) -> Instance {
    let OpenContext { framedb_id, max_object, options, .. } = context;
    let max_value = max_value(*max_object);
    let objects = FileObjects::new(disk.clone(), framedb_id.clone(), max_value, options.sync);
    let queues = FileQueues::new(disk, framedb_id.clone(), max_value, options.sync);
    Instance { objects: Arc::new(objects), queue: Some(Arc::new(queues)), kinds: ON_DISK }
}

async fn redis(url: &str, context: &OpenContext) -> Result<Instance> {
    let (address, servers) = Address::parse(url, &context.framedb_id)?;
    let connection = Arc::new(Connection::new(address, servers, context.options.wait_replicas));
    let max_value = max_value(context.max_object);
    let objects = RedisObjects::new(connection.clone(), max_value);
    objects.health().await?;
    let queues = RedisQueues::new(connection, max_value);
    Ok(Instance { objects: Arc::new(objects), queue: Some(Arc::new(queues)), kinds: IN_MEMORY })
}

/// Bytes that a stored value may have: a payload of `max-object` bytes grows when a serializer
/// finds nothing to compress, and when it is framed. The database counts in 32 bits.
fn max_value(max_object: u64) -> u64 {
    max_object.saturating_add(max_object / 8).saturating_add(1 << 10).min(u32::MAX.into())
}

/// The URL itself may hold a password, so only its scheme is shown.
fn unknown(scheme: &str, context: &OpenContext) -> Error {
    let id = &context.framedb_id;
    let scheme: String = scheme.chars().take(32).collect();
    let absent = ["etcd", "http", "https"];
    let known = format!("this build knows {KNOWN_ENGINES}");
    let hint = if absent.contains(&scheme.as_str()) {
        format!("{known}; other servers (`etcd:` and others) are not in it")
    } else {
        known
    };
    Error::new(
        ErrorKind::Config,
        format!("cannot open {id:?}: no engine has the scheme {scheme:?}"),
    )
    .with_hint(hint)
}
