//! What memory promises beside the suites: its bound.

use crate::engines::{bounded, key, keys, record, route};
use framedb_core::Kind;
use framedb_host::{
    ErrorKind,
    driver::Eviction,
    store::{Element, ObjectStore, Record},
};
use std::time::{Duration, SystemTime};

const MIB: u64 = 1 << 20;

#[tokio::test(flavor = "multi_thread")]
async fn an_evicting_instance_stays_flat_over_many_objects() {
    let engine = bounded(8 * MIB, Eviction::LeastFrequent).await;
    let space = engine.arena.space("one").unwrap();
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..4 {
        let (store, space) = (engine.one.objects.clone(), space.clone());
        writers.spawn(async move {
            for batch in 0..500 {
                let write = |n: u64| {
                    let name = format!("{writer}/{batch}/{n}");
                    (record(&name, &[7; 100]), route("one", Kind::InMemory, 1))
                };
                let writes: Vec<_> = (0..100).map(write).collect();
                for answer in store.put_with_routes(&writes).await {
                    answer.unwrap();
                }
                assert!(space.used() <= 8 * MIB, "{} bytes", space.used());
            }
        });
    }
    writers.join_all().await;
    let routes = engine.registry.count().await.unwrap();
    let objects = engine.one.objects.list("", None, usize::MAX).await.unwrap();
    assert_eq!(routes, objects.len() as u64);
    assert!(routes > 5_000 && routes < 15_000, "{routes} routes");
    let newest = engine.one.objects.get(&keys(&["0/499/99"])).await.pop().unwrap().unwrap();
    assert!(newest.is_some() || objects.len() > 5_000);
}

#[tokio::test]
async fn what_is_used_often_stays() {
    let engine = bounded(MIB, Eviction::LeastFrequent).await;
    let store = &engine.one.objects;
    store.put(&[record("used", &[1; 100])]).await;
    for n in 0..20_000 {
        store.get(&[key("used")]).await;
        store.put(&[record(&n.to_string(), &[0; 100])]).await.pop().unwrap().unwrap();
    }
    assert!(store.get(&[key("used")]).await.pop().unwrap().unwrap().is_some());
}

#[tokio::test]
async fn a_full_instance_refuses_and_says_how_to_change_that() {
    let engine = bounded(MIB, Eviction::None).await;
    let store = &engine.one.objects;
    let records: Vec<_> = (0..20).map(|n| record(&n.to_string(), &[0; 100_000])).collect();
    let answers = store.put(&records).await;
    let stored = answers.iter().filter(|answer| answer.is_ok()).count();
    assert_eq!(stored, 10);
    let error = answers.into_iter().find_map(Result::err).unwrap();
    assert_eq!(error.kind(), ErrorKind::Full);
    assert!(error.to_string().contains("instance one") && error.to_string().contains("1048576"));
    assert!(error.hint().unwrap().contains("max-bytes"));
    // A smaller value in the place of a stored one, and room after a deletion.
    store.put(&[record("0", &[0; 100])]).await.pop().unwrap().unwrap();
    store.delete(&keys(&["1"])).await;
    store.put(&[record("new", &[0; 100_000])]).await.pop().unwrap().unwrap();
    let large = store.put(&[record("large", &vec![0; 2 << 20])]).await.pop().unwrap();
    assert_eq!(large.unwrap_err().kind(), ErrorKind::TooLarge);
}

#[tokio::test]
async fn small_objects_are_bounded_too() {
    let engine = bounded(MIB, Eviction::None).await;
    let mut stored = 0;
    for n in 0..100_000 {
        stored += u64::from(put(&*engine.one.objects, &n.to_string()).await);
    }
    assert!(stored < MIB / 500, "{stored} objects");
}

async fn put(store: &dyn ObjectStore, name: &str) -> bool {
    store.put(&[record(name, b"")]).await.pop().unwrap().is_ok()
}

#[tokio::test]
async fn expired_objects_make_room_without_eviction() {
    let engine = bounded(MIB, Eviction::None).await;
    let past = Some(SystemTime::now() - Duration::from_secs(1));
    for n in 0..50 {
        let write = Record { expires_at: past, ..record(&n.to_string(), &[0; 100_000]) };
        engine.one.objects.put(&[write]).await.pop().unwrap().unwrap();
    }
}

#[tokio::test]
async fn queues_count_towards_the_bound_until_they_are_read() {
    let engine = bounded(MIB, Eviction::None).await;
    let queue = engine.queue();
    let element = |n: i32| Element { id: n.to_string(), data: vec![0; 100_000].into() };
    let pushed = queue.push(&key("q"), &(0..20).map(element).collect::<Vec<_>>()).await;
    assert_eq!(pushed.iter().filter(|answer| answer.is_ok()).count(), 10);
    assert_eq!(pushed[15].as_ref().unwrap_err().kind(), ErrorKind::Full);
    let leased = queue.lease(&key("q"), Duration::from_secs(9)).await.unwrap().unwrap();
    assert!(queue.ack(&key("q"), &leased.token).await.unwrap());
    assert!(queue.push(&key("q"), &[element(30)]).await.pop().unwrap().is_ok());
    queue.purge(&key("q")).await.unwrap();
    assert_eq!(engine.arena.space("one").unwrap().used(), 0);
}

#[tokio::test]
async fn the_account_returns_to_nothing() {
    let engine = bounded(MIB, Eviction::None).await;
    let space = engine.arena.space("one").unwrap();
    for round in 1..4 {
        for size in [10, 1000, 10] {
            let writes = [(record("a", &vec![0; size]), route("one", Kind::InMemory, round))];
            engine.one.objects.put_with_routes(&writes).await.pop().unwrap().unwrap();
        }
        engine.registry.remove(&key("a"), None).await.unwrap();
        assert_eq!(space.routes(), 0);
    }
    engine.one.objects.delete(&keys(&["a"])).await;
    assert_eq!(space.used(), 0);
}
