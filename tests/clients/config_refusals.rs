//! What the config service refuses, and what it then says.

use crate::{
    config_service::{create, register, registration},
    object_service::{get, object, set_well},
    routing_objects::{call, data, fails, send},
    server::RedisServer,
};
use framedb_tests::{TestNode, within};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_does_not_answer_is_not_registered_and_no_password_is_shown() {
    let (locked, silent) =
        (RedisServer::start_with(&["--requirepass", "right"]), RedisServer::start());
    silent.pause(true);
    let node = TestNode::build().open().await;
    let http = node.http();
    let redis = |server: &RedisServer| format!("redis://:s3cret@127.0.0.1:{}", server.port());
    for (family, url) in [
        ("instances", "redis://:s3cret@127.0.0.1:1".to_owned()),
        ("instances", redis(&locked)),
        ("instances", redis(&silent)),
        ("persistent-instances", "mysql://me:s3cret@127.0.0.1:1/db".to_owned()),
    ] {
        let line = format!("POST /global/framedb/{family}");
        let answer = within("an answer", send(&http, &line, registration("dead", &url))).await;
        assert!(!answer.1.to_string().contains("s3cret"), "{}", answer.1);
        fails(answer, 400, "cannot open the instance `dead`");
        let answer = call(&http, &format!("GET /global/framedb/{family}/dead")).await;
        fails(answer, 404, "No document found");
    }
    // One that was there stays as it was.
    register(&http, "locked", &format!("redis://:right@127.0.0.1:{}", locked.port())).await;
    let wrong = registration("locked", &redis(&locked));
    fails(send(&http, "POST /global/framedb/instances", wrong).await, 400, "cannot open");
    set_well(&mut node.object_service().await, object("k", "locked", "in-memory", b"abc")).await;
    silent.pause(false);
}

#[tokio::test]
async fn urls_that_lead_into_this_machine_or_nowhere_are_refused() {
    let node = TestNode::build().open().await;
    let http = node.http();
    for (family, url) in [
        ("instances", json!("memory:")),
        ("instances", json!("file:/tmp/s3cret")),
        ("persistent-instances", json!("file:/tmp/s3cret")),
        ("persistent-instances", json!("file:///tmp/s3cret")),
        ("instances", json!("unix:///tmp/s3cret.sock")),
        ("instances", json!("rediss://127.0.0.1:1?ssl-ca=/tmp/s3cret")),
        ("instances", json!("rediss://127.0.0.1:1?ssl_ca_certs=/tmp/s3cret")),
        ("persistent-instances", json!("mysql://127.0.0.1:1/db?ssl-c%61=/tmp/s3cret")),
        ("instances", json!("mysql://me:s3cret@127.0.0.1/db")),
        ("persistent-instances", json!("redis://:s3cret@127.0.0.1:6379")),
        ("instances", json!("ftp://127.0.0.1")),
        ("instances", json!("redis://")),
        ("instances", json!("")),
        ("instances", json!(7)),
    ] {
        for field in ["public_url", "local_url"] {
            if (field, &url) == ("local_url", &json!("")) {
                // There is none.
                continue;
            }
            let mut body = registration("x", "127.0.0.1:1");
            body[field] = url.clone();
            let answer = send(&http, &format!("POST /global/framedb/{family}"), body).await;
            assert!(!answer.1.to_string().contains("s3cret"), "{}", answer.1);
            fails(answer, 400, &format!("`{field}`"));
        }
    }
    assert_eq!(node.node().instances.records().await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_request_to_make_a_server_is_told_what_it_lacks_and_then_that_none_is_made() {
    let node = TestNode::build().open().await;
    let http = node.http();
    for (family, own) in [("instances", "redis_config"), ("persistent-instances", "storage_size")] {
        let line = format!("POST /global/framedb/{family}");
        let mut body = json!({});
        for (field, value) in [
            ("framedb_id", json!("new")),
            ("node_id", json!("n1")),
            ("metadata", json!({})),
            (own, json!([])),
            ("cluster_id", json!("c1")),
        ] {
            let answer = send(&http, &line, body.clone()).await;
            assert_eq!(answer.1["error"], format!("Missing field: {field}"));
            fails(answer, 400, field);
            body[field] = value;
        }
        fails(send(&http, &line, body).await, 501, "cannot create `new`");
        for (framedb_id, error) in [
            (json!(""), "is not a name"),
            (json!("a/b"), "is not a name"),
            (json!(1), "not a text"),
        ] {
            let mut body = registration("x", "127.0.0.1:1");
            body["framedb_id"] = framedb_id;
            fails(send(&http, &line, body).await, 400, error);
        }
    }
    for line in [
        "POST /framedb-config/setup",
        "POST /framedb-config/status",
        "DELETE /framedb-config/remove",
    ] {
        fails(send(&http, line, json!({ "kube_config": {} })).await, 501, "Kubernetes");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_holds_objects_is_removed_by_force_alone() {
    let redis = RedisServer::start();
    let node = TestNode::build().open().await;
    let (http, mut grpc) = (node.http(), node.object_service().await);
    for (line, force) in [
        ("DELETE /global/framedb/instances/cache", json!({ "force": true })),
        ("DELETE /global/framedb/instances/cache?force=true", json!({})),
        ("DELETE /framedb/instances/cache", json!({ "force": true })),
    ] {
        register(&http, "cache", &redis.url()).await;
        set_well(&mut grpc, object("k", "cache", "in-memory", b"abc")).await;
        for refused in [json!({}), json!({ "force": false })] {
            let plain = line.split('?').next().unwrap();
            let answer = send(&http, plain, refused).await;
            let hint = answer.1["hint"].as_str().unwrap_or_default().to_owned();
            fails(answer, 409, "`cache` still holds objects, `k` for one");
            assert!(hint.contains("force"), "{hint}");
        }
        assert_eq!(send(&http, line, force).await.0, 200, "{line}");
        let answer = get(&mut grpc, "k").await;
        assert!(answer.message.starts_with("FrameDB instance not found: no instance `cache`"));
        // Its server goes on running, and the object is there when it is registered again.
        register(&http, "cache", &redis.url()).await;
        assert_eq!(get(&mut grpc, "k").await.object.unwrap().data, "abc");
        assert_eq!(call(&http, "DELETE /framedb/objects/k").await.0, 200);
        assert_eq!(call(&http, "DELETE /global/framedb/instances/cache").await.0, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_is_of_one_family() {
    let redis = RedisServer::start();
    let sql = framedb_tests::servers::mariadb::shared().await;
    let url = sql.url(&framedb_tests::servers::mariadb::fresh_name());
    let node = TestNode::build().open().await;
    let http = node.http();
    register(&http, "both", &redis.url()).await;
    let line = "POST /global/framedb/persistent-instances";
    let answer = send(&http, line, registration("both", &url)).await;
    fails(answer, 409, "an in-memory one has this id");
    assert_eq!(data(&http, "/global/framedb/instances/both").await["public_url"], redis.url());
    create(&http, "persistent-instances", registration("other", &url)).await;
}

#[tokio::test]
async fn the_service_can_be_switched_off() {
    let node = TestNode::build().config(|config| config.services.config = false).open().await;
    let http = node.http();
    for line in [
        "GET /global/framedb/instances/memory",
        "POST /global/framedb/persistent-instances",
        "POST /global/framedb/set-config",
        "GET /framedb/instances",
        "DELETE /framedb/persistent-instances/x",
        "POST /framedb-config/setup",
    ] {
        let answer = call(&http, line).await;
        let hint = answer.1["hint"].as_str().unwrap().to_owned();
        fails(answer, 404, "the config service is switched off on this node");
        assert!(hint.contains("services.config"), "{hint}");
    }
    assert_eq!(call(&http, "GET /framedb/objects").await.0, 200);
}
