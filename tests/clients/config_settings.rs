//! Settings of servers that run: `CONFIG SET` for clients of the config service (contract 5.1 and
//! 5.2, defect D14).

use crate::{
    config_service::{create, register, registration},
    routing_objects::{data, fails, send},
    server::RedisServer,
};
use framedb_tests::{
    TestNode,
    servers::mariadb::{self, fresh_name},
};
use serde_json::json;

const SET: &str = "POST /global/framedb/set-config";

fn setting(redis: &RedisServer, name: &str) -> String {
    redis.command(&["CONFIG", "GET", name]).lines().last().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_and_an_object_of_settings_reach_the_server_and_are_kept() {
    let redis = RedisServer::start();
    let node = TestNode::build().open().await;
    let http = node.http();
    let mut body = registration("cache", &redis.url());
    body["redis_config"] = json!(["maxmemory 1gb", "hz 10"]);
    create(&http, "instances", body).await;
    let updated = json!({ "success": true, "data": "Configuration updated on Redis" });
    for (config, maxmemory, kept) in [
        (
            json!(["maxmemory 64mb", "MAXMEMORY-POLICY allkeys-lru"]),
            64 << 20,
            json!(["hz 10", "maxmemory 64mb", "maxmemory-policy allkeys-lru"]),
        ),
        (
            json!({ "maxmemory": 32 << 20, "save": "" }),
            32 << 20,
            json!(["hz 10", "maxmemory-policy allkeys-lru", "maxmemory 33554432", "save \"\""]),
        ),
        (
            json!(["maxmemory 16mb", "save \"\""]),
            16 << 20,
            json!(["hz 10", "maxmemory-policy allkeys-lru", "maxmemory 16mb", "save \"\""]),
        ),
    ] {
        let body = json!({ "framedb_id": "cache", "config": config });
        assert_eq!(send(&http, SET, body).await, (200, updated.clone()));
        assert_eq!(setting(&redis, "maxmemory"), format!("{maxmemory}"));
        assert_eq!(setting(&redis, "maxmemory-policy"), "allkeys-lru");
        let found = data(&http, "/global/framedb/instances/cache").await;
        assert_eq!(found["redis_config"], kept);
    }
    // The local service says it in its own way.
    let line = "POST /framedb/instances/cache/config";
    let updated = json!({ "success": true, "message": "Configuration updated on Redis" });
    assert_eq!(send(&http, line, json!({ "maxmemory": "8mb" })).await, (200, updated));
    assert_eq!(setting(&redis, "maxmemory"), format!("{}", 8 << 20));
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_that_harm_and_servers_without_any_are_refused() {
    let redis = RedisServer::start();
    let sql = mariadb::shared().await.url(&fresh_name());
    let node = TestNode::build().open().await;
    let http = node.http();
    register(&http, "cache", &redis.url()).await;
    create(&http, "persistent-instances", registration("table", &sql)).await;
    let before = redis.command(&["CONFIG", "GET", "*"]);
    let set = async |id: &str, config| {
        send(&http, SET, json!({ "framedb_id": id, "config": config })).await
    };
    // The existing service answers 404 whatever it refuses.
    for (id, config, error) in [
        ("cache", json!(["maxmemory 1mb", "dir /tmp"]), "the setting `dir` is not changed"),
        ("cache", json!({ "DbFilename": "x" }), "the setting `dbfilename` is not changed"),
        ("cache", json!({ "requirepass": "mine" }), "`requirepass`"),
        ("cache", json!({ "tls-key-file": "/etc/x" }), "`tls-key-file`"),
        ("cache", json!({ "port": 1 }), "`port`"),
        ("cache", json!({ "no-such-setting": "1" }), "cannot set no-such-setting"),
        ("cache", json!({ "maxmemory": "lots" }), "cannot set maxmemory"),
        ("cache", json!("maxmemory 1mb"), "neither a list of lines nor an object"),
        ("cache", json!(["maxmemory"]), "neither a list of lines nor an object"),
        ("cache", json!([]), "no setting to change"),
        ("cache", json!({}), "no setting to change"),
        ("absent", json!(["maxmemory 1mb"]), "Instance not found: absent"),
        ("table", json!(["maxmemory 1mb"]), "Instance not found: table"),
        ("memory", json!(["maxmemory 1mb"]), "inside of the node"),
    ] {
        fails(set(id, config).await, 404, error);
    }
    for (body, error) in [
        (json!({ "config": [] }), "Missing field: framedb_id"),
        (json!({ "framedb_id": "cache" }), "Missing field: config"),
    ] {
        fails(send(&http, SET, body).await, 400, error);
    }
    let line = "POST /framedb/instances/cache/config";
    fails(send(&http, line, json!({ "dir": "/tmp" })).await, 400, "`dir`");
    assert_eq!(redis.command(&["CONFIG", "GET", "*"]), before);
    assert_eq!(data(&http, "/global/framedb/instances/cache").await.get("redis_config"), None);
}
