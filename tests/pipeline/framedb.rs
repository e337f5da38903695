//! FrameDB from inside a plugin: objects, queues, routes and instances of a real node.

use framedb_core::Kind;
use framedb_host::registry::Table;
use framedb_tests::{
    Describe, arrival, eventually, failure,
    framedb::{call, calls, everything, using_framedb},
    servers::redis::RedisServer,
    stored,
};
use serde_json::json;

#[tokio::test]
async fn objects_are_written_read_listed_and_deleted_on_every_engine() {
    let redis = RedisServer::start();
    let node = using_framedb(&everything()).instance("hot", &redis.url()).start().await;
    for (to, storage) in [("memory", false), ("disk", true), ("hot", false)] {
        let key = format!("made/{to}");
        let answers = calls(
            &node,
            json!([
                { "call": "put", "key": key, "data": "first", "to": to, "storage": storage },
                { "call": "put", "key": key, "data": "made", "to": to, "storage": storage,
                  "metadata": "of a plugin" },
                { "call": "get", "key": key },
                { "call": "lookup", "key": key },
                { "call": "list", "key": format!("made/{to}"), "limit": 10 },
            ]),
        )
        .await;
        let found =
            json!({ "data": "made", "metadata": "of a plugin", "at": to, "storage": storage });
        let route = json!({
            "at": to, "stream": false, "size": 4, "metadata": "of a plugin", "copies": [],
        });
        assert_eq!(answers[..2], [json!({ "ok": null }), json!({ "ok": null })]);
        assert_eq!(answers[2], json!({ "ok": found }), "{to}");
        assert_eq!(answers[3], json!({ "ok": route }), "{to}");
        assert_eq!(answers[4], json!({ "ok": { "keys": [key], "next": null } }), "{to}");
        // It is an object like any other.
        assert_eq!(node.get(&key).await, "made");
        assert_eq!(node.stored_bytes(to, &key).await.unwrap(), "made");
        let answers = calls(
            &node,
            json!([
                { "call": "delete", "key": key },
                { "call": "delete", "key": key },
                { "call": "get", "key": key },
                { "call": "lookup", "key": key },
            ]),
        )
        .await;
        let gone = [json!(true), json!(false), json!(null), json!(null)];
        assert_eq!(answers, gone.map(|gone| json!({ "ok": gone })), "{to}");
        assert_eq!(node.stored_bytes(to, &key).await, None);
    }
    assert_eq!(redis.command(&["DBSIZE"]), ":0");
}

#[tokio::test]
async fn queues_are_pushed_to_leased_from_and_acknowledged_on_every_engine() {
    let redis = RedisServer::start();
    let node = using_framedb(&everything()).instance("hot", &redis.url()).start().await;
    for to in ["memory", "disk", "hot"] {
        let key = format!("jobs at {to}");
        let answers = calls(
            &node,
            json!([
                { "call": "push", "key": key, "id": "1", "data": "one", "to": to },
                { "call": "push", "key": key, "id": "2", "data": "two" },
                { "call": "push", "key": key, "id": "1", "data": "one" },
                { "call": "length", "key": key },
                { "call": "lease", "key": key },
                { "call": "length", "key": key },
                { "call": "nack", "key": key },
                { "call": "lease", "key": key },
                { "call": "extend", "key": key, "millis": 90_000 },
                { "call": "ack", "key": key },
                { "call": "ack", "key": key },
            ]),
        )
        .await;
        let ok = |n: usize| &answers[n]["ok"];
        assert_eq!((ok(3), ok(5)), (&json!(2), &json!(1)), "{to}: {answers:?}");
        assert_eq!((&ok(4)["data"], &ok(4)["deliveries"]), (&json!("one"), &json!(1)), "{to}");
        assert_eq!((&ok(7)["data"], &ok(7)["deliveries"]), (&json!("one"), &json!(2)), "{to}");
        let settled = [6, 8, 9, 10].map(|n| ok(n).clone());
        assert_eq!(settled, [json!(true), json!(true), json!(true), json!(false)], "{to}");
        assert_eq!(node.queue_length(to, &key).await, 1, "it is where it was asked for");
        assert_eq!(node.drain_queue(&key).await, ["two"]);
    }
}

#[tokio::test]
async fn a_push_changes_nothing_that_is_known_of_a_queue() {
    let node = using_framedb(&everything()).start().await;
    let sent = arrival("jobs").kind(Kind::Stream).to("disk").content_type("text/plain");
    let orders = json!({ "steps": [] }).to_string();
    let _ = stored(node.ingest(sent.meta(orders.clone())).await);
    let push = json!({ "call": "push", "key": "jobs", "id": "1", "data": "x", "to": "memory" });
    assert_eq!(call(&node, push).await, json!({ "ok": null }));
    let element = node.pop("jobs").await.unwrap();
    let (metadata, content_type) =
        (&*element.route.metadata, element.route.content_type.as_deref());
    assert_eq!((metadata, content_type), (orders.as_str(), Some("text/plain")));
    assert_eq!(node.queue_length("disk", "jobs").await, 1, "it stays where it is");
}

#[tokio::test]
async fn an_expired_lease_gives_the_element_back() {
    let node = using_framedb(&everything()).start().await;
    let answers = calls(
        &node,
        json!([
            { "call": "push", "key": "jobs", "id": "1", "data": "one" },
            { "call": "lease", "key": "jobs", "millis": 50 },
            { "call": "lease", "key": "jobs" },
        ]),
    )
    .await;
    assert_eq!((&answers[1]["ok"]["data"], &answers[2]["ok"]), (&json!("one"), &json!(null)));
    let again = eventually("the element is back", || async {
        let leased = call(&node, json!({ "call": "lease", "key": "jobs" })).await;
        Some(leased).filter(|leased| !leased["ok"].is_null())
    })
    .await;
    assert_eq!(again["ok"]["deliveries"], 2);
}

#[tokio::test]
async fn what_a_plugin_puts_in_ingest_it_reads_in_resolve() {
    let node = using_framedb(&everything())
        .pipeline("default", |pipeline| {
            pipeline.ingest = vec!["uses-framedb".into()];
            pipeline.resolve = Some("uses-framedb".into());
        })
        .instance("second", "memory:")
        .start()
        .await;
    let put = json!({ "call": "put", "key": "where", "data": "second" });
    let orders = json!({ "steps": [put], "place-by": "where" }).to_string();
    let receipt = stored(node.ingest(arrival("a").meta(orders)).await);
    assert_eq!(receipt.framedb_id.as_deref(), Some("second"));
    let orders = json!({ "place-by": "nothing" }).to_string();
    let refused = failure(node.ingest(arrival("b").meta(orders)).await);
    assert!(refused.message.contains("there is no such object"), "{}", refused.message);
}

#[tokio::test]
async fn a_plugin_reads_objects_as_they_were_sent() {
    let node = using_framedb(&everything())
        .fixture("reverse-v1", |_| {})
        .pipeline("default", |pipeline| {
            pipeline.ingest = vec!["uses-framedb".into()];
            pipeline.serialize = Some("reverse-v1".into());
        })
        .start()
        .await;
    for to in ["memory", "disk"] {
        let _ = stored(node.ingest(arrival("a").to(to).data("abc")).await);
        assert_eq!(node.stored_bytes(to, "a").await.unwrap(), "cba");
        let found = call(&node, json!({ "call": "get", "key": "a" })).await;
        assert_eq!(found["ok"]["data"], "abc");
    }
    let _ = stored(node.ingest(arrival("jobs").kind(Kind::Stream).data("abc")).await);
    let leased = call(&node, json!({ "call": "lease", "key": "jobs" })).await;
    assert_eq!(leased["ok"]["data"], "abc");
    // What it writes itself is kept as it is, also over bytes of a codec.
    let put = json!({ "call": "put", "key": "a", "data": "abc", "to": "disk", "storage": true });
    assert_eq!(call(&node, put).await, json!({ "ok": null }));
    assert_eq!(node.stored_bytes("disk", "a").await.unwrap(), "abc");
    assert_eq!(node.get("a").await, "abc");
}

#[tokio::test]
async fn pages_of_a_listing_begin_behind_the_last_one_and_show_no_queues() {
    let node = using_framedb(&everything()).start().await;
    for n in 0..5 {
        let _ = stored(node.ingest(arrival(&format!("k/{n}"))).await);
    }
    let _ = stored(node.ingest(arrival("k/2 jobs").kind(Kind::Stream)).await);
    let list = |after| json!({ "call": "list", "key": "k/", "after": after, "limit": 2 });
    let mut after = json!(null);
    let mut seen = Vec::new();
    for _ in 0..3 {
        let page = call(&node, list(after)).await;
        seen.extend(page["ok"]["keys"].as_array().unwrap().clone());
        after = page["ok"]["next"].clone();
    }
    assert_eq!(seen, ["k/0", "k/1", "k/2", "k/3", "k/4"]);
    assert_eq!(after, json!(null));
}

#[tokio::test]
async fn an_object_lives_as_long_as_the_plugin_says() {
    let node = using_framedb(&everything()).start().await;
    let put = json!({ "call": "put", "key": "short", "data": "x", "millis": 50 });
    assert_eq!(call(&node, put).await, json!({ "ok": null }));
    eventually("it is gone", || async { node.found("short").await.is_none().then_some(()) }).await;
}

#[tokio::test]
async fn routes_sources_and_instances_are_known_without_their_addresses() {
    let mut redis = RedisServer::start();
    let node = using_framedb(&everything()).instance("hot", &redis.url()).start().await;
    let target = json!({
        "serviceIp": "10.1.2.3", "sentinelPort": 26379, "serviceName": "s", "redisPort": 6379,
        "masterIP": "10.1.2.4", "nodeTag": "site-1", "cluster_name": "c-1", "metadata": {},
    });
    let mapping = json!({ "version": 1, "targets": [target], "waiting": [] });
    let registry = &node.node().registry;
    registry.write_document(Table::Sources, "cam-1", &mapping, None).await.unwrap();
    let _ = stored(node.ingest(arrival("jobs").kind(Kind::Stream).to("memory")).await);
    let steps = json!([
        { "call": "lookup", "key": "jobs" },
        { "call": "sources", "key": "cam-1" },
        { "call": "sources", "key": "cam-2" },
        { "call": "instances" },
        { "call": "health", "key": "hot" },
        { "call": "health", "key": "nobody" },
    ]);
    let answers = calls(&node, steps).await;
    assert_eq!(answers[0]["ok"]["stream"], true);
    assert_eq!(answers[1], json!({ "ok": [["site-1", "c-1"]] }));
    assert_eq!(answers[2], json!({ "ok": [] }));
    assert_eq!(answers[3], json!({ "ok": [["disk", true], ["hot", false], ["memory", false]] }));
    assert_eq!(
        (&answers[4], &answers[5]),
        (&json!({ "ok": "usable" }), &json!({ "ok": "unknown" }))
    );
    redis.stop();
    let down = calls(
        &node,
        json!([
            { "call": "health", "key": "hot" },
            { "call": "put", "key": "a", "data": "x", "to": "hot" },
        ]),
    )
    .await;
    assert!(down[0]["ok"]["unusable"].is_string(), "{down:?}");
    assert!(down[1]["unavailable"].is_string(), "{down:?}");
    let port = redis.port().to_string();
    assert!(!json!(down).to_string().contains(&port), "{down:?}");
}
