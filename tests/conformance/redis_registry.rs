//! What the registry in Redis promises beside the suites.

use crate::{
    engines::{context, eventually, handle, key},
    server::{RedisServer, free_port},
    shared_registry::{finds, register, stored},
};
use framedb_core::Route;
use framedb_host::{
    Error, ErrorKind,
    registry::{Query, RegistryConfig, Table},
    store::{Options, open},
};
use framedb_tests::Operator;
use serde_json::json;
use std::time::{Duration, SystemTime};

const SECRET: &str = "s3cret-word";

fn config(url: &str) -> RegistryConfig {
    RegistryConfig { url: url.into(), ..RegistryConfig::default() }
}

/// The error of a registry that cannot be opened; it shows no secret.
async fn refused(url: &str) -> Error {
    let error = handle(&config(url)).await.unwrap_err();
    let shown = format!("{error} {error:?} {} {:?}", error.chain(), error.hint());
    assert!(!shown.contains(SECRET), "{shown}");
    error
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_used_is_refused_with_its_reason() {
    let server = RedisServer::start_with(&["--requirepass", SECRET]);
    let error = refused(&format!("redis://:{SECRET}x@127.0.0.1:{}", server.port())).await;
    assert_eq!(error.kind(), ErrorKind::Config, "{}", error.chain());
    assert!(error.to_string().contains("password"), "{error}");
    assert!(error.hint().unwrap().contains("`registry.url`"), "{error:?}");
    let error = refused(&format!("redis://127.0.0.1:{}", free_port())).await;
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{}", error.chain());
    let error = refused(&format!("redis://:{SECRET}@host?prefix=a{{b")).await;
    assert_eq!(error.kind(), ErrorKind::Config, "{}", error.chain());
    let url = format!("redis://:{SECRET}@127.0.0.1:{}", server.port());
    let registry = handle(&config(&url)).await.unwrap();
    let shown = format!("{registry:?} {}", registry.describe());
    assert!(!shown.contains(SECRET), "{shown}");
    assert!(shown.contains("database 0, below framedb"), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_only_replica_is_refused() {
    let (primary, replica) = (RedisServer::start(), RedisServer::start());
    replica.command(&["REPLICAOF", "127.0.0.1", &primary.port().to_string()]);
    let error = refused(&replica.url()).await;
    assert!(error.to_string().contains("read-only replica"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_in_the_same_database_do_not_meet_it() {
    let server = RedisServer::start();
    let registry = handle(&config(&server.url())).await.unwrap();
    register(&*registry, "a", 1).await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let instance = open(&server.url(), &context(directory.path(), Options::default())).await;
    let instance = instance.unwrap();
    assert!(instance.objects.list("", None, 10).await.unwrap().is_empty());
    // One hash tag for all of it: a cluster keeps it together.
    registry.write_document(Table::State, "a", &json!(1), None).await.unwrap();
    let names = server.command(&["EVAL", "return #redis.call('KEYS', '#{framedb}:*')", "0"]);
    assert_eq!(names, ":3");
    assert_eq!(server.command(&["DBSIZE"]), ":3");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_a_removed_route_stays_behind() {
    let server = RedisServer::start();
    let registry = handle(&config(&server.url())).await.unwrap();
    let at = SystemTime::now() + Duration::from_secs(60);
    for n in 0..10 {
        let route = Route { expires_at: Some(Route::millis(at)), ..stored(1) };
        let answers = registry.register(&[(key(&n.to_string()), route)]).await;
        answers.into_iter().for_each(|answer| answer.unwrap());
    }
    for n in 0..10 {
        assert!(registry.remove(&key(&n.to_string()), None).await.unwrap());
    }
    assert_eq!(server.command(&["DBSIZE"]), ":0");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_comes_back_is_used_again() {
    let mut server = RedisServer::start_with(&["--appendonly", "yes", "--appendfsync", "always"]);
    let registry = handle(&config(&server.url())).await.unwrap();
    register(&*registry, "a", 1).await.unwrap();
    server.stop();
    eventually(async || register(&*registry, "a", 2).await.is_err()).await;
    let error = register(&*registry, "a", 2).await.unwrap_err();
    assert!(error.is_temporary() && error.kind() == ErrorKind::Unavailable, "{}", error.chain());
    assert!(registry.health().await.is_err());
    server.start_again();
    finds(&*registry, "a", Some(1)).await;
    register(&*registry, "a", 2).await.unwrap();
    registry.health().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_are_not_plain_are_listed_in_byte_order() {
    let server = RedisServer::start();
    let registry = handle(&config(&server.url())).await.unwrap();
    let mut names = ["(a", "[a", "+", "-", "a", "a b", "ä", "b*", "{b}"];
    for name in names {
        register(&*registry, name, 1).await.unwrap();
    }
    names.sort_unstable();
    let mut listed: Vec<String> = Vec::new();
    while listed.len() < names.len() {
        let query = Query { after: listed.last().cloned(), limit: 2, ..Query::default() };
        let page = registry.list(&query).await.unwrap();
        assert!(!page.is_empty());
        listed.extend(page.into_iter().map(|(key, _)| key.to_string()));
    }
    assert_eq!(listed, names);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_may_drop_routes_is_warned_about() {
    let bound = ["--maxmemory", "100mb", "--maxmemory-policy"];
    for (policy, warned) in [("allkeys-lru", true), ("noeviction", false)] {
        let server = RedisServer::start_with(&[&bound[..], &[policy]].concat());
        let operator = Operator::new(&format!("[registry]\nurl = \"{}\"\n", server.url()));
        let node = operator.serve();
        let banner = format!("  registry  in Redis at 127.0.0.1:{}", server.port());
        eventually(async || node.said().contains(&banner)).await;
        let said = node.said();
        assert_eq!(said.contains("drops the registry's routes"), warned, "{said}");
    }
}
