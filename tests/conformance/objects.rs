//! What every object store promises.

use crate::engines::{Engine, MAX_OBJECT, eventually, key, keys, record, route};
use framedb_host::{ErrorKind, store::Record};
use std::time::{Duration, SystemTime};

async fn put(engine: &Engine, records: &[Record]) {
    for result in engine.one.objects.put(records).await {
        result.unwrap();
    }
}

async fn get(engine: &Engine, name: &str) -> Option<Vec<u8>> {
    let mut answers = engine.one.objects.get(&keys(&[name])).await;
    assert_eq!(answers.len(), 1);
    answers.pop().unwrap().unwrap().map(|data| data.to_vec())
}

async fn list(engine: &Engine, prefix: &str, after: Option<&str>, limit: usize) -> Vec<String> {
    let listed = engine.one.objects.list(prefix, after, limit).await.unwrap();
    listed.into_iter().map(|line| line.key.to_string()).collect()
}

pub(crate) async fn a_value_is_read_as_it_was_put(engine: Engine) {
    for size in [0, 1, 1023, 1024, 5000, 1 << 20] {
        let data = vec![b'x'; size];
        put(&engine, &[record("a", &data)]).await;
        assert_eq!(get(&engine, "a").await.as_deref(), Some(&data[..]), "{size} bytes");
        assert_eq!(engine.one.objects.list("", None, 9).await.unwrap()[0].size, size as u64);
    }
    engine.one.objects.health().await.unwrap();
}

pub(crate) async fn absence_is_no_error(engine: Engine) {
    assert_eq!(get(&engine, "absent").await, None);
    assert!(!engine.one.objects.delete(&keys(&["absent"])).await.pop().unwrap().unwrap());
    assert!(list(&engine, "", None, 10).await.is_empty());
    assert!(engine.one.objects.put(&[]).await.is_empty());
    assert!(engine.one.objects.get(&[]).await.is_empty());
}

pub(crate) async fn put_replaces_and_repeats(engine: Engine) {
    put(&engine, &[record("a", b"1"), record("b", b"2")]).await;
    put(&engine, &[record("a", b"longer")]).await;
    put(&engine, &[record("a", b"longer")]).await;
    assert_eq!(get(&engine, "a").await.unwrap(), b"longer");
    assert_eq!(get(&engine, "b").await.unwrap(), b"2");
    assert_eq!(list(&engine, "", None, 10).await, ["a", "b"]);
}

pub(crate) async fn the_later_of_two_records_is_kept(engine: Engine) {
    let gone = Record { expires_at: Some(SystemTime::UNIX_EPOCH), ..record("a", b"0") };
    put(&engine, &[gone, record("a", b"1"), record("a", b"2")]).await;
    assert_eq!(get(&engine, "a").await.unwrap(), b"2");
}

pub(crate) async fn a_record_that_is_too_large_fails_alone(engine: Engine) {
    let limits = engine.one.objects.limits();
    let size = usize::try_from(limits.max_value).unwrap() + 1;
    let records = [record("a", b"1"), record("large", &vec![0; size]), record("b", b"2")];
    let answers = engine.one.objects.put(&records).await;
    assert!(answers[0].is_ok() && answers[2].is_ok());
    assert_eq!(answers[1].as_ref().unwrap_err().kind(), ErrorKind::TooLarge);
    assert!(limits.max_value >= MAX_OBJECT);
    assert_eq!(list(&engine, "", None, 10).await, ["a", "b"]);
}

pub(crate) async fn deleted_values_are_gone(engine: Engine) {
    put(&engine, &[record("a", b"1"), record("b", b"2")]).await;
    let answers = engine.one.objects.delete(&keys(&["a", "x", "a"])).await;
    let answers: Vec<bool> = answers.into_iter().map(Result::unwrap).collect();
    assert!(answers[0] && !answers[1]);
    assert_eq!(get(&engine, "a").await, None);
    assert_eq!(list(&engine, "", None, 10).await, ["b"]);
}

pub(crate) async fn an_expired_value_is_absent_everywhere(engine: Engine) {
    if !engine.one.objects.keeps_expiry() {
        return;
    }
    let soon = SystemTime::now() + Duration::from_millis(300);
    put(&engine, &[Record { expires_at: Some(soon), ..record("a", b"1") }, record("b", b"2")])
        .await;
    assert!(get(&engine, "a").await.is_some() || SystemTime::now() >= soon);
    eventually(|| async { get(&engine, "a").await.is_none() }).await;
    assert!(SystemTime::now() + Duration::from_millis(1) >= soon);
    assert_eq!(list(&engine, "", None, 10).await, ["b"]);
    assert!(!engine.one.objects.delete(&keys(&["a"])).await.pop().unwrap().unwrap());
}

pub(crate) async fn a_new_value_drops_the_old_expiry(engine: Engine) {
    if !engine.one.objects.keeps_expiry() {
        return;
    }
    put(&engine, &[Record { expires_at: Some(SystemTime::UNIX_EPOCH), ..record("a", b"1") }]).await;
    assert_eq!(get(&engine, "a").await, None);
    put(&engine, &[record("a", b"2")]).await;
    assert_eq!(get(&engine, "a").await.unwrap(), b"2");
    let now = SystemTime::now();
    assert!(!engine.one.objects.delete_expired(&keys(&["a"]), now).await.pop().unwrap().unwrap());
}

pub(crate) async fn only_a_value_that_is_unchanged_is_deleted_as_such(engine: Engine) {
    let store = &engine.one.objects;
    for answer in store.put(&[record("a", b"new"), record("b", b"")]).await {
        answer.unwrap();
    }
    let delete = async |name: &str, data: &'static [u8]| {
        store.delete_unchanged(&key(name), &data.into()).await.unwrap()
    };
    assert!(!delete("a", b"old").await && !delete("a", b"").await && !delete("absent", b"").await);
    assert_eq!(store.list("", None, 9).await.unwrap().len(), 2);
    assert!(delete("a", b"new").await && delete("b", b"").await);
    assert_eq!(store.list("", None, 9).await.unwrap(), []);
}

pub(crate) async fn only_expired_values_are_deleted_as_such(engine: Engine) {
    if !engine.one.objects.keeps_expiry() {
        return;
    }
    let now = SystemTime::now();
    let later = Record { expires_at: Some(now + Duration::from_secs(60)), ..record("a", b"1") };
    put(&engine, &[later, record("b", b"2")]).await;
    let names = keys(&["a", "b", "x"]);
    for answer in engine.one.objects.delete_expired(&names, now).await {
        assert!(!answer.unwrap());
    }
    let later = now + Duration::from_secs(61);
    let removed = engine.one.objects.delete_expired(&names, later).await;
    if engine.expires_by_itself {
        assert!(removed.into_iter().all(|answer| !answer.unwrap()));
        return;
    }
    assert_eq!(list(&engine, "", None, 10).await, ["b"]);
}

pub(crate) async fn lists_are_ordered_and_paged(engine: Engine) {
    let names: Vec<String> = (0..300).map(|n| format!("cam/{n:03}")).collect();
    let mut records: Vec<_> = names.iter().rev().map(|name| record(name, b"x")).collect();
    records.extend([record("cal", b""), record("cam", b""), record("can", b"")]);
    put(&engine, &records).await;
    let mut found: Vec<String> = Vec::new();
    loop {
        let page = list(&engine, "cam/", found.last().map(String::as_str), 70).await;
        if page.is_empty() {
            break;
        }
        found.extend(page);
    }
    assert_eq!(found, names);
    assert_eq!(list(&engine, "cam/", Some("aaa"), 1).await, ["cam/000"]);
    assert!(list(&engine, "cam/", Some("cb"), 1).await.is_empty());
    assert!(list(&engine, "cam/", Some("cam/299"), 1).await.is_empty());
    assert!(list(&engine, "", None, 0).await.is_empty());
}

pub(crate) async fn keys_with_unusual_characters_are_kept_apart(engine: Engine) {
    let names =
        ["cam?1?0__5", "cam", "a b", "ü", "5%off", "a/b", "a//b", "{x}", "x".repeat(255).leak()];
    for name in names {
        put(&engine, &[record(name, name.as_bytes())]).await;
    }
    for name in names {
        assert_eq!(get(&engine, name).await.unwrap(), name.as_bytes());
    }
    // The other instance of the node has none of them.
    assert!(engine.other.objects.list("", None, 10).await.unwrap().is_empty());
}

/// What shares no transaction with the registry claims none, and touches no route.
async fn no_transaction(engine: &Engine) {
    let route = route("one", engine.kind, 1);
    assert!(
        engine.one.objects.put_with_routes(&[(record("a", b"1"), route.clone())]).await.is_empty()
    );
    assert_eq!(get(engine, "a").await, None);
    engine.registry.register(&[(key("a"), route.clone())]).await.pop().unwrap().unwrap();
    put(engine, &[record("a", b"1")]).await;
    assert!(engine.one.objects.delete(&keys(&["a"])).await.pop().unwrap().unwrap());
    assert_eq!(engine.registry.lookup(&keys(&["a"])).await.unwrap(), [Some(route)]);
}

pub(crate) async fn data_and_route_appear_together(engine: Engine) {
    let Some(domain) = engine.one.objects.domain() else { return no_transaction(&engine).await };
    assert!(engine.registry.shares(&domain));
    let route = route("one", engine.kind, 7);
    let writes = [(record("a", b"1"), route.clone())];
    for answer in engine.one.objects.put_with_routes(&writes).await {
        answer.unwrap();
    }
    assert_eq!(get(&engine, "a").await.unwrap(), b"1");
    assert_eq!(engine.registry.lookup(&keys(&["a"])).await.unwrap(), [Some(route)]);
}

pub(crate) async fn an_older_generation_loses_and_changes_nothing(engine: Engine) {
    if engine.one.objects.domain().is_none() {
        return no_transaction(&engine).await;
    }
    let write =
        |data: &[u8], generation| (record("a", data), route("one", engine.kind, generation));
    let writes = [write(b"new", 8), write(b"old", 7), write(b"newer", 9)];
    let answers = engine.one.objects.put_with_routes(&writes).await;
    assert!(answers[0].is_ok() && answers[2].is_ok());
    assert_eq!(answers[1].as_ref().unwrap_err().kind(), ErrorKind::Conflict);
    let answers = engine.one.objects.put_with_routes(&[write(b"old", 8)]).await;
    assert_eq!(answers[0].as_ref().unwrap_err().kind(), ErrorKind::Conflict);
    assert_eq!(get(&engine, "a").await.unwrap(), b"newer");
    let found = engine.registry.lookup(&keys(&["a"])).await.unwrap();
    assert_eq!(found[0].as_ref().unwrap().generation, 9);
    assert_eq!(engine.registry.count().await.unwrap(), 1);
}

pub(crate) async fn deleting_data_takes_its_route_along(engine: Engine) {
    if engine.one.objects.domain().is_none() {
        return no_transaction(&engine).await;
    }
    let writes = [(record("a", b"1"), route("one", engine.kind, 1))];
    engine.one.objects.put_with_routes(&writes).await;
    assert!(engine.one.objects.delete(&keys(&["a"])).await.pop().unwrap().unwrap());
    assert_eq!(engine.registry.lookup(&keys(&["a"])).await.unwrap(), [None]);
    assert_eq!(engine.registry.count().await.unwrap(), 0);
}

pub(crate) async fn many_writers_lose_nothing(engine: Engine) {
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..8 {
        let store = engine.one.objects.clone();
        writers.spawn(async move {
            for n in 0..20 {
                let name = format!("{writer}/{n}");
                store.put(&[record(&name, name.as_bytes())]).await.pop().unwrap().unwrap();
            }
        });
    }
    writers.join_all().await;
    assert_eq!(list(&engine, "", None, 1000).await.len(), 160);
    assert_eq!(get(&engine, "7/19").await.unwrap(), b"7/19");
    assert_eq!(engine.one.objects.get(&[key("0/0")]).await.len(), 1);
}
