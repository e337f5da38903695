//! A plugin's writes never wait for what its own call holds up, and end what they began.

use framedb_tests::{
    Describe, arrival, eventually,
    framedb::{call, calls_of, everything, refused, using_framedb},
    servers::redis::RedisServer,
    stored, within,
};
use serde_json::json;
use std::time::Duration;

#[tokio::test]
async fn a_key_that_the_plugin_is_judging_is_refused_at_once() {
    let node = using_framedb(&everything()).start().await;
    let steps = json!([
        { "call": "put", "key": "own", "data": "x" },
        { "call": "delete", "key": "own" },
        { "call": "push", "key": "own", "id": "1", "data": "x" },
        { "call": "get", "key": "own" },
        { "call": "put", "key": "another", "data": "x" },
    ]);
    let answers = calls_of(&node, "own", "", steps.clone()).await;
    for answer in &answers[..3] {
        assert!(refused(answer, "invalid").contains("written after the call"), "{answer}");
    }
    assert_eq!(answers[3..], [json!({ "ok": null }), json!({ "ok": null })]);
    assert_eq!(node.get("own").await, "payload of own");
    // Not in its own call alone: the whole batch waits for it.
    let put = json!({ "steps": [{ "call": "put", "key": "second", "data": "x" }] }).to_string();
    let receipts = node.ingest_all([arrival("first").meta(put), arrival("second")]).await;
    let answers = format!("{:?}", stored(receipts[0].clone()).attributes);
    assert!(answers.contains("invalid"), "{answers}");
    assert_eq!(node.get("second").await, "payload of second");
}

#[tokio::test]
async fn a_key_with_an_earlier_write_under_way_is_busy() {
    let node = using_framedb(&everything())
        .config(|config| config.limits.deadline = Duration::from_secs(3))
        .fixture("misbehave", |_| {})
        .for_source("slow", "slow", "misbehave")
        .start()
        .await;
    let held = node.ingest(arrival("held").source("slow").order("ingest", "retry"));
    let asked = async {
        // Behind the object above, which is submitted first.
        tokio::task::yield_now().await;
        call(&node, json!({ "call": "put", "key": "held", "data": "x" })).await
    };
    let (_, answer) = tokio::join!(held, asked);
    assert!(refused(&answer, "busy").contains("`held`"), "{answer}");
    let put = json!({ "call": "put", "key": "held", "data": "x" });
    assert_eq!(call(&node, put).await, json!({ "ok": null }));
}

#[tokio::test]
async fn plugins_that_write_each_others_keys_both_go_on() {
    let node = using_framedb(&everything())
        .for_source("left", "left", "uses-framedb")
        .for_source("right", "right", "uses-framedb")
        .start()
        .await;
    let crossed = |key, source, other| {
        let put = json!([{ "call": "put", "key": other, "data": "of the other one" }]);
        calls_of(&node, key, source, put)
    };
    let both = async { tokio::join!(crossed("l", "left", "r"), crossed("r", "right", "l")) };
    let (left, right) = within("both", both).await;
    // When the first one has given up, the second one may have its turn.
    let is_busy = |answers: &[serde_json::Value]| answers[0]["busy"].is_string();
    assert!(is_busy(&left) || is_busy(&right), "{left:?} {right:?}");
    for (key, answer) in [("l", &right[0]), ("r", &left[0])] {
        let own = format!("payload of {key}");
        let last = if answer["busy"].is_string() { own.as_str() } else { "of the other one" };
        assert_eq!(node.get(key).await, last);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_beyond_the_reservation_are_busy_and_those_that_began_end() {
    let redis = RedisServer::start();
    let node = using_framedb(&everything())
        .config(|config| config.limits.plugin_writes = bytesize::ByteSize::kib(8))
        .instance("hot", &redis.url())
        .start()
        .await;
    let put =
        |key: &str, to: &str| json!({ "call": "put", "key": key, "bytes": 8 << 10, "to": to });
    assert_eq!(call(&node, put("warm", "hot")).await, json!({ "ok": null }));
    redis.pause(true);
    // It takes all the room, and is still under way when its caller is answered.
    let answer = call(&node, put("stuck", "hot")).await;
    assert!(refused(&answer, "unavailable").contains("not known yet"), "{answer}");
    let small = json!({ "call": "put", "key": "small", "data": "x" });
    let answer = call(&node, small.clone()).await;
    assert!(refused(&answer, "busy").contains("try again"), "{answer}");
    redis.pause(false);
    eventually("there is room again", || async {
        (call(&node, small.clone()).await == json!({ "ok": null })).then_some(())
    })
    .await;
    eventually("the write has ended", || async {
        (call(&node, put("stuck", "hot")).await == json!({ "ok": null })).then_some(())
    })
    .await;
    assert_eq!(node.get("stuck").await.len(), 8 << 10);
    let _ = node.stop().await;
}

#[tokio::test]
async fn a_plugin_that_only_reads_waits_for_no_room_of_writes() {
    let node = using_framedb(&everything())
        .config(|config| config.limits.plugin_reads = bytesize::ByteSize::b(1))
        .start()
        .await;
    let _ = stored(node.ingest(arrival("a").to("memory").data("abc")).await);
    // A read that is larger than the room takes all of it.
    let found = call(&node, json!({ "call": "get", "key": "a" })).await;
    assert_eq!(found["ok"]["data"], "abc");
}
