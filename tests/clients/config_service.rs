//! The config service as in section 5.1 of the wire contract: servers that run are registered,
//! found and used.

use crate::{
    object_service::{get, object, set, set_well},
    routing_objects::{call, data, fails, send},
    server::RedisServer,
};
use framedb_host::InstanceConfig;
use framedb_tests::{
    Http, TestNode,
    servers::mariadb::{self, fresh_name},
};
use mysql_async::prelude::Queryable as _;
use serde_json::{Value, json};

/// A registration of a server that runs.
pub(crate) fn registration(framedb_id: &str, url: &str) -> Value {
    json!({
        "framedb_id": framedb_id, "public_url": url, "node_id": "n1", "cluster_id": "c1",
        "metadata": { "rack": 1 },
    })
}

/// Registers a server of the in-memory family.
pub(crate) async fn register(http: &Http, framedb_id: &str, url: &str) {
    create(http, "instances", registration(framedb_id, url)).await;
}

pub(crate) async fn create(http: &Http, family: &str, registration: Value) {
    let expected = json!({ "success": true, "message": "Instance created in global registry" });
    let answer = send(http, &format!("POST /global/framedb/{family}"), registration).await;
    assert_eq!(answer, (200, expected));
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_of_both_families_are_registered_found_and_removed() {
    let (redis, database) = (RedisServer::start(), fresh_name());
    let sql = mariadb::shared().await;
    let node = TestNode::build().open().await;
    let http = node.http();
    for (family, other, url, scheme) in [
        ("instances", "persistent-instances", redis.url(), "redis://"),
        ("persistent-instances", "instances", sql.url(&database), "mysql+pymysql://root@"),
    ] {
        let path = format!("/global/framedb/{family}");
        // D13; and again, because a registration is repeated by who does not know its outcome.
        for _ in 0..2 {
            create(&http, family, registration(family, &url)).await;
        }
        // Both generations index these, whatever the family (D11, D12).
        let found = data(&http, &format!("{path}/{family}")).await;
        let text = |field: &str| found[field].as_str().unwrap().to_owned();
        assert_eq!((text("framedb_id"), text("cluster_id")), (family.to_owned(), "c1".into()));
        assert_eq!((text("node_id"), text("status")), ("n1".into(), "Running".into()));
        assert_eq!(found["metadata"], json!({ "rack": 1 }));
        assert!(text("public_url").starts_with(scheme), "{found}");
        assert_eq!(text("local_url"), text("public_url"));
        let port = url.trim_end_matches(&format!("/{database}")).rsplit(':').next().unwrap();
        assert_eq!(found["port"].to_string(), port);
        fails(
            call(&http, &format!("GET /global/framedb/{other}/{family}")).await,
            404,
            "No document found",
        );
        fails(call(&http, &format!("GET {path}/absent")).await, 404, "No document found");
        for (listing, expected) in [
            ("cluster/c1", json!([found])),
            ("cluster/c1/node/n1", json!([found])),
            ("cluster/c2", json!([])),
            ("cluster/c1/node/n2", json!([])),
        ] {
            assert_eq!(data(&http, &format!("{path}/{listing}")).await, expected, "{listing}");
        }
        let query = format!("POST {path}/query");
        for (filter, expected) in [
            (json!({}), json!([found])),
            (json!({ "metadata.rack": { "$gte": 1 }, "cluster_id": "c1" }), json!([found])),
            (json!({ "$or": [{ "node_id": "n2" }, { "framedb_id": family }] }), json!([found])),
            (json!({ "metadata.rack": 2 }), json!([])),
        ] {
            assert_eq!(send(&http, &query, filter).await.1["data"], expected);
        }
        fails(send(&http, &query, json!({ "$where": "1" })).await, 400, "no operator `$where`");
        // Only one of its own family is removed.
        let missing = "Instance not found in global registry";
        let line = format!("DELETE /global/framedb/{other}/{family}");
        fails(call(&http, &line).await, 400, missing);
        let removed = json!({ "success": true, "message": "Removed from global registry" });
        let line = format!("DELETE {path}/{family}");
        assert_eq!(call(&http, &line).await, (200, removed));
        fails(call(&http, &line).await, 400, missing);
        fails(call(&http, &format!("GET {path}/{family}")).await, 404, "No document found");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_of_a_registered_server_are_where_direct_readers_look() {
    let (redis, database) = (RedisServer::start(), fresh_name());
    let sql = mariadb::shared().await;
    let node = TestNode::build().open().await;
    let (http, mut grpc) = (node.http(), node.object_service().await);
    let unknown = set(&mut grpc, object("k", "cache", "in-memory", b"abc")).await;
    assert!(!unknown.success);
    assert!(unknown.message.contains("FrameDB instance not found"), "{}", unknown.message);
    register(&http, "cache", &redis.url()).await;
    create(&http, "persistent-instances", registration("table", &sql.url(&database))).await;
    for (key, framedb_id, kind) in
        [("k", "cache", "in-memory"), ("t", "table", "storage"), ("q", "cache", "stream")]
    {
        set_well(&mut grpc, object(key, framedb_id, kind, b"abc")).await;
    }
    assert_eq!(redis.command(&["GET", "k"]), "$3\r\nabc");
    assert_eq!(redis.command(&["LLEN", "q"]), ":1");
    let select = format!("SELECT `data` FROM `{database}`.data_table WHERE `key` = 't'");
    let row: Option<Vec<u8>> = sql.client().await.query_first(select).await.unwrap();
    assert_eq!(row.unwrap(), b"abc");
    for (key, framedb_id) in [("k", "cache"), ("t", "table"), ("q", "cache")] {
        let found = get(&mut grpc, key).await.object.unwrap();
        assert_eq!((&*found.framedb_id, &*found.data), (framedb_id, &b"abc"[..]));
    }
    let wrong = set(&mut grpc, object("x", "cache", "storage", b"abc")).await;
    assert!(!wrong.success);
    assert!(wrong.message.contains("`cache` keeps in-memory and stream"), "{}", wrong.message);
}

#[tokio::test(flavor = "multi_thread")]
async fn urls_as_documentation_writes_them_become_ones_that_drivers_take() {
    let redis = RedisServer::start();
    let sql = mariadb::shared().await.url("");
    let sql = sql.trim_end_matches('/').rsplit('@').next().unwrap();
    let node = TestNode::build().open().await;
    let http = node.http();
    let address = format!("127.0.0.1:{}", redis.port());
    for (n, url) in [address.clone(), format!("http://{address}"), format!("redis://{address}/")]
        .into_iter()
        .enumerate()
    {
        register(&http, &format!("form-{n}"), &url).await;
        let found = data(&http, &format!("/global/framedb/instances/form-{n}")).await;
        assert_eq!(found["public_url"], format!("redis://{address}"));
    }
    for (n, url) in [sql.to_owned(), format!("http://{sql}")].into_iter().enumerate() {
        // The database that existing clients make where a URL names none (contract 3.2).
        let id = format!("table-{n}");
        create(&http, "persistent-instances", registration(&id, &url)).await;
        let found = data(&http, &format!("/global/framedb/persistent-instances/{id}")).await;
        assert_eq!(found["public_url"], format!("mysql+pymysql://root@{sql}/framedb"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn members_of_its_cluster_write_to_the_local_url_and_others_to_the_public_one() {
    let (public, local) = (RedisServer::start(), RedisServer::start());
    let mut both = registration("cache", &public.url());
    both["local_url"] = local.url().into();
    // One rule for reads and writes, also where nobody names a cluster (D9).
    for (cluster, near) in [("c1", &local), ("c2", &public), ("", &public)] {
        let node = TestNode::build().config(|config| config.cluster_id = cluster.into());
        let node = node.open().await;
        create(&node.http(), "instances", both.clone()).await;
        let mut grpc = node.object_service().await;
        let key = format!("of-{cluster}");
        set_well(&mut grpc, object(&key, "cache", "in-memory", b"abc")).await;
        assert_eq!(near.command(&["GET", &key]), "$3\r\nabc", "{cluster}");
        assert_eq!(get(&mut grpc, &key).await.object.unwrap().data, "abc");
        let found = data(&node.http(), "/global/framedb/instances/cache").await;
        assert_eq!(
            (&found["public_url"], &found["local_url"]),
            (&both["public_url"], &both["local_url"])
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_of_the_configuration_is_found_and_one_in_the_node_names_the_object_service() {
    let redis = RedisServer::start();
    let node = TestNode::build().config(|config| {
        config.cluster_id = "c1".into();
        let at = InstanceConfig {
            public_url: Some("example.com:30701".into()),
            node_id: "n1".into(),
            ..InstanceConfig::at(&redis.url())
        };
        config.instances.insert("cache".into(), at);
    });
    let node = node.open().await;
    let http = node.http();
    let found = data(&http, "/global/framedb/instances/cache").await;
    assert_eq!(
        (&found["public_url"], &found["local_url"], &found["cluster_id"], &found["node_id"]),
        (&json!("redis://example.com:30701"), &json!(redis.url()), &json!("c1"), &json!("n1"))
    );
    for (family, id) in [("instances", "memory"), ("persistent-instances", "disk")] {
        let answer = call(&http, &format!("GET /global/framedb/{family}/{id}")).await;
        fails(answer, 404, "use the object service");
    }
    assert_eq!(data(&http, "/framedb/instances").await, json!([found]));
    // What the configuration says is changed there.
    for id in ["memory", "cache"] {
        let answer =
            send(&http, "POST /global/framedb/instances", registration(id, &redis.url())).await;
        fails(answer, 409, "is in the node's configuration");
        let answer =
            call(&http, &format!("DELETE /global/framedb/instances/{id}?force=true")).await;
        fails(answer, 409, "is in the node's configuration");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registered_server_outlives_a_restart_of_the_node() {
    let redis = RedisServer::start();
    let node = TestNode::build().open().await;
    register(&node.http(), "cache", &redis.url()).await;
    let sent = object("k", "cache", "in-memory", b"abc");
    set_well(&mut node.object_service().await, sent).await;
    let directory = node.stop().await;
    let node = TestNode::build().in_directory(&directory).open().await;
    let found = data(&node.http(), "/global/framedb/instances/cache").await;
    assert_eq!(found["public_url"], redis.url());
    assert_eq!(get(&mut node.object_service().await, "k").await.object.unwrap().data, "abc");
}
