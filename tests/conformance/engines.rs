//! The engines, each opened afresh for a test.

pub(crate) use crate::buckets::{
    in_cluster as bucket_in_cluster, in_redis as bucket_in_redis, on_disk as bucket_on_disk,
};
use crate::{
    replicated::{Cluster, Replicated, Tls},
    server::RedisServer,
};
use framedb_core::{Key, Kind, Route};
use framedb_host::{
    driver::{Arena, Disk, Disks, Eviction},
    registry::{self, DiskRegistry, NodeRegistry, Registry, RegistryConfig},
    store::{Instance, ObjectStore, OpenContext, Options, Record, Stores, SyncMode, open},
};
use futures::FutureExt;
use std::{
    any::Any,
    future::Future,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

/// What one object may have in these tests.
pub(crate) const MAX_OBJECT: u64 = 1 << 20;

/// An open instance `one` of a node, with the node's registry and its other engine.
pub(crate) struct Engine {
    pub(crate) one: Instance,
    pub(crate) other: Instance,
    pub(crate) kind: Kind,
    pub(crate) registry: Arc<dyn Registry>,
    pub(crate) arena: Arc<Arena>,
    pub(crate) disk: Arc<Disk>,
    /// Elements that are returned are in their old order among themselves.
    pub(crate) returns_in_order: bool,
    /// Expired values go without being deleted.
    pub(crate) expires_by_itself: bool,
    _directory: Option<tempfile::TempDir>,
    /// What the instance needs while it is open: a server, or a turn at one.
    _server: Option<Box<dyn Any + Send + Sync>>,
}

impl Engine {
    /// Stores a record with its route as the sink does: in one transaction where data and route
    /// share one, else one after the other.
    pub(crate) async fn put(&self, store: &dyn ObjectStore, record: Record, route: Route) {
        let key = record.key.clone();
        if self.shares(store) {
            store.put_with_routes(&[(record, route)]).await.pop().unwrap().unwrap();
        } else {
            store.put(&[record]).await.pop().unwrap().unwrap();
            self.registry.register(&[(key, route)]).await.pop().unwrap().unwrap();
        }
    }

    /// Whether data and routes of a store share a transaction.
    pub(crate) fn shares(&self, store: &dyn ObjectStore) -> bool {
        store.domain().is_some_and(|domain| self.registry.shares(&domain))
    }

    pub(crate) fn queue(&self) -> Arc<dyn framedb_host::store::Queue> {
        self.one.queue.clone().unwrap()
    }
}

#[async_trait::async_trait]
impl Stores for Engine {
    async fn objects(&self, id: &str) -> framedb_host::Result<Option<Arc<dyn ObjectStore>>> {
        Ok(match id {
            "one" => Some(self.one.objects.clone()),
            "other" => Some(self.other.objects.clone()),
            _ => None,
        })
    }
}

pub(crate) async fn memory() -> Engine {
    let directory = tempfile::tempdir().unwrap();
    embedded(directory.path(), ["memory:", "file:"], Options::default()).keeping(directory)
}

pub(crate) async fn file() -> Engine {
    let directory = tempfile::tempdir().unwrap();
    embedded(directory.path(), ["file:", "memory:"], Options::default()).keeping(directory)
}

/// An instance at a server of its own.
pub(crate) async fn redis() -> Engine {
    let server = RedisServer::start();
    redis_at(&server.url(), server).await
}

/// An instance at a server of its own, behind TLS.
pub(crate) async fn redis_tls() -> Engine {
    let tls = Tls::start("localhost", &[]);
    let url = format!("rediss://localhost:{}?ssl-ca={}", tls.port, tls.authority());
    redis_at(&url, tls).await
}

/// A database of its own on the master that the tests' sentinels watch.
pub(crate) async fn redis_sentinel() -> Engine {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let database = NEXT.fetch_add(1, Ordering::Relaxed);
    let path = format!("{}/{database}", crate::replicated::MASTER);
    redis_at(&Replicated::shared().await.url("", &path), ()).await
}

/// A turn at the tests' cluster.
pub(crate) async fn redis_cluster() -> Engine {
    let (cluster, turn) = Cluster::shared().await;
    redis_at(&cluster.url(), turn).await
}

async fn redis_at(url: &str, server: impl Any + Send + Sync) -> Engine {
    let directory = tempfile::tempdir().unwrap();
    let context = context(directory.path(), Options::default());
    let one = open(url, &context).await.unwrap();
    let engine = node(context, one, "memory:", Kind::InMemory).keeping(directory);
    // Redis lists have no numbers to put an element back by.
    let server: Option<Box<dyn Any + Send + Sync>> = Some(Box::new(server));
    Engine { returns_in_order: false, expires_by_itself: true, _server: server, ..engine }
}

/// A database of its own on the tests' server.
pub(crate) async fn mysql() -> Engine {
    let directory = tempfile::tempdir().unwrap();
    let url = crate::mariadb::shared().await.url(&crate::mariadb::fresh_name());
    let context = context(directory.path(), Options::default());
    let one = open(&url, &context).await.unwrap();
    node(context, one, "memory:", Kind::Storage).keeping(directory)
}

/// A `file:` instance of a node whose registry is below a prefix of its own in etcd.
pub(crate) async fn etcd_registry() -> Engine {
    let server = crate::etcd_server::shared().await;
    registry_at(server.config(), ()).await
}

/// A `file:` instance of a node whose registry is in a Redis server of its own.
pub(crate) async fn redis_registry() -> Engine {
    let server = RedisServer::start();
    let config = RegistryConfig { url: server.url(), ..RegistryConfig::default() };
    registry_at(config, server).await
}

async fn registry_at(config: RegistryConfig, server: impl Any + Send + Sync) -> Engine {
    let engine = file().await;
    let durable = registry::open(&config, engine.disk.clone()).await.unwrap();
    let registry = Arc::new(NodeRegistry::new(engine.arena.clone(), durable));
    Engine { registry, _server: Some(Box::new(server)), ..engine }
}

/// As [`mysql`], where a row takes so little that most of what the suite writes is in chunks.
pub(crate) async fn mysql_chunks() -> Engine {
    let directory = tempfile::tempdir().unwrap();
    let url = crate::mariadb::shared().await.url(&crate::mariadb::fresh_name());
    let options = Options { chunks: true, max_entry: Some(8 << 10), ..Options::default() };
    let context = context(directory.path(), options);
    let one = open(&url, &context).await.unwrap();
    node(context, one, "memory:", Kind::Storage).keeping(directory)
}

/// A volatile instance of this size.
pub(crate) async fn bounded(max_bytes: u64, eviction: Eviction) -> Engine {
    let directory = tempfile::tempdir().unwrap();
    let options = Options { max_bytes: Some(max_bytes), eviction, ..Options::default() };
    embedded(directory.path(), ["memory:", "file:"], options).keeping(directory)
}

/// A `file:` instance at a directory that outlives it.
pub(crate) async fn file_at(path: &Path, sync: SyncMode) -> Engine {
    embedded(path, ["file:", "memory:"], Options { sync, ..Options::default() })
}

/// A node whose instances are embedded ones.
fn embedded(path: &Path, urls: [&str; 2], options: Options) -> Engine {
    let context = context(path, options);
    let one = open_embedded(urls[0], &context);
    let kind = if urls[0] == "file:" { Kind::Storage } else { Kind::InMemory };
    node(context, one, urls[1], kind)
}

/// Embedded engines are open at once.
pub(crate) fn open_embedded(url: &str, context: &OpenContext) -> Instance {
    open(url, context).now_or_never().unwrap().unwrap()
}

/// What an instance `one` is opened from.
pub(crate) fn context(path: &Path, options: Options) -> OpenContext {
    OpenContext {
        arena: Arc::new(Arena::new()),
        disks: Arc::new(Disks::new(path)),
        framedb_id: "one".into(),
        max_object: MAX_OBJECT,
        options,
    }
}

fn node(context: OpenContext, one: Instance, other_url: &str, kind: Kind) -> Engine {
    let disk = context.disks.home().unwrap();
    let other =
        OpenContext { framedb_id: "other".into(), options: Options::default(), ..context.clone() };
    Engine {
        kind,
        one,
        other: open_embedded(other_url, &other),
        registry: Arc::new(NodeRegistry::new(
            context.arena.clone(),
            Arc::new(DiskRegistry::new(disk.clone())),
        )),
        arena: context.arena,
        disk,
        returns_in_order: true,
        expires_by_itself: false,
        _directory: None,
        _server: None,
    }
}

impl Engine {
    fn keeping(mut self, directory: tempfile::TempDir) -> Self {
        self._directory = Some(directory);
        self
    }
}

pub(crate) fn key(text: &str) -> Key {
    Key::new(text).unwrap()
}

pub(crate) fn keys(texts: &[&str]) -> Vec<Key> {
    texts.iter().map(|text| key(text)).collect()
}

pub(crate) fn record(name: &str, data: &[u8]) -> Record {
    Record { key: key(name), data: data.to_vec().into(), expires_at: None }
}

pub(crate) fn route(framedb_id: &str, kind: Kind, generation: u64) -> Route {
    serde_json::from_value(serde_json::json!({
        "framedb_id": framedb_id,
        "kind": kind,
        "size": 3,
        "metadata": "{'a': None}",
        "generation": generation,
        "stored_at": 1,
    }))
    .unwrap()
}

pub(crate) fn expiring(mut route: Route, at: SystemTime) -> Route {
    route.expires_at = Some(Route::millis(at));
    route
}

/// Waits until `condition` holds.
pub(crate) async fn eventually<F: Future<Output = bool>>(mut condition: impl FnMut() -> F) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !condition().await {
        assert!(Instant::now() < deadline, "the condition did not come about");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// The registry of a node of its own, which other nodes may share.
pub(crate) async fn handle(config: &RegistryConfig) -> framedb_host::Result<Arc<dyn Registry>> {
    let directory = tempfile::tempdir().unwrap();
    let disk = Disks::new(directory.path()).home().unwrap();
    registry::open(config, disk).await
}
