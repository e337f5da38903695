//! What every registry promises; `one` is the instance under test, `other` one of another
//! engine.

use crate::engines::{Engine, expiring, key, keys, record, route};
use framedb_core::{Kind, Route};
use framedb_host::{
    ErrorKind,
    registry::{Query, Table, sweep},
    store::{ObjectStore, Record, Stores},
};
use serde_json::json;
use std::{
    future::ready,
    sync::Arc,
    time::{Duration, SystemTime},
};

/// Routes of volatile instances need their data.
async fn with_data(engine: &Engine, names: &[&str]) {
    let records: Vec<_> = names.iter().map(|name| record(name, b"abc")).collect();
    for answer in engine.one.objects.put(&records).await {
        answer.unwrap();
    }
}

async fn register(engine: &Engine, name: &str, route: Route) -> Result<(), ErrorKind> {
    let answer = engine.registry.register(&[(key(name), route)]).await.pop().unwrap();
    answer.map_err(|error| error.kind())
}

async fn lookup(engine: &Engine, name: &str) -> Option<Route> {
    engine.registry.lookup(&keys(&[name])).await.unwrap().pop().unwrap()
}

async fn list(engine: &Engine, query: Query) -> Vec<String> {
    let listed = engine.registry.list(&query).await.unwrap();
    listed.into_iter().map(|(key, _)| key.to_string()).collect()
}

async fn move_to(engine: &Engine, store: &dyn ObjectStore, name: &str, route: Route) {
    engine.put(store, record(name, b"abc"), route).await;
}

async fn put(engine: &Engine, record: Record, route: Route) {
    engine.put(&*engine.one.objects, record, route).await;
}

pub(crate) async fn a_route_is_found_as_it_was_registered(engine: Engine) {
    with_data(&engine, &["a", "b"]).await;
    let mut a = route("one", engine.kind, 1);
    a.content_type = Some("image/jpeg".into());
    register(&engine, "a", a.clone()).await.unwrap();
    assert_eq!(
        engine.registry.lookup(&keys(&["b", "a", "x"])).await.unwrap(),
        [None, Some(a), None]
    );
    engine.registry.health().await.unwrap();
}

pub(crate) async fn an_older_generation_is_a_conflict(engine: Engine) {
    with_data(&engine, &["a"]).await;
    register(&engine, "a", route("one", engine.kind, 5)).await.unwrap();
    let older = register(&engine, "a", route("one", engine.kind, 4)).await;
    assert_eq!(older, Err(ErrorKind::Conflict));
    register(&engine, "a", route("one", engine.kind, 6)).await.unwrap();
    assert_eq!(lookup(&engine, "a").await.unwrap().generation, 6);
}

pub(crate) async fn registering_again_changes_nothing(engine: Engine) {
    with_data(&engine, &["a"]).await;
    for _ in 0..3 {
        register(&engine, "a", route("one", engine.kind, 5)).await.unwrap();
    }
    assert_eq!(engine.registry.count().await.unwrap(), 1);
}

pub(crate) async fn removal_minds_the_generation(engine: Engine) {
    with_data(&engine, &["a"]).await;
    register(&engine, "a", route("one", engine.kind, 5)).await.unwrap();
    assert!(!engine.registry.remove(&key("a"), Some(4)).await.unwrap());
    assert!(engine.registry.remove(&key("a"), Some(5)).await.unwrap());
    assert!(!engine.registry.remove(&key("a"), None).await.unwrap());
    assert_eq!(lookup(&engine, "a").await, None);
}

pub(crate) async fn lists_are_ordered_filtered_and_paged(engine: Engine) {
    with_data(&engine, &["cam/1", "cam/2", "cam/3", "x"]).await;
    for name in ["x", "cam/3", "cam/1"] {
        register(&engine, name, route("one", engine.kind, 1)).await.unwrap();
    }
    let other = if engine.kind == Kind::Storage { Kind::InMemory } else { Kind::Storage };
    move_to(&engine, &*engine.other.objects, "cam/2", route("other", other, 1)).await;
    let all = Query { limit: 10, ..Query::default() };
    assert_eq!(list(&engine, all.clone()).await, ["cam/1", "cam/2", "cam/3", "x"]);
    let page =
        Query { prefix: "cam/".into(), after: Some("cam/1".into()), limit: 1, ..all.clone() };
    assert_eq!(list(&engine, page).await, ["cam/2"]);
    let kind = Query { kind: Some(engine.kind), ..all.clone() };
    assert_eq!(list(&engine, kind).await, ["cam/1", "cam/3", "x"]);
    let instance = Query { framedb_id: Some("other".into()), ..all.clone() };
    assert_eq!(list(&engine, instance).await, ["cam/2"]);
    let behind = Query { prefix: "cam/".into(), after: Some("cb".into()), ..all };
    assert!(list(&engine, behind).await.is_empty());
}

pub(crate) async fn expired_routes_are_listed_oldest_first(engine: Engine) {
    let now = SystemTime::now();
    for (name, seconds) in [("late", 30), ("soon", 20), ("sooner", 10)] {
        let at = now + Duration::from_secs(seconds);
        let write = Record { expires_at: Some(at), ..record(name, b"abc") };
        let route = expiring(route("one", engine.kind, 1), at);
        put(&engine, write, route).await;
    }
    let expired = async |seconds, limit| {
        let at = now + Duration::from_secs(seconds);
        let expired = engine.registry.expired(at, limit).await.unwrap();
        expired.into_iter().map(|(key, _)| key.to_string()).collect::<Vec<_>>()
    };
    assert!(expired(5, 10).await.is_empty());
    assert_eq!(expired(25, 10).await, ["sooner", "soon"]);
    assert_eq!(expired(60, 1).await, ["sooner"]);
    put(&engine, record("sooner", b""), route("one", engine.kind, 2)).await;
    assert_eq!(expired(60, 10).await, ["soon", "late"]);
}

pub(crate) async fn the_count_follows(engine: Engine) {
    for generation in 1..3 {
        for name in ["a", "b", "c"] {
            move_to(&engine, &*engine.one.objects, name, route("one", engine.kind, generation))
                .await;
        }
        assert_eq!(engine.registry.count().await.unwrap(), 3);
    }
    engine.one.objects.delete(&keys(&["a"])).await;
    if !engine.shares(&*engine.one.objects) {
        engine.registry.remove(&key("a"), None).await.unwrap();
    }
    engine.registry.remove(&key("b"), None).await.unwrap();
    assert_eq!(engine.registry.count().await.unwrap(), 1);
}

pub(crate) async fn queues_have_routes(engine: Engine) {
    let stream = route("one", Kind::Stream, 3);
    register(&engine, "q", stream.clone()).await.unwrap();
    assert_eq!(lookup(&engine, "q").await, Some(stream));
    let streams = Query { kind: Some(Kind::Stream), limit: 5, ..Query::default() };
    assert_eq!(list(&engine, streams).await, ["q"]);
    // A queue's route is not that of an object's data.
    engine.one.objects.put(&[record("q", b"1")]).await;
    engine.one.objects.delete(&keys(&["q"])).await;
    assert!(lookup(&engine, "q").await.is_some());
    assert!(engine.registry.remove(&key("q"), Some(3)).await.unwrap());
    assert_eq!(engine.registry.count().await.unwrap(), 0);
}

pub(crate) async fn a_key_moves_between_memory_and_disk(engine: Engine) {
    with_data(&engine, &["a"]).await;
    let other = if engine.kind == Kind::Storage { Kind::InMemory } else { Kind::Storage };
    engine.other.objects.put(&[record("a", b"abc")]).await.pop().unwrap().unwrap();
    for generation in 1..6 {
        let next = match generation % 2 {
            0 => route("other", other, generation),
            _ => route("one", engine.kind, generation),
        };
        register(&engine, "a", next.clone()).await.unwrap();
        assert_eq!(lookup(&engine, "a").await, Some(next));
        assert_eq!(engine.registry.count().await.unwrap(), 1);
    }
    let older = register(&engine, "a", route("other", other, 4)).await;
    assert_eq!(older, Err(ErrorKind::Conflict));
}

pub(crate) async fn a_sweep_removes_data_and_route(engine: Engine) {
    let now = SystemTime::now();
    for n in 0..10 {
        let at = if n < 7 { now - Duration::from_secs(1) } else { now + Duration::from_secs(60) };
        let write = Record { expires_at: Some(at), ..record(&n.to_string(), b"abc") };
        let route = expiring(route("one", engine.kind, 1), at);
        put(&engine, write, route).await;
    }
    let step =
        async || sweep(&*engine.registry, &engine, |_| ready(()), |_| false, now, 5).await.unwrap();
    assert_eq!((step().await, step().await, step().await), (5, 2, 0));
    assert_eq!(engine.registry.count().await.unwrap(), 3);
    assert_eq!(engine.one.objects.list("", None, 99).await.unwrap().len(), 3);
}

/// Writes a new value whenever it is asked for a store.
struct Writer<'a> {
    engine: &'a Engine,
    route: Route,
}

#[async_trait::async_trait]
impl Stores for Writer<'_> {
    async fn objects(&self, id: &str) -> framedb_host::Result<Option<Arc<dyn ObjectStore>>> {
        move_to(self.engine, &*self.engine.one.objects, "a", self.route.clone()).await;
        self.engine.objects(id).await
    }
}

pub(crate) async fn a_sweep_leaves_what_was_written_meanwhile(engine: Engine) {
    let past = SystemTime::now() - Duration::from_secs(1);
    let write = Record { expires_at: Some(past), ..record("a", b"old") };
    let old = expiring(route("one", engine.kind, 1), past);
    put(&engine, write, old).await;
    // The new value comes between the registry's answer and the deletion.
    let new = route("one", engine.kind, 2);
    let writer = Writer { engine: &engine, route: new.clone() };
    let swept =
        sweep(&*engine.registry, &writer, |_| ready(()), |_| false, SystemTime::now(), 5).await;
    assert_eq!(swept.unwrap(), 0);
    assert_eq!(lookup(&engine, "a").await, Some(new.clone()));
    assert!(engine.one.objects.get(&keys(&["a"])).await.pop().unwrap().unwrap().is_some());
}

pub(crate) async fn a_document_is_read_as_it_was_written(engine: Engine) {
    let registry = &*engine.registry;
    assert_eq!(registry.document(Table::Sources, "cam/1").await.unwrap(), None);
    let body = json!({ "ü": [1, null, { "a.b": "c" }] });
    let revision = registry.write_document(Table::Sources, "cam/1", &body, None).await.unwrap();
    registry.write_document(Table::Instances, "a", &json!({}), None).await.unwrap();
    let found = registry.document(Table::Sources, "cam/1").await.unwrap().unwrap();
    assert_eq!((found.id.as_str(), &found.body, found.revision), ("cam/1", &body, revision));
    registry.write_document(Table::Sources, "cam", &json!(1), None).await.unwrap();
    let ids = async |table| -> Vec<String> {
        registry.documents(table).await.unwrap().into_iter().map(|found| found.id).collect()
    };
    assert_eq!(ids(Table::Sources).await, ["cam", "cam/1"]);
    assert_eq!(ids(Table::Instances).await, ["a"]);
    assert!(registry.remove_document(Table::Sources, "cam", None).await.unwrap());
    assert!(!registry.remove_document(Table::Sources, "cam", None).await.unwrap());
    assert_eq!(ids(Table::Sources).await, ["cam/1"]);
}

pub(crate) async fn a_document_that_was_changed_meanwhile_is_not_overwritten(engine: Engine) {
    let registry = &*engine.registry;
    let write = async |body: u32, revision| {
        let written = registry.write_document(Table::State, "a", &json!(body), revision).await;
        written.map_err(|error| (error.kind(), error.is_temporary()))
    };
    let overtaken = Err((ErrorKind::Conflict, true));
    assert_eq!(write(1, Some(7)).await, overtaken);
    let first = write(1, Some(0)).await.unwrap();
    assert_eq!(write(2, Some(0)).await, overtaken);
    let second = write(2, Some(first)).await.unwrap();
    assert_ne!(first, second);
    assert_eq!(write(3, Some(first)).await, overtaken);
    let stale = registry.remove_document(Table::State, "a", Some(first)).await.unwrap_err();
    assert_eq!(stale.kind(), ErrorKind::Conflict);
    assert!(registry.remove_document(Table::State, "a", Some(second)).await.unwrap());
    // A document that comes back has another revision than before.
    let again = write(4, None).await.unwrap();
    assert!(again != first && again != second, "{again} after {first} and {second}");
}
