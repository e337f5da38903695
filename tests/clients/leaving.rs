//! Keys that move between servers: what they leave, and what keeps them from it.

use crate::{
    object_service::{get, object, set, set_well},
    routing_objects::{call, data, fails, registration, send},
    server::RedisServer,
};
use framedb_core::Kind;
use framedb_host::{Config, pipeline::Arrival};
use framedb_tests::{
    Describe, TestNode, arrival, eventually, failure, key,
    servers::mariadb::{Server, fresh_name, shared},
    stored,
};
use serde_json::json;
use std::time::Duration;

/// So long that a test which waits for it is stuck.
const NEVER: Duration = Duration::from_secs(3600);

fn patient(config: &mut Config) {
    config.limits.deadline = NEVER;
}

/// An object, or an element, for an instance that keeps `kind`.
fn sent(name: &str, to: &str, kind: Kind, data: &str) -> Arrival {
    arrival(name).kind(kind).to(to).data(data.to_owned())
}

async fn put(node: &TestNode, object: Arrival) {
    let _ = stored(node.ingest(object).await);
}

/// Moves keys to and fro between two ids of one place, through every door.
async fn moves_to_and_fro(urls: [&str; 2], kind: Kind) {
    let node = TestNode::build().instance("a", urls[0]).instance("b", urls[1]).open().await;
    let (http, mut grpc) = (node.http(), node.object_service().await);
    // With other bytes, and with the same ones.
    for (to, value) in [("a", "one"), ("b", "two"), ("a", "three"), ("b", "three"), ("b", "five")] {
        put(&node, sent("k", to, kind, value)).await;
        assert_eq!(node.get("k").await, value, "moved to {to}");
    }
    // A client that writes itself knows the other id.
    let mut body = registration("k", "a");
    (body["framedb_type"], body["size"]) = (json!(kind.as_str()), json!(400));
    assert_eq!(send(&http, "POST /framedb/objects", body).await.0, 200);
    assert_eq!(get(&mut grpc, "k").await.object.unwrap().data, "five");
    // A copy that is none.
    let copy = json!({ "framedb_id": "b", "framedb_type": kind.as_str() });
    for line in ["add-copy", "remove-copy", "add-copy"] {
        let line = format!("POST /framedb/objects/k/{line}");
        assert_eq!(send(&http, &line, copy.clone()).await.0, 200);
        assert_eq!(node.get("k").await, "five", "{line}");
    }
    put(&node, sent("k", "a", kind, "six")).await;
    assert_eq!(node.get("k").await, "six", "a copy that is written over is no copy to delete");
    assert!(node.reader().delete(&key("k")).await.unwrap());
    let store = node.node().instances.get("a").await.unwrap().objects;
    assert_eq!(store.list("", None, 10).await.unwrap(), [], "nothing else is left behind");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_ids_of_one_redis_are_one_place() {
    let redis = RedisServer::start();
    let other = format!("redis://localhost:{}/0", redis.port());
    moves_to_and_fro([&redis.url(), &other], Kind::InMemory).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_ids_of_one_database_are_one_place() {
    let server = shared().await;
    let url = server.url(&fresh_name());
    let other = url.replace("127.0.0.1", "localhost").replace("mysql://", "mysql+pymysql://");
    moves_to_and_fro([&url, &other], Kind::Storage).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_databases_of_a_server_are_two_places() {
    let redis = RedisServer::start();
    let other = format!("redis://127.0.0.1:{}/1", redis.port());
    let node = TestNode::build().instance("a", &redis.url()).instance("b", &other).open().await;
    for (to, from) in [("a", "b"), ("b", "a"), ("a", "b")] {
        put(&node, sent("k", to, Kind::InMemory, "same")).await;
        assert_eq!(node.get("k").await, "same");
        assert_eq!(node.stored_bytes(from, "k").await, None, "{from}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_of_another_id_takes_the_objects_place() {
    let redis = RedisServer::start();
    let other = format!("redis://localhost:{}", redis.port());
    let node = TestNode::build().instance("a", &redis.url()).instance("b", &other).open().await;
    put(&node, arrival("k").to("a").data("object")).await;
    for element in ["one", "two"] {
        put(&node, sent("k", "b", Kind::Stream, element)).await;
    }
    assert_eq!(node.drain_queue("k").await, ["one", "two"]);
    // An empty queue moves, and keeps what is pushed to it.
    put(&node, sent("k", "a", Kind::Stream, "three")).await;
    assert_eq!(node.drain_queue("k").await, ["three"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_push_leaves_what_the_key_had() {
    let (small, other) = (RedisServer::start(), RedisServer::start());
    let node = TestNode::build()
        .instance("small", &small.url())
        .instance("other", &other.url())
        .open()
        .await;
    let stream = |to: &str, name: &str| sent(name, to, Kind::Stream, "element");
    other.command(&["HSET", "foreign", "field", "1"]);
    other.command(&["HSET", "new", "field", "1"]);
    put(&node, arrival("foreign").to("small").data("object")).await;
    let refused = failure(node.ingest(stream("other", "foreign")).await);
    assert!(refused.message.contains("another type"), "{}", refused.message);
    assert_eq!(node.get("foreign").await, "object");
    // There never was a queue of this name.
    let _ = failure(node.ingest(stream("other", "new")).await);
    let http = node.http();
    fails(call(&http, "GET /framedb/streams/new").await, 404, "No document found");
    // A full server.
    put(&node, arrival("moved").to("other").data("object")).await;
    put(&node, arrival("here").to("small").data("object")).await;
    small.command(&["SET", "fill", &"x".repeat(1_000_000)]);
    small.command(&["CONFIG", "SET", "maxmemory", "1mb"]);
    for name in ["moved", "fresh"] {
        let refused = failure(node.ingest(stream("small", name)).await);
        assert!(refused.message.contains("memory is full"), "{}", refused.message);
    }
    assert_eq!(node.get("moved").await, "object");
    fails(call(&http, "GET /framedb/streams/fresh").await, 404, "No document found");
    // An object that gives way makes the room.
    put(&node, stream("small", "here")).await;
    assert_eq!(node.drain_queue("here").await, ["element"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_registered_elsewhere_must_be_there() {
    let (first, second) = (RedisServer::start(), RedisServer::start());
    let node = TestNode::build()
        .instance("first", &first.url())
        .instance("second", &second.url())
        .open()
        .await;
    let (http, mut grpc) = (node.http(), node.object_service().await);
    set_well(&mut grpc, object("k", "first", "in-memory", b"object")).await;
    let mut body = registration("k", "second");
    body["size"] = json!(9);
    let early = send(&http, "POST /framedb/objects", body.clone()).await;
    let message =
        "cannot register `k`: `second` has no such object, which is registered at `first`";
    fails(early, 400, message);
    // Whatever size the client says.
    let mut same = body.clone();
    same["size"] = json!(6);
    fails(send(&http, "POST /framedb/objects", same).await, 400, message);
    assert_eq!(get(&mut grpc, "k").await.object.unwrap().data, "object");
    second.command(&["SET", "k", "new bytes"]);
    assert_eq!(send(&http, "POST /framedb/objects", body).await.0, 200);
    assert_eq!(get(&mut grpc, "k").await.object.unwrap().data, "new bytes");
    assert_eq!(first.command(&["EXISTS", "k"]), ":0");
    first.command(&["LPUSH", "k", "element"]);
    let queue = json!({ "queue_name": "k", "framedb_id": "first" });
    assert_eq!(send(&http, "POST /framedb/streams", queue).await.0, 200);
    assert_eq!(get(&mut grpc, "k").await.object.unwrap().data, "element");
    assert_eq!(second.command(&["EXISTS", "k"]), ":0");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_server_keeps_no_key_from_moving_away() {
    let mut dead = RedisServer::start();
    let node = TestNode::build().instance("dead", &dead.url()).config(patient).open().await;
    let mut grpc = node.object_service().await;
    for name in ["a", "b"] {
        set_well(&mut grpc, object(name, "dead", "in-memory", b"old")).await;
    }
    dead.stop();
    put(&node, arrival("a").to("disk").data("new")).await;
    assert_eq!(node.get("a").await, "new");
    let moved = arrival("b").kind(Kind::Stream).to("disk").data("element");
    put(&node, moved).await;
    assert_eq!(node.drain_queue("b").await, ["element"]);
    assert!(node.reader().delete(&key("a")).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_there_is_no_more_keeps_no_key() {
    let redis = RedisServer::start();
    let node = TestNode::build().config(patient).open().await;
    let (http, mut grpc) = (node.http(), node.object_service().await);
    let instance = json!({
        "framedb_id": "gone", "node_id": "n", "metadata": {}, "redis_config": [],
        "cluster_id": "c", "public_url": redis.url(),
    });
    assert_eq!(send(&http, "POST /global/framedb/instances", instance).await.0, 200);
    for name in ["object", "queue"] {
        set_well(&mut grpc, object(name, "gone", "in-memory", b"old")).await;
    }
    let mut element = object("drained", "gone", "stream", b"old");
    set_well(&mut grpc, element.clone()).await;
    assert_eq!(node.drain_queue("drained").await, ["old"]);
    let line = "DELETE /global/framedb/instances/gone?force=true";
    assert_eq!(call(&http, line).await.0, 200);
    // Forcing removes the routes, too: this one came back from another node.
    let route = json!({ "object_id": "object", "framedb_id": "gone", "framedb_type": "in-memory" });
    assert_eq!(send(&http, "POST /framedb/objects", route).await.0, 200);
    let queue = json!({ "queue_name": "drained", "framedb_id": "gone" });
    assert_eq!(send(&http, "POST /framedb/streams", queue).await.0, 200);
    let answer = set(&mut grpc, object("object", "memory", "in-memory", b"new")).await;
    assert!(answer.success, "{}", answer.message);
    assert_eq!(node.get("object").await, "new");
    assert_eq!(data(&http, "/framedb/objects/object").await["framedb_id"], "memory");
    element.framedb_id = "memory".into();
    set_well(&mut grpc, element).await;
    assert_eq!(node.drain_queue("drained").await, ["old"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_is_gone_is_told_before_the_deadline() {
    let server = Server::start(&[]).await;
    let database = fresh_name();
    let node = TestNode::build()
        .instance("table", &server.url(&database))
        .config(|config| {
            config.limits.unreachable = Duration::from_millis(300);
            config.limits.deadline = NEVER;
        })
        .open()
        .await;
    let object = |data: &str| sent("k", "table", Kind::Storage, data);
    put(&node, object("one")).await;
    let mut client = server.client().await;
    let drop = format!("DROP TABLE `{database}`.data_table");
    mysql_async::prelude::Queryable::query_drop(&mut client, drop).await.unwrap();
    let refused = failure(node.ingest(object("two")).await);
    assert!(refused.message.starts_with("not stored: gave up after "), "{}", refused.message);
    assert!(refused.message.contains("data_table' doesn't exist"), "{}", refused.message);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_write_while_a_key_moves_away_is_theirs() {
    let (old, new) = (RedisServer::start(), RedisServer::start());
    let node =
        TestNode::build().instance("old", &old.url()).instance("new", &new.url()).open().await;
    for name in ["changed", "unchanged"] {
        put(&node, arrival(name).to("old").data("old")).await;
    }
    // How often a value was found there.
    let hits = || {
        let stats = old.command(&["INFO", "stats"]);
        let hits = stats.lines().find_map(|line| line.strip_prefix("keyspace_hits:"));
        hits.unwrap().trim().parse::<u64>().unwrap()
    };
    let before = hits();
    new.pause(true);
    let moved = ["changed", "unchanged"].map(|name| arrival(name).to("new").data("new"));
    let meanwhile = async {
        let looked = async || (hits() >= before + 2).then_some(());
        eventually("the move has looked at what it leaves", looked).await;
        old.command(&["SET", "changed", "theirs"]);
        new.pause(false);
    };
    let (receipts, ()) = tokio::join!(node.ingest_all(moved), meanwhile);
    receipts.into_iter().for_each(|receipt| drop(stored(receipt)));
    assert_eq!(node.get("changed").await, "new");
    assert_eq!(node.stored_bytes("old", "changed").await.unwrap(), "theirs");
    assert_eq!(node.stored_bytes("old", "unchanged").await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_is_seen_to_be_stale_is_none() {
    let (first, second) = (RedisServer::start(), RedisServer::start());
    let node = TestNode::build()
        .instance("first", &first.url())
        .instance("second", &second.url())
        .open()
        .await;
    let (http, mut grpc) = (node.http(), node.object_service().await);
    let register = async |id: &str| {
        let mut body = registration("k", id);
        body["size"] = json!(2);
        assert_eq!(send(&http, "POST /framedb/objects", body).await.0, 200);
        data(&http, "/framedb/objects/k").await["copies"].as_array().unwrap().len()
    };
    // A new version of the same length in another place, and then in its own.
    first.command(&["SET", "k", "v1"]);
    assert_eq!(register("first").await, 0);
    second.command(&["SET", "k", "v2"]);
    assert_eq!(register("second").await, 0, "other bytes are no copy");
    assert_eq!(first.command(&["EXISTS", "k"]), ":0");
    first.command(&["SET", "k", "v2"]);
    assert_eq!(register("first").await, 1, "these are a copy");
    first.command(&["SET", "k", "v3"]);
    assert_eq!(register("first").await, 0);
    assert_eq!(second.command(&["EXISTS", "k"]), ":0");
    assert_eq!(get(&mut grpc, "k").await.object.unwrap().data, "v3");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_gives_way_to_its_keys_queue() {
    let (first, second) = (RedisServer::start(), RedisServer::start());
    let node = TestNode::build()
        .instance("first", &first.url())
        .instance("second", &second.url())
        .open()
        .await;
    let http = node.http();
    put(&node, arrival("k").to("first").data("object")).await;
    second.command(&["SET", "k", "object"]);
    let copy = json!({ "framedb_id": "second", "framedb_type": "in-memory" });
    assert_eq!(send(&http, "POST /framedb/objects/k/add-copy", copy).await.0, 200);
    put(&node, sent("k", "second", Kind::Stream, "element")).await;
    assert_eq!(node.drain_queue("k").await, ["element"]);
    assert_eq!(first.command(&["EXISTS", "k"]), ":0");
}
