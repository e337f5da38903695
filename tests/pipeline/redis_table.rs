//! `resolve-redis-table`, the plugin that comes with the node, against a real server.

use framedb_core::FailureClass;
use framedb_tests::{
    Build, Describe, TestNode, arrival, component, eventually, failure,
    servers::redis::RedisServer, stored,
};
use serde_json::json;

fn node(server: &RedisServer, settings: &[(&str, serde_json::Value)]) -> Build {
    let grant = json!({ "url": server.url(), "keys": ["framedb:routes"], "commands": ["read"] });
    let grants = serde_json::from_value(json!({ "redis": { "routes": grant } })).unwrap();
    let settings: Vec<_> =
        settings.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    TestNode::build()
        .plugin("table", component("resolve-redis-table"), |plugin| {
            plugin.grants = grants;
            plugin.settings.insert("redis_table_address".into(), "routes".into());
            plugin.settings.extend(settings);
        })
        .pipeline("default", |pipeline| pipeline.resolve = Some("table".into()))
}

#[tokio::test]
async fn objects_go_where_the_closest_route_of_the_table_says() {
    let server = RedisServer::start();
    server.command(&[
        "HSET",
        "framedb:routes",
        "a/b/c",
        "disk storage",
        "a/*",
        "memory in-memory",
        "@cam",
        "disk",
        "bad",
        "no such kind",
    ]);
    let node = node(&server, &[]).start().await;
    let receipts = node
        .ingest_all([
            arrival("a/b/c"),
            arrival("a/b/d"),
            arrival("x").source("cam"),
            arrival("named").to("memory"),
            arrival("none"),
            arrival("bad"),
        ])
        .await;
    let places: Vec<_> = receipts[..4]
        .iter()
        .map(|receipt| stored(receipt.clone()).framedb_id.unwrap().to_string())
        .collect();
    assert_eq!(places, ["disk", "memory", "disk", "memory"]);
    let refused = failure(receipts[4].clone());
    assert_eq!(refused.class, FailureClass::Reject);
    assert!(refused.message.contains("no route for the key `none`"), "{}", refused.message);
    assert!(failure(receipts[5].clone()).message.contains("the route \"no such kind\""));
}

#[tokio::test]
async fn a_changed_route_counts_when_the_old_one_has_had_its_time() {
    let server = RedisServer::start();
    server.command(&["HSET", "framedb:routes", "*", "disk"]);
    let held = node(&server, &[("redis_table_time_to_live_ms", 3_600_000.into())]).start().await;
    let quick = node(&server, &[("redis_table_time_to_live_ms", 20.into())]).start().await;
    for node in [&held, &quick] {
        assert_eq!(stored(node.ingest(arrival("a")).await).framedb_id.unwrap().to_string(), "disk");
    }
    server.command(&["HSET", "framedb:routes", "*", "memory in-memory"]);
    let moved = async || {
        let receipt = stored(quick.ingest(arrival("b")).await);
        (receipt.framedb_id.as_deref() == Some("memory")).then_some(())
    };
    eventually("the new route counts", moved).await;
    assert_eq!(stored(held.ingest(arrival("a")).await).framedb_id.unwrap().to_string(), "disk");
}

#[tokio::test]
async fn what_is_not_granted_is_refused_at_once() {
    let server = RedisServer::start();
    let elsewhere = node(&server, &[("redis_table_hash", "other".into())]).start().await;
    let refused = failure(elsewhere.ingest(arrival("a")).await);
    assert_eq!(refused.class, FailureClass::Reject);
    assert!(refused.message.contains("the key `other` is not granted"), "{}", refused.message);
    assert!(refused.message.contains("\"other\"]"), "{}", refused.message);
}

#[tokio::test]
async fn without_redis_objects_wait_or_go_by_what_is_known() {
    let mut server = RedisServer::start();
    server.command(&["HSET", "framedb:routes", "a", "disk"]);
    let now = ("redis_table_time_to_live_ms", json!(0));
    let stale = [now.clone(), ("redis_table_on_error", "stale".into())];
    let fallback = [
        now.clone(),
        ("redis_table_on_error", "fallback".into()),
        ("redis_table_fallback", "memory in-memory".into()),
    ];
    let [stale, fallback] =
        [node(&server, &stale).start().await, node(&server, &fallback).start().await];
    let waits = node(&server, &[now])
        .config(|config| config.limits.deadline = std::time::Duration::from_secs(1))
        .start()
        .await;
    for node in [&stale, &fallback, &waits] {
        assert_eq!(stored(node.ingest(arrival("a")).await).framedb_id.unwrap().to_string(), "disk");
    }
    server.stop();
    assert_eq!(stored(stale.ingest(arrival("a")).await).framedb_id.unwrap().to_string(), "disk");
    assert_eq!(
        stored(fallback.ingest(arrival("a")).await).framedb_id.unwrap().to_string(),
        "memory"
    );
    let late = failure(waits.ingest(arrival("a")).await);
    assert!(late.message.contains("cannot ask for the route"), "{}", late.message);
}
