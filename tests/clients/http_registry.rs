//! A node whose registry is the services of another one (`[registry] url = "http://…"`).

use crate::{
    config_service::{create, register, registration},
    object_service::{get, object, set, set_well},
    routing_objects::{call, data, fails, registration as written, send},
    server::RedisServer,
};
use framedb_core::{Frame, frame, unframe};
use framedb_host::{Address, registry::RegistryConfig};
use framedb_tests::{
    Build, Describe, TestNode, arrival, component, eventually, failure,
    servers::mariadb::{self, fresh_name},
    stored, within,
};
use serde_json::{Value, json};
use std::{net::TcpListener, time::Duration};

/// A node that keeps its routes at the services of this URL.
pub(crate) fn at(url: &str) -> Build {
    let url = url.to_owned();
    TestNode::build()
        .config(|config| config.registry = RegistryConfig { url, ..RegistryConfig::default() })
}

/// A node that offers the services, one that uses them, and a server which both know from there.
async fn site() -> (TestNode, TestNode, RedisServer) {
    let redis = RedisServer::start();
    let services = TestNode::build().open().await;
    register(&services.http(), "shared", &redis.url()).await;
    let user = at(&services.http().url()).open().await;
    (services, user, redis)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_node_stores_the_other_finds_through_every_door() {
    let (services, user, redis) = site().await;
    let mut theirs = services.object_service().await;
    let mut ours = user.object_service().await;
    for key in ["k", "cam?1?0__5", "a/b c", "persistent-x~y_z.jpg"] {
        let mut sent = object(key, "shared", "in-memory", b"abc");
        sent.metadata = "{'a': 1, 'n': None}".into();
        set_well(&mut ours, sent.clone()).await;
        assert_eq!(get(&mut theirs, key).await.object.unwrap(), sent);
        assert_eq!(get(&mut ours, key).await.object.unwrap(), sent);
    }
    let expected = json!({
        "_id": "k", "object_id": "k", "framedb_id": "shared", "framedb_type": "in-memory",
        "copies": [], "size": 3, "metadata": "{'a': 1, 'n': None}",
    });
    assert_eq!(data(&services.http(), "/framedb/objects/k").await, expected);
    assert_eq!(data(&user.http(), "/framedb/objects/k").await, expected);
    for element in ["0", "1", "2"] {
        set_well(&mut ours, object("q", "shared", "stream", element.as_bytes())).await;
    }
    assert_eq!(data(&services.http(), "/framedb/streams/q").await["framedb_id"], "shared");
    assert_eq!(get(&mut theirs, "q").await.object.unwrap().data, "0");
    assert_eq!(get(&mut ours, "q").await.object.unwrap().data, "1");
    assert_eq!(redis.command(&["RPOP", "q"]), "$1\r\n2");
    assert_eq!(call(&user.http(), "DELETE /framedb/objects/k").await.0, 200);
    fails(call(&services.http(), "GET /framedb/objects/k").await, 404, "No document found");
    assert_eq!(redis.command(&["EXISTS", "k"]), ":0");
    assert!(!get(&mut theirs, "k").await.found);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_direct_writer_registered_is_read() {
    let (services, user, redis) = site().await;
    redis.command(&["SET", "k", "abc"]);
    let body = written("k", "shared");
    assert_eq!(send(&services.http(), "POST /framedb/objects", body).await.0, 200);
    let found = get(&mut user.object_service().await, "k").await.object.unwrap();
    assert_eq!((&*found.data, &*found.metadata), (&b"abc"[..], "{\"a\":1}"));
    // What it knows of instances is what the config service says, in both families.
    let sql = mariadb::shared().await.url(&fresh_name());
    create(&services.http(), "persistent-instances", registration("table", &sql)).await;
    set_well(&mut user.object_service().await, object("t", "table", "storage", b"abc")).await;
    let path = "/global/framedb/persistent-instances/table";
    assert_eq!(data(&user.http(), path).await, data(&services.http(), path).await);
    // They are changed there.
    let answer =
        send(&user.http(), "POST /global/framedb/instances", registration("x", &redis.url())).await;
    assert!(answer.1["hint"].as_str().unwrap().contains("at the config service"), "{}", answer.1);
    fails(answer, 400, "cannot change instances/x through this node");
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_a_codec_changed_carry_its_name_themselves() {
    let (services, user, redis) = site().await;
    let url = services.http().url();
    let directory = user.stop().await;
    let user = at(&url)
        .in_directory(&directory)
        .plugin("serialize-lz4", component("serialize-lz4"), |_| {})
        .serializer("serialize-lz4")
        .start()
        .await;
    let payload = "many times the same ".repeat(1000);
    let sent = arrival("k").to("shared").data(payload.clone());
    let receipt = stored(user.ingest(sent).await);
    assert_eq!(receipt.codec.unwrap().to_string(), "lz4/1");
    let raw = user.stored_bytes("shared", "k").await.unwrap();
    assert!(raw.len() < payload.len() / 2);
    assert_eq!(redis.command(&["STRLEN", "k"]), format!(":{}", raw.len()));
    let Frame::Coded(codec, _) = unframe(&raw) else { panic!("no frame: {raw:?}") };
    assert_eq!(codec.format.to_string(), "lz4/1");
    let found = user.found("k").await.unwrap();
    assert_eq!((&*found.data, found.foreign), (payload.as_bytes(), false));
    let size = data(&services.http(), "/framedb/objects/k").await["size"].clone();
    assert_eq!(size, payload.len(), "what the sender sent");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_node_that_offers_the_services_reads_what_another_nodes_codec_wrote() {
    let lz4 = |build: Build| {
        let component = component("serialize-lz4");
        build.plugin("serialize-lz4", component, |_| {}).serializer("serialize-lz4")
    };
    let redis = RedisServer::start();
    let services = lz4(TestNode::build()).open().await;
    register(&services.http(), "shared", &redis.url()).await;
    let user = lz4(at(&services.http().url())).open().await;
    let payload = "many times the same ".repeat(1000);
    let _ = stored(user.ingest(arrival("k").to("shared").data(payload.clone())).await);
    assert!(matches!(unframe(&user.stored_bytes("shared", "k").await.unwrap()), Frame::Coded(..)));
    assert_eq!(services.get("k").await, payload);
    // What begins like a frame and was sent so comes back so, whoever stored it.
    let like = frame(None, b"abc");
    for node in [&services, &user] {
        let _ = stored(node.ingest(arrival("f").to("shared").data(like.clone())).await);
        assert_eq!(
            (services.get("f").await, user.get("f").await),
            (like.clone().into(), like.clone().into())
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_services_do_not_say_is_absent() {
    let (services, user, _redis) = site().await;
    set_well(&mut user.object_service().await, object("k", "shared", "in-memory", b"abc")).await;
    let listed = call(&user.http(), "GET /objects").await.1["objects"][0].clone();
    assert_eq!((&listed["key"], &listed["stored_at"]), (&json!("k"), &Value::Null));
    assert!(call(&services.http(), "GET /objects").await.1["objects"][0]["stored_at"].is_string());
    // To count the routes of a service, all of them would have to be listed.
    let counted = async |node: &TestNode| {
        let metrics = node.http().call("GET /metrics").await;
        String::from_utf8_lossy(&metrics.body)
            .lines()
            .any(|line| line.starts_with("framedb_routes "))
    };
    assert!(counted(&services).await && !counted(&user).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_moves_between_instances_and_kinds_and_leaves_nothing() {
    let (services, user, first) = site().await;
    let (second, sql) = (RedisServer::start(), mariadb::shared().await.url(&fresh_name()));
    let http = services.http();
    register(&http, "second", &second.url()).await;
    create(&http, "persistent-instances", registration("table", &sql)).await;
    let mut ours = user.object_service().await;
    let exists = |server: &RedisServer| server.command(&["EXISTS", "k"]) == ":1";
    for (framedb_id, kind, on_first, on_second) in [
        ("shared", "in-memory", true, false),
        // The services take an object of the same size elsewhere for a backup.
        ("second", "in-memory", false, true),
        ("table", "storage", false, false),
        ("shared", "in-memory", true, false),
        ("second", "stream", false, true),
    ] {
        set_well(&mut ours, object("k", framedb_id, kind, b"abc")).await;
        assert_eq!((exists(&first), exists(&second)), (on_first, on_second), "{framedb_id}");
        let (table, other) = match kind {
            "stream" => ("streams", "objects"),
            _ => ("objects", "streams"),
        };
        let found = data(&http, &format!("/framedb/{table}/k")).await;
        assert_eq!(found["framedb_id"], framedb_id);
        if table == "objects" {
            assert_eq!(found["copies"], json!([]), "{framedb_id}");
        }
        assert_eq!(call(&http, &format!("GET /framedb/{other}/k")).await.0, 404);
        if kind != "stream" {
            assert_eq!(get(&mut ours, "k").await.object.unwrap().framedb_id, framedb_id);
        }
    }
    assert_eq!(get(&mut services.object_service().await, "k").await.object.unwrap().data, "abc");
    // And back, when the queue is empty.
    set_well(&mut ours, object("k", "shared", "in-memory", b"abc")).await;
    fails(call(&http, "GET /framedb/streams/k").await, 404, "No document found");
}

#[tokio::test(flavor = "multi_thread")]
async fn overwriting_removes_a_stale_copy_there_too() {
    let (services, user, _redis) = site().await;
    let second = RedisServer::start();
    let http = services.http();
    register(&http, "second", &second.url()).await;
    let mut ours = user.object_service().await;
    set_well(&mut ours, object("k", "shared", "in-memory", b"abc")).await;
    second.command(&["SET", "k", "abc"]);
    let copy = json!({ "framedb_id": "second", "framedb_type": "in-memory" });
    assert_eq!(send(&http, "POST /framedb/objects/k/add-copy", copy).await.0, 200);
    set_well(&mut ours, object("k", "shared", "in-memory", b"new")).await;
    assert_eq!(second.command(&["EXISTS", "k"]), ":0");
    assert_eq!(data(&http, "/framedb/objects/k").await["copies"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn services_that_are_gone_are_named_and_used_again_when_they_are_back() {
    let redis = RedisServer::start();
    let services = TestNode::build().open().await;
    let (address, url) = (services.http_address(), services.http().url());
    register(&services.http(), "shared", &redis.url()).await;
    let user =
        at(&url).config(|config| config.limits.deadline = Duration::from_secs(2)).open().await;
    let mut ours = user.object_service().await;
    set_well(&mut ours, object("k", "shared", "in-memory", b"abc")).await;
    let directory = services.stop().await;
    let gone = format!("cannot reach the service at {url}");
    let says = |text: &str| assert!(text.contains(&gone), "{text}");
    let answer =
        within("an answer", set(&mut ours, object("k", "shared", "in-memory", b"x"))).await;
    assert!(!answer.success);
    says(&answer.message);
    says(&within("an answer", get(&mut ours, "k")).await.message);
    for line in ["GET /objects/k", "GET /framedb/objects/k", "GET /objects"] {
        let (status, body) = within("an answer", call(&user.http(), line)).await;
        assert_eq!((status, &body["success"]), (503, &Value::Bool(false)), "{line}: {body}");
        says(body["error"].as_str().unwrap());
    }
    // A node does not start on services that are not there.
    let error = at(&url).try_start().await.unwrap_err();
    says(&error.chain());
    let _services = TestNode::build()
        .in_directory(&directory)
        .config(|config| config.http = Address(Some(address)))
        .open()
        .await;
    assert_eq!(get(&mut ours, "k").await.object.unwrap().data, "abc", "nothing was written");
    eventually("objects are stored again", async || {
        set(&mut ours.clone(), object("k", "shared", "in-memory", b"x")).await.success.then_some(())
    })
    .await;
    assert_eq!(redis.command(&["GET", "k"]), "$1\r\nx");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_service_is_asked_again_and_a_wrong_one_is_named() {
    let stub = crate::stub::Stub::start(|line, _| match line {
        // The first question, before a node starts.
        "GET /framedb/objects/framedb-edge-health" => {
            (404, r#"{"success": false, "error": "No document found"}"#.into())
        }
        _ => (429, r#"{"success": false, "error": "busy"}"#.into()),
    })
    .await;
    let user = at(stub.url()).config(|config| config.limits.deadline = Duration::from_secs(1));
    let user = user.start().await;
    let refused = failure(within("a receipt", user.ingest(arrival("k").to("disk"))).await);
    assert!(refused.message.contains("busy (429)"), "{refused:?}");
    assert!(stub.asked("GET /framedb/objects/k").len() > 1);
    for (status, text) in
        [(404, "<html>Not Found</html>"), (200, "<html>Welcome</html>"), (200, "[]")]
    {
        let stub = crate::stub::Stub::start(move |_, _| (status, text.to_owned())).await;
        let error = at(stub.url()).try_start().await.unwrap_err().chain();
        assert!(error.contains(stub.url()) && error.contains("without a JSON object"), "{error}");
    }
    // Connections are taken, and nobody answers.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let error = within("an error", at(&url).try_start()).await.unwrap_err().chain();
    assert!(error.contains(&format!("cannot reach the service at {url}")), "{error}");
}
