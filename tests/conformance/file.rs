//! What the disk promises beside the suites: that it is all there again, and fsyncs shared.

use crate::engines::{Engine, eventually, expiring, file_at, key, keys, record, route};
use framedb_core::{Kind, Route};
use framedb_host::{
    ErrorKind,
    driver::{Arena, Disk, Disks},
    registry::{DiskRegistry, Registry as _},
    store::{Element, OpenContext, Options, Pushed, Record, SyncMode, open},
};
use std::{
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime},
};

const LONG: Duration = Duration::from_secs(600);

fn element(id: &str) -> Element {
    Element { id: id.into(), data: vec![b'x'; 3000].into() }
}

async fn length(engine: &Engine) -> (u64, u64) {
    let length = engine.queue().length(&key("q")).await.unwrap();
    (length.ready, length.leased)
}

#[tokio::test]
async fn everything_is_there_after_opening_again() {
    let directory = tempfile::tempdir().unwrap();
    let soon = SystemTime::now() + Duration::from_secs(60);
    let large = vec![b'y'; 1 << 20];
    {
        let engine = file_at(directory.path(), SyncMode::Always).await;
        let mortal = Record { expires_at: Some(soon), ..record("mortal", b"m") };
        let writes = [
            (record("large", &large), route("one", Kind::Storage, 1)),
            (mortal, expiring(route("one", Kind::Storage, 2), soon)),
        ];
        for answer in engine.one.objects.put_with_routes(&writes).await {
            answer.unwrap();
        }
        engine.queue().push(&key("q"), &[element("1"), element("2"), element("3")]).await;
        let queue = engine.queue();
        let first = queue.lease(&key("q"), LONG).await.unwrap().unwrap();
        assert!(queue.nack(&key("q"), &first.token).await.unwrap());
    }
    let token = {
        let engine = file_at(directory.path(), SyncMode::Always).await;
        let read = engine.one.objects.get(&keys(&["large", "mortal"])).await;
        let read: Vec<_> = read.into_iter().map(|data| data.unwrap().unwrap()).collect();
        assert_eq!((&read[0][..], &read[1][..]), (&large[..], &b"m"[..]));
        let routes = engine.registry.lookup(&keys(&["large", "mortal"])).await.unwrap();
        assert_eq!(routes[0], Some(route("one", Kind::Storage, 1)));
        assert_eq!(engine.registry.count().await.unwrap(), 2);
        assert_eq!(engine.registry.expired(soon + LONG, 9).await.unwrap().len(), 1);

        let queue = engine.queue();
        assert_eq!(length(&engine).await, (3, 0));
        let leased = queue.lease(&key("q"), LONG).await.unwrap().unwrap();
        assert_eq!((leased.data.len(), leased.deliveries), (3000, 2));
        leased.token
    };
    let engine = file_at(directory.path(), SyncMode::Always).await;
    assert_eq!(length(&engine).await, (2, 1));
    assert!(engine.queue().ack(&key("q"), &token).await.unwrap());
    let again = engine.queue().push(&key("q"), &[element("1"), element("4")]).await;
    let again: Vec<Pushed> = again.into_iter().map(Result::unwrap).collect();
    assert_eq!(again, [Pushed::Repeated, Pushed::New]);
    assert_eq!(length(&engine).await, (3, 0));
}

#[tokio::test]
async fn a_lease_ends_after_a_restart_too() {
    let directory = tempfile::tempdir().unwrap();
    {
        let engine = file_at(directory.path(), SyncMode::Os).await;
        engine.queue().push(&key("q"), &[element("1")]).await;
        let period = Duration::from_millis(200);
        engine.queue().lease(&key("q"), period).await.unwrap().unwrap();
    }
    let engine = file_at(directory.path(), SyncMode::Os).await;
    eventually(|| async { length(&engine).await == (1, 0) }).await;
    let again = engine.queue().lease(&key("q"), LONG).await.unwrap().unwrap();
    assert_eq!(again.deliveries, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn writers_at_once_share_fsyncs() {
    let directory = tempfile::tempdir().unwrap();
    let engine = file_at(directory.path(), SyncMode::Always).await;
    let before = engine.disk.syncs();
    let mut writers = tokio::task::JoinSet::new();
    for n in 0..64 {
        let store = engine.one.objects.clone();
        writers.spawn(async move {
            store.put(&[record(&n.to_string(), &[0; 4096])]).await.pop().unwrap().unwrap();
        });
    }
    writers.join_all().await;
    let syncs = engine.disk.syncs() - before;
    assert!((1..=24).contains(&syncs), "{syncs} fsyncs for 64 writes");
}

#[tokio::test]
async fn the_operating_system_is_trusted_where_the_instance_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let engine = file_at(directory.path(), SyncMode::Os).await;
    engine.one.objects.put(&[record("a", b"1")]).await.pop().unwrap().unwrap();
    assert_eq!(engine.disk.syncs(), 0);
    assert!(!engine.one.objects.synced() && engine.one.objects.durable());
}

#[tokio::test]
async fn a_directory_in_use_is_refused_by_name() {
    let directory = tempfile::tempdir().unwrap();
    let engine = file_at(directory.path(), SyncMode::Os).await;
    let error = Disk::open(directory.path()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.to_string().contains("in use by another process"), "{error}");
    assert!(error.to_string().contains(&directory.path().display().to_string()));
    assert!(error.hint().is_some());
    drop(engine);
    Disk::open(directory.path()).unwrap();
}

#[tokio::test]
async fn a_directory_of_another_format_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    drop(Disk::open(directory.path()).unwrap());
    {
        let database = fjall::Database::builder(directory.path().join("db")).open().unwrap();
        let meta = database.keyspace("meta", Default::default).unwrap();
        meta.insert("format", "3").unwrap();
    }
    let error = Disk::open(directory.path()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().contains("format is 3"), "{error}");
}

#[tokio::test]
async fn routes_of_the_first_format_are_read_and_replaced() {
    let directory = tempfile::tempdir().unwrap();
    let key = key("old");
    let keys = std::slice::from_ref(&key);
    let route = |generation: u64| -> Route {
        let text = format!(
            r#"{{"framedb_id":"a","kind":"storage","generation":{generation},"stored_at":1}}"#
        );
        serde_json::from_str(&text).unwrap()
    };
    drop(Disk::open(directory.path()).unwrap());
    {
        let database = fjall::Database::builder(directory.path().join("db")).open().unwrap();
        let meta = database.keyspace("meta", Default::default).unwrap();
        meta.insert("format", "1").unwrap();
        meta.insert("routes", 1_u64.to_be_bytes()).unwrap();
        let routes = database.keyspace("routes", Default::default).unwrap();
        routes.insert("old", serde_json::to_vec(&route(7)).unwrap()).unwrap();
    }
    for opened in 0..2 {
        let disk = Arc::new(Disk::open(directory.path()).unwrap());
        let registry = DiskRegistry::new(disk);
        let found = registry.lookup(keys).await.unwrap().remove(0).unwrap();
        assert_eq!(found, route(7 + opened));
        let refused = registry.register(&[(key.clone(), route(6))]).await.remove(0).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Conflict);
        registry.register(&[(key.clone(), route(8))]).await.remove(0).unwrap();
        assert_eq!(registry.count().await.unwrap(), 1);
    }
}

#[tokio::test]
async fn instances_may_have_directories_of_their_own() {
    let (home, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let engine = file_at(home.path(), SyncMode::Os).await;
    let context = |path: &Path| OpenContext {
        arena: Arc::new(Arena::new()),
        disks: Arc::new(Disks::new(path)),
        framedb_id: "two".into(),
        max_object: 100,
        options: Options::default(),
    };
    let context = context(elsewhere.path());
    let url = format!("file:{}", elsewhere.path().display());
    let two = open(&url, &context).await.unwrap();
    // The same directory once more is the same disk.
    let again = open("file:", &context).await.unwrap();
    assert_eq!(two.objects.domain(), again.objects.domain());
    assert!(!engine.registry.shares(&two.objects.domain().unwrap()));
    assert!(two.objects.describe().contains("on disk at"));

    for url in ["ftp://secret@host", "etcd://secret@host", "nothing", "memory:100"] {
        let error = open(url, &context).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.hint().unwrap().contains("memory:"), "{url}");
        assert!(!error.chain().contains("secret"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn values_of_the_default_max_object_are_kept() {
    let directory = tempfile::tempdir().unwrap();
    let context = || OpenContext {
        arena: Arc::new(Arena::new()),
        disks: Arc::new(Disks::new(directory.path())),
        framedb_id: "one".into(),
        max_object: framedb_core::DEFAULT_MAX_OBJECT,
        options: Options::default(),
    };
    let size = usize::try_from(framedb_core::DEFAULT_MAX_OBJECT).unwrap();
    {
        let store = open("file:", &context()).await.unwrap().objects;
        // Enough to be cut into several commits, and flushed while more is written.
        for round in 0..2_u8 {
            let records: Vec<_> =
                (0..2).map(|n| record(&format!("{round}/{n}"), &vec![round; size])).collect();
            for answer in store.put(&records).await {
                answer.unwrap();
            }
        }
    }
    let store = open("file:", &context()).await.unwrap().objects;
    for name in ["0/0", "0/1", "1/0", "1/1"] {
        let data = store.get(&[key(name)]).await.pop().unwrap().unwrap().unwrap();
        assert_eq!(data.len(), size);
        assert_eq!(Some(data[size - 1]), name.as_bytes()[0].checked_sub(b'0'));
    }
    assert_eq!(store.list("", None, 9).await.unwrap().len(), 4);
}
