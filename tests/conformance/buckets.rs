//! What every bucket does, whatever keeps it.

use crate::{replicated::Cluster, server::RedisServer};
use bytes::Bytes;
use framedb_host::{
    bucket::{
        Bounded, Bucket, BucketError, FileBucket, RedisBucket, Swapped,
        bounds::{BATCH_BYTES, BATCH_KEYS, KEY_BYTES, PAGE_KEYS, VALUE_BYTES},
    },
    driver::Disk,
};
use std::{any::Any, collections::BTreeSet, sync::Arc};

/// Opens the bucket of a name.
type Open = dyn Fn(&str) -> Arc<dyn Bucket> + Send + Sync;

/// A place for buckets.
pub(crate) struct Place {
    open: Box<Open>,
    /// What they need while they are open.
    _keeps: Box<dyn Any + Send + Sync>,
}

/// The node's disk.
pub(crate) async fn on_disk() -> Place {
    let directory = tempfile::tempdir().unwrap();
    let disk = Arc::new(Disk::open(directory.path()).unwrap());
    Place {
        open: Box::new(move |name| {
            Arc::new(Bounded(FileBucket::new(disk.clone(), name, 256 << 20)))
        }),
        _keeps: Box::new(directory),
    }
}

/// A server of its own.
pub(crate) async fn in_redis() -> Place {
    let server = RedisServer::start();
    in_redis_at(server.url(), server)
}

/// A turn at the tests' cluster.
pub(crate) async fn in_cluster() -> Place {
    let (cluster, turn) = Cluster::shared().await;
    in_redis_at(cluster.url(), turn)
}

fn in_redis_at(url: String, keeps: impl Any + Send + Sync) -> Place {
    let name = uuid();
    Place {
        open: Box::new(move |label| {
            Arc::new(Bounded(RedisBucket::at(&url, &format!("{name}/{label}")).unwrap()))
        }),
        _keeps: Box::new(keeps),
    }
}

fn uuid() -> String {
    format!("{:032x}", fastrand::u128(..))
}

fn key(text: &str) -> String {
    text.to_owned()
}

fn keys(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| key(text)).collect()
}

async fn get(bucket: &Arc<dyn Bucket>, name: &str) -> Option<Bytes> {
    bucket.get(&[key(name)]).await.unwrap().pop().unwrap()
}

async fn set(bucket: &Arc<dyn Bucket>, name: &str, value: &str) {
    bucket.set(vec![(key(name), Bytes::copy_from_slice(value.as_bytes()))]).await.unwrap();
}

/// All keys, page by page.
async fn listed(bucket: &Arc<dyn Bucket>) -> BTreeSet<String> {
    let (mut keys, mut cursor) = (BTreeSet::new(), None::<String>);
    loop {
        let page = bucket.keys(cursor.as_deref()).await.unwrap();
        assert!(page.keys.len() <= PAGE_KEYS, "{}", page.keys.len());
        keys.extend(page.keys);
        cursor = page.cursor;
        if cursor.is_none() {
            return keys;
        }
    }
}

fn refused<T: std::fmt::Debug>(answer: Result<T, BucketError>) -> String {
    match answer {
        Err(BucketError::Refused(why)) => why,
        other => panic!("not refused: {other:?}"),
    }
}

pub(crate) async fn a_value_is_read_as_it_was_set(place: Place) {
    let bucket = (place.open)("a");
    let binary = Bytes::from((0..=255).collect::<Vec<u8>>());
    bucket.set(vec![(key("k"), binary.clone()), (key("empty"), Bytes::new())]).await.unwrap();
    assert_eq!(get(&bucket, "k").await, Some(binary));
    assert_eq!(get(&bucket, "empty").await, Some(Bytes::new()));
    set(&bucket, "k", "later").await;
    assert_eq!(get(&bucket, "k").await.as_deref(), Some(&b"later"[..]));
    assert!(bucket.exists("empty").await.unwrap() && !bucket.exists("absent").await.unwrap());
}

pub(crate) async fn many_values_are_answered_in_the_order_of_the_keys(place: Place) {
    let bucket = (place.open)("a");
    set(&bucket, "b", "2").await;
    set(&bucket, "a", "1").await;
    let found = bucket.get(&keys(&["a", "absent", "b", "a"])).await.unwrap();
    let texts: Vec<_> = found.iter().map(|value| value.as_deref()).collect();
    assert_eq!(texts, [Some(&b"1"[..]), None, Some(b"2"), Some(b"1")]);
    assert_eq!(bucket.get(&[]).await.unwrap(), [None::<Bytes>; 0]);
    bucket.set(Vec::new()).await.unwrap();
    bucket.delete(&[]).await.unwrap();
}

pub(crate) async fn of_several_values_for_a_key_the_last_counts(place: Place) {
    let bucket = (place.open)("a");
    let entries = ["1", "2", "3"].map(|value| (key("k"), Bytes::from(value)));
    bucket.set(entries.to_vec()).await.unwrap();
    assert_eq!(get(&bucket, "k").await.as_deref(), Some(&b"3"[..]));
}

pub(crate) async fn deleted_keys_are_gone_and_absent_ones_are_no_error(place: Place) {
    let bucket = (place.open)("a");
    for name in ["a", "b", "c"] {
        set(&bucket, name, "x").await;
    }
    bucket.delete(&keys(&["a", "absent", "c", "a"])).await.unwrap();
    assert_eq!(listed(&bucket).await, BTreeSet::from([key("b")]));
}

pub(crate) async fn buckets_are_apart(place: Place) {
    let names = ["a", "a/b", "{x}a", "", "ab"];
    for name in names {
        set(&(place.open)(name), "k", name).await;
    }
    for name in names {
        let bucket = (place.open)(name);
        assert_eq!(get(&bucket, "k").await.as_deref(), Some(name.as_bytes()), "{name}");
        assert_eq!(listed(&bucket).await.len(), 1);
    }
}

pub(crate) async fn keys_are_listed_page_by_page(place: Place) {
    let bucket = (place.open)("a");
    assert!(listed(&bucket).await.is_empty());
    let all: BTreeSet<_> = (0..2 * PAGE_KEYS + 7).map(|n| format!("k{n} ü\n")).collect();
    bucket.set(all.iter().map(|key| (key.clone(), Bytes::from("x"))).collect()).await.unwrap();
    assert_eq!(listed(&bucket).await, all);
    set(&(place.open)("few"), "", "an empty key").await;
    assert_eq!(listed(&(place.open)("few")).await, BTreeSet::from([String::new()]));
}

pub(crate) async fn numbers_are_added_to_in_one_step(place: Place) {
    let bucket = (place.open)("a");
    assert_eq!(bucket.increment("n", -3).await.unwrap(), -3);
    let adding = (0..50).map(|_| {
        let bucket = bucket.clone();
        tokio::spawn(async move { bucket.increment("n", 2).await.unwrap() })
    });
    let sums: BTreeSet<_> =
        futures::future::join_all(adding).await.into_iter().map(Result::unwrap).collect();
    assert_eq!((sums.len(), sums.last()), (50, Some(&97)));
    assert_eq!(get(&bucket, "n").await.as_deref(), Some(&b"97"[..]));
    set(&bucket, "text", "many").await;
    let why = refused(bucket.increment("text", 1).await);
    assert_eq!(why, "the value of `text` is no whole number");
    set(&bucket, "n", &i64::MAX.to_string()).await;
    let why = refused(bucket.increment("n", 1).await);
    assert_eq!(why, "the sum under `n` does not fit into 64 bits");
    assert_eq!(bucket.increment("n", i64::MIN).await.unwrap(), -1);
}

pub(crate) async fn a_swap_minds_what_is_there(place: Place) {
    let bucket = (place.open)("a");
    let swap = async |expected: Option<&'static str>, value: &'static str| {
        bucket.swap("k", expected.map(Bytes::from), value.into()).await.unwrap()
    };
    assert_eq!(swap(Some(""), "0").await, Swapped::Changed(None));
    assert_eq!(swap(None, "").await, Swapped::Done);
    assert_eq!(swap(None, "1").await, Swapped::Changed(Some(Bytes::new())));
    assert_eq!(swap(Some(""), "1").await, Swapped::Done);
    assert_eq!(swap(Some("2"), "3").await, Swapped::Changed(Some("1".into())));
    assert_eq!(get(&bucket, "k").await.as_deref(), Some(&b"1"[..]));
}

pub(crate) async fn of_swaps_at_once_one_is_done(place: Place) {
    let bucket = (place.open)("a");
    let swaps = (0..30).map(|n: u8| {
        let bucket = bucket.clone();
        tokio::spawn(async move { bucket.swap("k", None, vec![n].into()).await.unwrap() })
    });
    let swapped = futures::future::join_all(swaps).await;
    let done = swapped.into_iter().filter(|swap| *swap.as_ref().unwrap() == Swapped::Done);
    assert_eq!(done.count(), 1);
}

pub(crate) async fn what_is_too_much_is_refused(place: Place) {
    let bucket = (place.open)("a");
    let (long, large) = ("k".repeat(KEY_BYTES + 1), Bytes::from(vec![0; VALUE_BYTES + 1]));
    let why = refused(bucket.set(vec![(long.clone(), Bytes::new())]).await);
    assert!(why.contains("1025 bytes") && why.contains("1024"), "{why}");
    refused(bucket.get(std::slice::from_ref(&long)).await);
    refused(bucket.swap(&long, None, Bytes::new()).await);
    let why = refused(bucket.set(vec![(key("k"), large.clone())]).await);
    assert!(why.contains("1048577 bytes"), "{why}");
    refused(bucket.swap("k", None, large.clone()).await);
    refused(bucket.get(&vec![key("k"); BATCH_KEYS + 1]).await);
    refused(bucket.delete(&vec![key("k"); BATCH_KEYS + 1]).await);
    let value = large.slice(1..);
    let most = BATCH_BYTES / VALUE_BYTES;
    let entries = (0..=most).map(|n| (n.to_string(), value.clone()));
    refused(bucket.set(entries.collect()).await);
    bucket.set(vec![(key("k"), value.clone())]).await.unwrap();
    let why = refused(bucket.get(&vec![key("k"); most + 1]).await);
    assert!(why.ends_with("are the most: make several calls"), "{why}");
    assert_eq!(bucket.get(&vec![key("k"); most]).await.unwrap().len(), most);
    refused(bucket.get(&vec![key("k"); most + 1]).await);
    assert_eq!(get(&bucket, "k").await, Some(value));
}

pub(crate) async fn a_cursor_of_nobody_does_no_harm(place: Place) {
    let bucket = (place.open)("a");
    set(&bucket, "k", "x").await;
    for cursor in ["", "x", "-1.0", "7.99999999999999999999", "0.18446744073709551615"] {
        match bucket.keys(Some(cursor)).await {
            Ok(page) => assert!(page.keys.len() <= 1),
            Err(BucketError::Refused(_)) => {}
            Err(error) => panic!("{cursor}: {error:?}"),
        }
    }
}

#[tokio::test]
async fn a_bucket_on_the_disk_takes_as_much_as_it_may_and_counts_exactly() {
    let directory = tempfile::tempdir().unwrap();
    let max_bytes = 100 * (32 + 10 + 90);
    let open = |disk: &Arc<Disk>| FileBucket::new(disk.clone(), "a", max_bytes);
    let disk = Arc::new(Disk::open(directory.path()).unwrap());
    let bucket = open(&disk);
    let entry = |n: usize, bytes| (format!("{n:010}"), Bytes::from(vec![1; bytes]));
    for n in 0..100 {
        bucket.set(vec![entry(n, 90)]).await.unwrap();
    }
    assert_eq!(bucket.bytes().await.unwrap(), max_bytes);
    let why = refused(bucket.set(vec![entry(100, 0)]).await);
    assert!(why.starts_with("the bucket is full") && why.contains("`max-bytes`"), "{why}");
    refused(bucket.swap("x", None, Bytes::new()).await);
    refused(bucket.increment("x", 1).await);
    // A batch that does not fit writes nothing, not even what would.
    refused(bucket.set(vec![entry(0, 0), entry(100, 90), entry(101, 90)]).await);
    assert_eq!(bucket.bytes().await.unwrap(), max_bytes);
    // Another value in the place of one is no growth.
    bucket.set(vec![entry(7, 90), entry(8, 80)]).await.unwrap();
    assert_eq!(bucket.bytes().await.unwrap(), max_bytes - 10);
    bucket.delete(&(0..50).map(|n| entry(n, 0).0).collect::<Vec<_>>()).await.unwrap();
    let left = 50 * (32 + 10 + 90);
    drop((bucket, disk));
    let disk = Arc::new(Disk::open(directory.path()).unwrap());
    let bucket = open(&disk);
    assert_eq!(bucket.bytes().await.unwrap(), left);
    assert_eq!(FileBucket::new(disk, "b", 1).bytes().await.unwrap(), 0);
    bucket.delete(&(0..100).map(|n| entry(n, 0).0).collect::<Vec<_>>()).await.unwrap();
    assert_eq!(bucket.bytes().await.unwrap(), 0);
}

#[tokio::test]
async fn a_bucket_in_redis_is_one_hash() {
    let server = RedisServer::start();
    let bucket = RedisBucket::at(&server.url(), "own/1/a/default").unwrap();
    bucket.set(vec![(key("k"), "v".into())]).await.unwrap();
    let name = "#framedb:bucket:own/1/a/default";
    let keys = server.command(&["keys", "*"]);
    assert!(keys.starts_with("*1\r\n") && keys.ends_with(name), "{keys}");
    assert!(server.command(&["hget", name, "k"]).ends_with("\nv"));
}

#[tokio::test]
async fn a_redis_that_is_down_is_no_refusal() {
    let mut server = RedisServer::start();
    let bucket = RedisBucket::at(&server.url(), "a").unwrap();
    bucket.set(vec![(key("k"), "v".into())]).await.unwrap();
    server.stop();
    let error = bucket.get(&[key("k")]).await.unwrap_err();
    assert!(matches!(&error, BucketError::Failed(error) if error.is_temporary()), "{error:?}");
}

#[tokio::test]
async fn a_hash_that_redis_lists_at_once_is_listed_page_by_page() {
    let server = RedisServer::start_with(&["--hash-max-listpack-entries", "100000"]);
    let bucket = RedisBucket::at(&server.url(), "a").unwrap();
    let bucket: Arc<dyn Bucket> = Arc::new(Bounded(bucket));
    let all: BTreeSet<_> = (0..2 * PAGE_KEYS + 7).map(|n| format!("k{n}")).collect();
    bucket.set(all.iter().map(|key| (key.clone(), Bytes::from("x"))).collect()).await.unwrap();
    assert_eq!(listed(&bucket).await, all);
}
