//! What nodes that share a registry see of each other; each test is run on every engine that can
//! be shared.

use crate::engines::{eventually, handle, key, keys, route};
use framedb_core::{Kind, Route};
use framedb_host::{
    Error, ErrorKind,
    registry::{Query, Registry, RegistryConfig, Table},
};
use serde_json::json;
use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

/// A route of this generation.
pub(crate) fn stored(generation: u64) -> Route {
    route("one", Kind::Storage, generation)
}

pub(crate) async fn register(
    registry: &dyn Registry,
    name: &str,
    generation: u64,
) -> Result<(), Error> {
    registry.register(&[(key(name), stored(generation))]).await.pop().unwrap()
}

/// The generation of the route that a node finds.
pub(crate) async fn generation(registry: &dyn Registry, name: &str) -> Result<Option<u64>, Error> {
    let found = registry.lookup(&keys(&[name])).await?.pop().unwrap();
    Ok(found.map(|route| route.generation))
}

/// Waits until a node finds a route of this generation.
pub(crate) async fn finds(registry: &dyn Registry, name: &str, wanted: Option<u64>) {
    eventually(async || generation(registry, name).await.is_ok_and(|found| found == wanted)).await;
}

pub(crate) async fn nodes_see_each_others_routes(config: RegistryConfig) {
    let (one, other) = (handle(&config).await.unwrap(), handle(&config).await.unwrap());
    for n in 1..=20 {
        register(&*one, "a", 2 * n).await.unwrap();
        finds(&*other, "a", Some(2 * n)).await;
        // What a node wrote, it finds at once.
        register(&*other, "a", 2 * n + 1).await.unwrap();
        assert_eq!(generation(&*other, "a").await.unwrap(), Some(2 * n + 1));
        finds(&*one, "a", Some(2 * n + 1)).await;
    }
    assert!(one.remove(&key("a"), None).await.unwrap());
    assert_eq!(generation(&*one, "a").await.unwrap(), None);
    finds(&*other, "a", None).await;
    // What one node found to be absent, it finds when another one makes it.
    register(&*other, "a", 1).await.unwrap();
    finds(&*one, "a", Some(1)).await;
}

pub(crate) async fn nodes_see_each_others_documents(config: RegistryConfig) {
    let (one, other) = (handle(&config).await.unwrap(), handle(&config).await.unwrap());
    let body = async |registry: &dyn Registry| {
        let found = registry.document(Table::Instances, "a").await.unwrap();
        found.map(|found| found.body)
    };
    for n in 0..20 {
        let written = one.write_document(Table::Instances, "a", &json!(n), None).await.unwrap();
        assert_eq!(body(&*one).await, Some(json!(n)));
        eventually(async || body(&*other).await == Some(json!(n))).await;
        let found = other.document(Table::Instances, "a").await.unwrap().unwrap();
        assert_eq!(found.revision, written);
    }
    let revision = other.document(Table::Instances, "a").await.unwrap().unwrap().revision;
    one.write_document(Table::Instances, "a", &json!("new"), Some(revision)).await.unwrap();
    // The other one's revision is not the current one any more.
    let late = other.write_document(Table::Instances, "a", &json!("late"), Some(revision)).await;
    assert_eq!(late.unwrap_err().kind(), ErrorKind::Conflict);
    assert!(other.remove_document(Table::Instances, "a", None).await.unwrap());
    assert_eq!(body(&*other).await, None);
    eventually(async || body(&*one).await.is_none()).await;
    assert!(one.documents(Table::Instances).await.unwrap().is_empty());
}

pub(crate) async fn of_nodes_that_race_the_highest_generation_wins(config: RegistryConfig) {
    let handles = [handle(&config).await.unwrap(), handle(&config).await.unwrap()];
    let mut writers = tokio::task::JoinSet::new();
    for generation in 1..=40_u64 {
        let registry: Arc<dyn Registry> = handles[usize::try_from(generation % 2).unwrap()].clone();
        writers.spawn(async move {
            // Beside the key that all write, one of its own.
            let own = format!("own/{generation}");
            let routes = [(key("raced"), stored(generation)), (key(&own), stored(generation))];
            let mut answers = registry.register(&routes).await.into_iter();
            let raced = answers.next().unwrap();
            answers.next().unwrap().unwrap();
            match raced {
                Ok(()) => {}
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Conflict, "{}", error.chain());
                    assert!(error.is_temporary() && generation < 40, "{}", error.chain());
                }
            }
        });
    }
    while let Some(ended) = writers.join_next().await {
        ended.unwrap();
    }
    for registry in &handles {
        finds(&**registry, "raced", Some(40)).await;
        assert_eq!(registry.count().await.unwrap(), 41);
    }
}

pub(crate) async fn any_number_of_routes_is_registered_at_once(config: RegistryConfig) {
    let registry = handle(&config).await.unwrap();
    let at = |n: u64| SystemTime::now() + Duration::from_secs(1000 + n);
    let routes: Vec<_> = (0..700)
        .map(|n| {
            let mut route = stored(n + 1);
            // Some expire, and some have the longest metadata.
            route.expires_at = (n % 3 == 0).then(|| Route::millis(at(n)));
            if n % 20 == 0 {
                route.metadata = "ü".repeat(32 << 10).into();
            }
            (key(&format!("k/{n:04}")), route)
        })
        .collect();
    for answer in registry.register(&routes).await {
        answer.unwrap();
    }
    assert_eq!(registry.count().await.unwrap(), 700);
    let names: Vec<_> = routes.iter().map(|(key, _)| key.clone()).collect();
    // Another node reads everything from the server.
    let other = handle(&config).await.unwrap();
    for (found, (_, route)) in other.lookup(&names).await.unwrap().iter().zip(&routes) {
        assert_eq!(found.as_ref(), Some(route));
    }
    let query = Query { prefix: "k/".into(), limit: 650, ..Query::default() };
    assert_eq!(other.list(&query).await.unwrap()[..], routes[..650]);
    assert_eq!(other.expired(at(2000), 1000).await.unwrap().len(), 234);
    // Again, with other times: what is known and what is not is written alike.
    for registry in [&registry, &handle(&config).await.unwrap()] {
        let mut again = routes.clone();
        again.iter_mut().for_each(|(_, route)| route.expires_at = None);
        again.push((key("one more"), stored(1)));
        for answer in registry.register(&again).await {
            answer.unwrap();
        }
        assert_eq!(registry.count().await.unwrap(), 701);
        assert!(registry.expired(at(2000), 1000).await.unwrap().is_empty());
    }
}

pub(crate) async fn a_key_that_conflicts_does_not_fail_its_neighbours(config: RegistryConfig) {
    let (one, other) = (handle(&config).await.unwrap(), handle(&config).await.unwrap());
    register(&*other, "b", 9).await.unwrap();
    let routes = [("a", 5), ("b", 5), ("c", 5), ("a", 6), ("a", 4)];
    let routes = routes.map(|(name, generation)| (key(name), stored(generation)));
    let answers = one.register(&routes).await;
    let answers: Vec<_> =
        answers.into_iter().map(|answer| answer.err().map(|e| e.kind())).collect();
    let conflict = Some(ErrorKind::Conflict);
    assert_eq!(answers, [None, conflict, None, None, conflict]);
    for (name, wanted) in [("a", 6), ("b", 9), ("c", 5)] {
        finds(&*one, name, Some(wanted)).await;
    }
}

pub(crate) async fn a_node_that_starts_again_finds_everything(config: RegistryConfig) {
    let registry = handle(&config).await.unwrap();
    register(&*registry, "a", 3).await.unwrap();
    let written =
        registry.write_document(Table::Sources, "cam", &json!({ "a": 1 }), None).await.unwrap();
    drop(registry);
    let registry = handle(&config).await.unwrap();
    assert_eq!(generation(&*registry, "a").await.unwrap(), Some(3));
    let found = registry.document(Table::Sources, "cam").await.unwrap().unwrap();
    assert_eq!((found.body, found.revision), (json!({ "a": 1 }), written));
}

pub(crate) async fn registries_with_other_prefixes_are_apart(config: RegistryConfig) {
    let registry = handle(&config).await.unwrap();
    register(&*registry, "a", 1).await.unwrap();
    registry.write_document(Table::State, "a", &json!(1), None).await.unwrap();
    let url = match config.url.starts_with("etcd") {
        true => format!("{}x", config.url),
        false => format!("{}/0?prefix=other", config.url),
    };
    let apart = handle(&RegistryConfig { url, ..config }).await.unwrap();
    assert_eq!(generation(&*apart, "a").await.unwrap(), None);
    assert_eq!(apart.count().await.unwrap(), 0);
    assert!(apart.documents(Table::State).await.unwrap().is_empty());
}
