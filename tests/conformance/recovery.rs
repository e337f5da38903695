//! Writes that a crash interrupts, at each of their steps.

use crate::engines::{Engine, file, key, keys, record, route};
use framedb_core::{Kind, Route};
use framedb_host::{
    Result,
    registry::{Intent, Intents, Recovered, Recovery},
    store::{Limits, Listed, ObjectStore, Record, Stores},
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// A store in another domain, like a server's: data and route are two writes.
#[derive(Debug)]
struct Remote {
    inner: Arc<dyn ObjectStore>,
    down: AtomicBool,
}

#[async_trait::async_trait]
impl ObjectStore for Remote {
    async fn put(&self, records: &[Record]) -> Vec<Result<()>> {
        self.inner.put(records).await
    }
    async fn get(&self, keys: &[framedb_core::Key]) -> Vec<Result<Option<bytes::Bytes>>> {
        if self.down.load(Ordering::Relaxed) {
            let down = || framedb_host::Error::new(framedb_host::ErrorKind::Unavailable, "down");
            return keys.iter().map(|_| Err(down())).collect();
        }
        self.inner.get(keys).await
    }
    async fn delete(&self, keys: &[framedb_core::Key]) -> Vec<Result<bool>> {
        if self.down.load(Ordering::Relaxed) {
            let down = || framedb_host::Error::new(framedb_host::ErrorKind::Unavailable, "down");
            return keys.iter().map(|_| Err(down())).collect();
        }
        self.inner.delete(keys).await
    }
    async fn list(&self, p: &str, after: Option<&str>, limit: usize) -> Result<Vec<Listed>> {
        self.inner.list(p, after, limit).await
    }
    async fn health(&self) -> Result<()> {
        self.inner.health().await
    }
    fn limits(&self) -> Limits {
        self.inner.limits()
    }
    fn durable(&self) -> bool {
        true
    }
    fn synced(&self) -> bool {
        true
    }
    fn describe(&self) -> String {
        "remote".into()
    }
}

/// A node with the instances `one` and `remote`, which is `alias` too, and what its log has.
struct Node {
    engine: Engine,
    remote: Arc<Remote>,
    _directory: tempfile::TempDir,
    intents: Intents,
}

#[async_trait::async_trait]
impl Stores for Node {
    async fn objects(&self, id: &str) -> Result<Option<Arc<dyn ObjectStore>>> {
        match id {
            "remote" | "alias" => Ok(Some(self.remote.clone())),
            "one" => self.engine.objects(id).await,
            _ => Ok(None),
        }
    }
}

impl Node {
    async fn new() -> Self {
        let engine = file().await;
        let directory = tempfile::tempdir().unwrap();
        let elsewhere = crate::engines::file_at(directory.path(), Default::default()).await;
        let remote = Remote { inner: elsewhere.one.objects, down: AtomicBool::new(false) };
        let intents = Intents::new(engine.disk.clone());
        Self { engine, remote: Arc::new(remote), _directory: directory, intents }
    }

    /// The key's data where `generation` was written.
    async fn store(&self, id: &str, data: &[u8]) {
        let records = [record("a", data)];
        let answers = match id {
            "one" => self.engine.one.objects.put(&records).await,
            _ => self.remote.put(&records).await,
        };
        answers.into_iter().for_each(|answer| answer.unwrap());
    }

    async fn register(&self, route: &Route) {
        let answers = self.engine.registry.register(&[(key("a"), route.clone())]).await;
        answers.into_iter().for_each(|answer| answer.unwrap());
    }

    async fn recover(&self) -> Recovered {
        let pending = self.intents.pending().await.unwrap();
        let recovery = Recovery::new(pending);
        let recovered = recovery.run(&self.intents, &*self.engine.registry, self).await;
        assert!(self.intents.pending().await.unwrap().is_empty());
        assert!(!recovery.holds(&key("a")));
        recovered
    }

    /// The registered route, and the data in `one` and in `remote`.
    async fn found(&self) -> (Option<Route>, Option<Vec<u8>>, Option<Vec<u8>>) {
        let route = self.engine.registry.lookup(&keys(&["a"])).await.unwrap().pop().unwrap();
        let read = async |store: &dyn ObjectStore| {
            let data = store.get(&keys(&["a"])).await.pop().unwrap().unwrap();
            data.map(|data| data.to_vec())
        };
        let one = read(&*self.engine.one.objects).await;
        (route, one, read(&*self.remote).await)
    }
}

const REGISTERED: Recovered = Recovered { registered: 1, left: 0 };
const LEFT: Recovered = Recovered { registered: 0, left: 1 };

/// The one instance of a node.
struct Only(Arc<Remote>);

#[async_trait::async_trait]
impl Stores for Only {
    async fn objects(&self, _: &str) -> Result<Option<Arc<dyn ObjectStore>>> {
        Ok(Some(self.0.clone()))
    }
}

fn old() -> Route {
    route("one", Kind::Storage, 1)
}

fn new() -> Route {
    route("remote", Kind::Storage, 2)
}

fn moving() -> Intent {
    Intent::new(key("a"), new(), b"new", Some(old()))
}

#[tokio::test]
async fn before_the_data_the_old_route_stands() {
    let node = Node::new().await;
    node.store("one", b"old").await;
    node.register(&old()).await;
    node.intents.write(&[moving()]).await.unwrap();
    assert_eq!(node.recover().await, LEFT);
    assert_eq!(node.found().await, (Some(old()), Some(b"old".to_vec()), None));
}

#[tokio::test]
async fn between_data_and_route_the_new_one_is_registered_and_the_old_copy_goes() {
    let node = Node::new().await;
    node.store("one", b"old").await;
    node.register(&old()).await;
    node.intents.write(&[moving()]).await.unwrap();
    node.store("remote", b"new").await;
    assert_eq!(node.recover().await, REGISTERED);
    assert_eq!(node.found().await, (Some(new()), None, Some(b"new".to_vec())));
}

#[tokio::test]
async fn after_the_route_only_the_old_copy_is_left_to_do() {
    let node = Node::new().await;
    node.store("one", b"old").await;
    node.register(&old()).await;
    node.intents.write(&[moving()]).await.unwrap();
    node.store("remote", b"new").await;
    node.register(&new()).await;
    assert_eq!(node.recover().await, REGISTERED);
    assert_eq!(node.found().await, (Some(new()), None, Some(b"new".to_vec())));
}

#[tokio::test]
async fn a_place_that_is_down_keeps_no_key_that_has_left_it() {
    let node = Node::new().await;
    node.store("remote", b"old").await;
    node.register(&route("remote", Kind::Storage, 1)).await;
    let new = route("one", Kind::Storage, 2);
    let old = route("remote", Kind::Storage, 1);
    node.intents.write(&[Intent::new(key("a"), new.clone(), b"new", Some(old))]).await.unwrap();
    node.store("one", b"new").await;
    node.remote.down.store(true, Ordering::Relaxed);
    assert_eq!(node.recover().await, REGISTERED);
    node.remote.down.store(false, Ordering::Relaxed);
    assert_eq!(node.found().await, (Some(new), Some(b"new".to_vec()), Some(b"old".to_vec())));
}

#[tokio::test]
async fn a_first_write_is_found_or_never_was() {
    let node = Node::new().await;
    let intent = Intent::new(key("a"), new(), b"new", None);
    node.intents.write(std::slice::from_ref(&intent)).await.unwrap();
    assert_eq!(node.recover().await, LEFT);
    assert_eq!(node.found().await, (None, None, None));

    node.intents.write(&[intent]).await.unwrap();
    node.store("remote", b"new").await;
    assert_eq!(node.recover().await, REGISTERED);
    assert_eq!(node.found().await, (Some(new()), None, Some(b"new".to_vec())));
}

#[tokio::test]
async fn other_bytes_are_not_registered() {
    let node = Node::new().await;
    node.intents.write(&[Intent::new(key("a"), new(), b"new", None)]).await.unwrap();
    node.store("remote", b"neq").await;
    assert_eq!(node.recover().await, LEFT);
    assert_eq!(node.found().await.0, None);
}

#[tokio::test]
async fn a_newer_route_stands_and_the_bytes_nobody_finds_go() {
    let node = Node::new().await;
    node.store("one", b"old").await;
    node.register(&old()).await;
    node.intents.write(&[moving()]).await.unwrap();
    node.store("remote", b"new").await;
    let newest = route("one", Kind::Storage, 3);
    node.register(&newest).await;
    assert_eq!(node.recover().await, LEFT);
    assert_eq!(node.found().await, (Some(newest), Some(b"old".to_vec()), None));
}

#[tokio::test]
async fn what_moved_between_two_names_of_one_place_stays_there() {
    let node = Node::new().await;
    let alias = |generation| route("alias", Kind::Storage, generation);
    let moving = Intent::new(key("a"), new(), b"new", Some(alias(1)));
    node.store("remote", b"new").await;
    // The move is finished, or was overtaken by one back: these are the newest bytes.
    for (registered, expected) in [(alias(1), REGISTERED), (alias(3), LEFT)] {
        node.register(&registered).await;
        node.intents.write(std::slice::from_ref(&moving)).await.unwrap();
        assert_eq!(node.recover().await, expected);
        let (_, one, remote) = node.found().await;
        assert_eq!((one, remote), (None, Some(b"new".to_vec())), "{registered:?}");
    }
    let listed = node.remote.list("", None, 9).await.unwrap();
    assert_eq!(listed.len(), 1, "nothing else is left: {listed:?}");
}

#[tokio::test]
async fn an_instance_that_is_gone_leaves_the_old_route() {
    let node = Node::new().await;
    let gone = Intent::new(key("a"), route("gone", Kind::Storage, 2), b"new", None);
    node.intents.write(&[gone]).await.unwrap();
    assert_eq!(node.recover().await, LEFT);
}

#[tokio::test]
async fn only_the_keys_concerned_wait_and_until_the_engine_is_back() {
    let node = Node::new().await;
    node.intents.write(&[Intent::new(key("a"), new(), b"new", None)]).await.unwrap();
    node.store("remote", b"new").await;
    node.remote.down.store(true, Ordering::Relaxed);
    let pending = node.intents.pending().await.unwrap();
    let recovery = Arc::new(Recovery::new(pending));
    recovery.wait(&key("b")).await;
    assert!(recovery.holds(&key("a")));

    let (running, intents) = (recovery.clone(), node.intents.clone());
    let (registry, remote) = (node.engine.registry.clone(), node.remote.clone());
    let run = tokio::spawn(async move { running.run(&intents, &*registry, &Only(remote)).await });
    let wait = tokio::time::timeout(Duration::from_millis(50), recovery.wait(&key("a"))).await;
    assert!(wait.is_err());
    node.remote.down.store(false, Ordering::Relaxed);
    recovery.wait(&key("a")).await;
    assert_eq!(run.await.unwrap(), REGISTERED);
    assert_eq!(node.found().await.0, Some(new()));
}

#[tokio::test]
async fn intents_that_began_together_are_pending_one_by_one() {
    let node = Node::new().await;
    let intent = |name: &str, generation| {
        Intent::new(key(name), route("remote", Kind::Storage, generation), b"new", None)
    };
    let (a, b, c) = (intent("a", 3), intent("b", 1), intent("c", 2));
    let settled = node.intents.write(&[intent("d", 9), intent("e", 9)]).await.unwrap();
    node.intents.settle(settled, &[]).await.unwrap();
    node.intents.write(&[a.clone(), b.clone()]).await.unwrap();
    let partly = node.intents.write(&[c.clone(), intent("d", 8)]).await.unwrap();
    node.intents.settle(partly, std::slice::from_ref(&c)).await.unwrap();
    // Also when they were read before.
    for _ in 0..2 {
        let pending = node.intents.pending().await.unwrap();
        assert_eq!(pending, [b.clone(), c.clone(), a.clone()]);
    }
    node.intents.clear(&c).await.unwrap();
    assert_eq!(node.intents.pending().await.unwrap(), [b, a]);
}
