//! Clients that write to Redis themselves and register what they wrote, and the node that
//! reads it: the call sequences of both client generations (contract sections 8 to 10).

use crate::{
    object_service::{get, object, set_well},
    routing_objects::{call, data, fails, register, registration, send},
    server::RedisServer,
};
use framedb_host::InstanceConfig;
use framedb_tests::TestNode;
use serde_json::{Value, json};

async fn node(servers: &[(&str, &RedisServer)]) -> TestNode {
    let build = TestNode::build();
    let build = servers.iter().fold(build, |build, (id, server)| build.instance(id, &server.url()));
    build.open().await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_a_client_wrote_is_read_through_every_door() {
    let redis = RedisServer::start();
    let node = node(&[("cache", &redis)]).await;
    let (http, mut grpc) = (node.http(), node.object_service().await);
    for (round, value) in ["one", "two", "six"].into_iter().enumerate() {
        // Overwriting registers the same id again (D4).
        redis.command(&["SET", "cam?1?0__5", value]);
        let mut body = registration("cam?1?0__5", "cache");
        body["metadata"] = json!({ "round": round });
        assert_eq!(send(&http, "POST /framedb/objects", body).await.0, 200);
        let found = get(&mut grpc, "cam?1?0__5").await;
        assert!(found.found, "{}", found.message);
        let found = found.object.unwrap();
        assert_eq!((&*found.data, &*found.framedb_id), (value.as_bytes(), "cache"));
        // Metadata that is JSON reaches gRPC clients as text (D16).
        assert_eq!(found.metadata, format!("{{\"round\":{round}}}"));
        assert_eq!(http.call("GET /objects/cam%3F1%3F0__5").await.body, value);
    }
    let mut text = registration("cam?1?0__5", "cache");
    text["metadata"] = json!("{'a': 1, 'n': None}");
    assert_eq!(send(&http, "POST /framedb/objects", text).await.0, 200);
    let found = get(&mut grpc, "cam?1?0__5").await.object.unwrap();
    assert_eq!(found.metadata, "{'a': 1, 'n': None}", "D17: text is passed on as it is");
    assert_eq!(call(&http, "DELETE /framedb/objects/cam?1?0__5").await.0, 200);
    assert_eq!(redis.command(&["EXISTS", "cam?1?0__5"]), ":0", "D37");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_of_the_node_is_found_by_direct_readers() {
    let redis = RedisServer::start();
    let node = node(&[("cache", &redis)]).await;
    let mut grpc = node.object_service().await;
    let mut sent = object("k", "cache", "in-memory", b"abc");
    sent.metadata = "{'a': 1, 'n': None}".into();
    set_well(&mut grpc, sent).await;
    let found = data(&node.http(), "/framedb/objects/k").await;
    let expected = json!({
        "_id": "k", "object_id": "k", "framedb_id": "cache", "framedb_type": "in-memory",
        "copies": [], "size": 3, "metadata": "{'a': 1, 'n': None}",
    });
    assert_eq!(found, expected);
    assert_eq!(redis.command(&["GET", "k"]), "$3\r\nabc");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_clients_push_to_is_read_oldest_first() {
    let redis = RedisServer::start();
    let node = node(&[("cache", &redis)]).await;
    let (http, mut grpc) = (node.http(), node.object_service().await);
    for element in ["0", "1", "2"] {
        redis.command(&["LPUSH", "q", element]);
        let body = json!({ "queue_name": "q", "framedb_id": "cache", "metadata": {} });
        assert_eq!(send(&http, "POST /framedb/streams", body).await.0, 200);
    }
    // Clients ask for an object first, and then for a stream.
    fails(call(&http, "GET /framedb/objects/q").await, 404, "No document found");
    assert_eq!(data(&http, "/framedb/streams/q").await["framedb_id"], "cache");
    for element in ["0", "1"] {
        assert_eq!(get(&mut grpc, "q").await.object.unwrap().data, element);
    }
    assert_eq!(redis.command(&["RPOP", "q"]), "$1\r\n2");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_is_written_first_and_leaves_a_copy() {
    let (first, second) = (RedisServer::start(), RedisServer::start());
    let node = node(&[("first", &first), ("second", &second)]).await;
    let (http, mut grpc) = (node.http(), node.object_service().await);
    set_well(&mut grpc, object("k", "first", "in-memory", b"abc")).await;
    // `create_backup`: the same key and type in another instance, registered again.
    second.command(&["SET", "k", "abc"]);
    register(&http, "k", "second").await;
    let found = data(&http, "/framedb/objects/k").await;
    assert_eq!(
        (&found["framedb_id"], &found["copies"][0]["framedb_id"]),
        (&json!("second"), &json!("first"))
    );
    assert_eq!(get(&mut grpc, "k").await.object.unwrap().framedb_id, "second");
    let remove = json!({ "framedb_id": "first" });
    assert_eq!(send(&http, "POST /framedb/objects/k/remove-copy", remove).await.0, 200);
    assert_eq!(first.command(&["EXISTS", "k"]), ":0", "a removed copy is no orphan");
    assert_eq!(second.command(&["EXISTS", "k"]), ":1");
    // Another size is another object: what it replaces is gone.
    first.command(&["SET", "k", "longer"]);
    let mut body = registration("k", "first");
    body["size"] = json!(6);
    assert_eq!(send(&http, "POST /framedb/objects", body).await.0, 200);
    assert_eq!(data(&http, "/framedb/objects/k").await["copies"], json!([]));
    assert_eq!(second.command(&["EXISTS", "k"]), ":0");
    assert_eq!(get(&mut grpc, "k").await.object.unwrap().data, "longer");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_with_copies_is_deleted_everywhere() {
    let (first, mut second) = (RedisServer::start(), RedisServer::start());
    let node = node(&[("first", &first), ("second", &second)]).await;
    let http = node.http();
    for server in [&first, &second] {
        server.command(&["SET", "k", "abc"]);
    }
    register(&http, "k", "first").await;
    let copy = json!({ "framedb_id": "second", "framedb_type": "memory" });
    assert_eq!(send(&http, "POST /framedb/objects/k/add-copy", copy.clone()).await.0, 200);
    assert_eq!(call(&http, "DELETE /framedb/objects/k").await.0, 200);
    for server in [&first, &second] {
        assert_eq!(server.command(&["EXISTS", "k"]), ":0");
    }
    // Where a copy cannot be reached all of it stays, until the copy is forgotten.
    first.command(&["SET", "k", "abc"]);
    register(&http, "k", "first").await;
    assert_eq!(send(&http, "POST /framedb/objects/k/add-copy", copy.clone()).await.0, 200);
    second.stop();
    let (status, body) = call(&http, "DELETE /framedb/objects/k").await;
    assert_eq!((status, &body["success"]), (503, &Value::Bool(false)), "{body}");
    assert_eq!(first.command(&["EXISTS", "k"]), ":1", "nothing was deleted by half");
    assert_eq!(send(&http, "POST /framedb/objects/k/remove-copy", copy).await.0, 200);
    assert_eq!(call(&http, "DELETE /framedb/objects/k").await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_is_registered_elsewhere_when_its_server_is_gone() {
    let (mut first, second) = (RedisServer::start(), RedisServer::start());
    let node = node(&[("first", &first), ("second", &second)]).await;
    let (http, mut grpc) = (node.http(), node.object_service().await);
    set_well(&mut grpc, object("k", "first", "in-memory", b"old")).await;
    first.stop();
    second.command(&["SET", "k", "newer"]);
    let mut body = registration("k", "second");
    body["size"] = json!(5);
    assert_eq!(send(&http, "POST /framedb/objects", body).await.0, 200);
    assert_eq!(get(&mut grpc, "k").await.object.unwrap().data, "newer");
}

#[tokio::test(flavor = "multi_thread")]
async fn copies_come_with_their_clusters_and_the_near_one_is_read() {
    let (far, near) = (RedisServer::start(), RedisServer::start());
    let at = |server: &RedisServer, cluster: &str| InstanceConfig {
        cluster_id: Some(cluster.into()),
        ..InstanceConfig::at(&server.url())
    };
    let instances = [("far", at(&far, "c-far")), ("near", at(&near, "c-near"))];
    let node = TestNode::build()
        .config(|config| {
            config.cluster_id = "c-near".into();
            config.instances.extend(instances.map(|(id, instance)| (id.into(), instance)));
        })
        .open()
        .await;
    let (http, mut grpc) = (node.http(), node.object_service().await);
    far.command(&["SET", "k", "abc"]);
    near.command(&["SET", "k", "cba"]);
    let mut body = registration("k", "far");
    // Clients may send clusters along; those of the instances count (D7).
    body["copies"] = json!([
        { "framedb_id": "near", "framedb_type": "in-memory", "cluster_id": "of the client" },
        { "framedb_id": "unknown", "framedb_type": "storage" },
    ]);
    assert_eq!(send(&http, "POST /framedb/objects", body).await.0, 200);
    let expected = json!([
        { "framedb_id": "near", "framedb_type": "in-memory", "cluster_id": "c-near" },
        { "framedb_id": "unknown", "framedb_type": "storage", "cluster_id": "" },
    ]);
    assert_eq!(data(&http, "/framedb/objects/k").await["copies"], expected);
    let (_, listed) =
        send(&http, "GET /framedb/objects", json!({ "copies.cluster_id": "c-near" })).await;
    assert_eq!(listed["data"][0]["copies"], expected);
    let found = get(&mut grpc, "k").await.object.unwrap();
    assert_eq!((&*found.framedb_id, &*found.data), ("near", &b"cba"[..]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_took_a_queues_name_takes_its_route() {
    let redis = RedisServer::start();
    let node = node(&[("cache", &redis)]).await;
    let (http, mut grpc) = (node.http(), node.object_service().await);
    redis.command(&["LPUSH", "k", "element"]);
    let stream = json!({ "queue_name": "k", "framedb_id": "cache" });
    assert_eq!(send(&http, "POST /framedb/streams", stream).await.0, 200);
    // Nobody wrote the object yet: the queue would be lost.
    let early = send(&http, "POST /framedb/objects", registration("k", "cache")).await;
    fails(early, 400, "the queue `k` holds 1 elements on `cache`");
    redis.command(&["SET", "k", "abc"]);
    register(&http, "k", "cache").await;
    fails(call(&http, "GET /framedb/streams/k").await, 404, "No document found");
    assert_eq!(get(&mut grpc, "k").await.object.unwrap().data, "abc");
}

#[tokio::test]
async fn an_object_of_an_unknown_instance_is_known_and_cannot_be_read() {
    let node = TestNode::build().open().await;
    register(&node.http(), "k", "far").await;
    let answer = get(&mut node.object_service().await, "k").await;
    assert!(!answer.found);
    assert!(
        answer.message.starts_with("FrameDB instance not found: no instance `far`"),
        "{}",
        answer.message
    );
}
