//! The engines, each opened afresh for a test.

use framedb_core::{Key, Kind, Route};
use framedb_host::{
    driver::{Arena, Disk, Disks, Eviction},
    registry::{Embedded, Registry},
    store::{Instance, OpenContext, Options, Record, SyncMode, open},
};
use std::{
    future::Future,
    path::Path,
    sync::Arc,
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
    _directory: Option<tempfile::TempDir>,
}

impl Engine {
    /// The store with a FrameDB id.
    pub(crate) fn objects(&self, id: &str) -> Option<Arc<dyn framedb_host::store::ObjectStore>> {
        match id {
            "one" => Some(self.one.objects.clone()),
            "other" => Some(self.other.objects.clone()),
            _ => None,
        }
    }

    pub(crate) fn queue(&self) -> Arc<dyn framedb_host::store::Queue> {
        self.one.queue.clone().unwrap()
    }
}

pub(crate) async fn memory() -> Engine {
    let directory = tempfile::tempdir().unwrap();
    node(directory.path(), ["memory:", "file:"], Options::default()).await.keeping(directory)
}

pub(crate) async fn file() -> Engine {
    let directory = tempfile::tempdir().unwrap();
    node(directory.path(), ["file:", "memory:"], Options::default()).await.keeping(directory)
}

/// A database of its own on the tests' server.
pub(crate) async fn mysql() -> Engine {
    let directory = tempfile::tempdir().unwrap();
    let url = crate::mariadb::shared().await.url(&crate::mariadb::fresh_name());
    node(directory.path(), [&url, "memory:"], Options::default()).await.keeping(directory)
}

/// A volatile instance of this size.
pub(crate) async fn bounded(max_bytes: u64, eviction: Eviction) -> Engine {
    let directory = tempfile::tempdir().unwrap();
    let options = Options { max_bytes: Some(max_bytes), eviction, ..Options::default() };
    node(directory.path(), ["memory:", "file:"], options).await.keeping(directory)
}

/// A `file:` instance at a directory that outlives it.
pub(crate) async fn file_at(path: &Path, sync: SyncMode) -> Engine {
    node(path, ["file:", "memory:"], Options { sync, ..Options::default() }).await
}

async fn node(path: &Path, urls: [&str; 2], options: Options) -> Engine {
    let context = OpenContext {
        arena: Arc::new(Arena::new()),
        disks: Arc::new(Disks::new(path)),
        framedb_id: "one".into(),
        max_object: MAX_OBJECT,
        options,
    };
    let disk = context.disks.home().unwrap();
    let other =
        OpenContext { framedb_id: "other".into(), options: Options::default(), ..context.clone() };
    Engine {
        kind: if urls[0] == "memory:" { Kind::InMemory } else { Kind::Storage },
        one: open(urls[0], &context).await.unwrap(),
        other: open(urls[1], &other).await.unwrap(),
        registry: Arc::new(Embedded::new(context.arena.clone(), disk.clone())),
        arena: context.arena,
        disk,
        _directory: None,
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
