//! Opening instances by URL.

use super::{
    FileObjects, FileQueues, MemoryStore, MysqlObjects, ObjectStore, Queue, RedisObjects,
    RedisQueues,
};
use crate::{
    Error, ErrorKind, Result,
    driver::{
        self, Arena, DEFAULT_MAX_BYTES, Disk, Disks, Eviction, Space,
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
    /// Whether concurrent writes to a MySQL server share statements.
    pub grouping: bool,
    /// How many Redis replicas must have a write before it counts as done.
    pub wait_replicas: u32,
    /// Whether objects that no row of a MySQL server takes are kept in chunks.
    pub chunks: bool,
    /// Bytes that a statement to a MySQL server may have; what the server says when absent.
    pub max_packet: Option<u64>,
    /// Bytes that a row of a MySQL server may have; what the server says when absent.
    pub max_entry: Option<u64>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            max_bytes: None,
            eviction: Eviction::default(),
            sync: SyncMode::default(),
            grouping: true,
            wait_replicas: 0,
            chunks: false,
            max_packet: None,
            max_entry: None,
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
/// answer and take writes. They name the instance.
pub async fn open(url: &str, context: &OpenContext) -> Result<Instance> {
    // Boxed, because the engines' futures are large and callers nest them deep.
    let opened = Box::pin(open_engine(url, context)).await;
    let attempt = || format!("cannot open the instance `{}`", context.framedb_id);
    opened.map_err(|error| error.within(attempt()))
}

/// Looks whether the instance at `url` can be used, as [`open`] would use it, and changes
/// nothing: what it says of itself, and what opening it would make there.
///
/// # Errors
///
/// As [`open`], and when what is absent could not be made.
pub(crate) async fn look(url: &str, framedb_id: &str, options: &Options) -> Result<String> {
    let scheme = url.split(':').next().unwrap_or_default();
    let looked = match scheme {
        scheme if is_embedded(scheme) => Ok("inside of the node".to_owned()),
        scheme if is_redis(scheme) => look_at_redis(url, options).await,
        "mysql" | "mysql+pymysql" => Box::pin(MysqlObjects::look(url, options)).await,
        _ => Err(unknown(scheme)),
    };
    looked.map_err(|error| error.within(format_args!("cannot use the instance `{framedb_id}`")))
}

async fn open_engine(url: &str, context: &OpenContext) -> Result<Instance> {
    let (scheme, rest) = url.split_once(':').unwrap_or((url, ""));
    match scheme {
        "memory" => check_memory(rest).map(|()| memory(context)),
        "file" if rest.is_empty() => Ok(file(context.disks.home()?, context)),
        "file" => {
            let path = rest.strip_prefix("//").unwrap_or(rest);
            Ok(file(context.disks.at(Path::new(path))?, context))
        }
        scheme if is_redis(scheme) => redis(url, context).await,
        "mysql" | "mysql+pymysql" => mysql(url, context).await,
        _ => Err(unknown(scheme)),
    }
}

/// Whether the URL of an instance can be read; no server is asked.
///
/// # Errors
///
/// Says what is wrong with it, and shows nothing of it.
pub(crate) fn check_url(url: &str) -> Result<()> {
    let (scheme, rest) = url.split_once(':').unwrap_or((url, ""));
    match scheme {
        "memory" => check_memory(rest),
        "file" => Ok(()),
        scheme if is_redis(scheme) => Address::parse(url).map(drop),
        "mysql" | "mysql+pymysql" => driver::mysql::Address::parse(url).map(drop),
        _ => Err(unknown(scheme)),
    }
}

fn check_memory(rest: &str) -> Result<()> {
    if rest.is_empty() {
        return Ok(());
    }
    let message = "its URL has something behind `memory:`, which has no address";
    Err(Error::new(ErrorKind::Config, message)
        .with_hint("write `memory:`, and its bound as `max-bytes`"))
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
    let objects = MysqlObjects::open(url, max_value, &context.options).await?;
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

/// A Redis that can be used: its connection, and the objects over it.
async fn redis_objects(
    url: &str,
    max_value: u64,
    options: &Options,
) -> Result<(Arc<Connection>, RedisObjects)> {
    let (address, servers) = Address::parse(url)?;
    let connection = Arc::new(Connection::new(address, servers, options.wait_replicas));
    let objects = RedisObjects::new(connection.clone(), max_value);
    objects.health().await?;
    Ok((connection, objects))
}

/// What a Redis says of itself, and what its access list keeps from the user.
async fn look_at_redis(url: &str, options: &Options) -> Result<String> {
    let (connection, objects) = redis_objects(url, 0, options).await?;
    let withheld = connection.withheld_keys().await?;
    let withheld = withheld.map(|withheld| format!("; {withheld}")).unwrap_or_default();
    Ok(format!("{}{withheld}", objects.describe()))
}

async fn redis(url: &str, context: &OpenContext) -> Result<Instance> {
    let max_value = max_value(context.max_object);
    let (connection, objects) = redis_objects(url, max_value, &context.options).await?;
    let queues = RedisQueues::new(connection, max_value);
    Ok(Instance { objects: Arc::new(objects), queue: Some(Arc::new(queues)), kinds: IN_MEMORY })
}

/// Bytes that a stored value may have: a payload of `max-object` bytes grows when a serializer
/// finds nothing to compress, and when it is framed. The database counts in 32 bits.
fn max_value(max_object: u64) -> u64 {
    max_object.saturating_add(max_object / 8).saturating_add(1 << 10).min(u32::MAX.into())
}

/// The URL itself may hold a password, so only its scheme is shown.
fn unknown(scheme: &str) -> Error {
    let scheme: String = scheme.chars().take(32).collect();
    let absent = ["etcd", "http", "https"];
    let known = format!("this build knows {KNOWN_ENGINES}");
    let hint = if absent.contains(&scheme.as_str()) {
        format!("{known}; other servers (`etcd:` and others) are not in it")
    } else {
        known
    };
    Error::new(ErrorKind::Config, format!("no engine has the scheme {scheme:?}")).with_hint(hint)
}
