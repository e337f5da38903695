//! What a plugin may do with FrameDB is what its grants say, and no more.

use framedb_core::Kind;
use framedb_host::ErrorKind;
use framedb_tests::{
    Describe, TestNode, arrival,
    framedb::{call, calls, calls_of, everything, refused, using_as, using_framedb},
    stored,
};
use serde_json::json;

#[tokio::test]
async fn without_grants_the_plugin_is_refused_with_the_lines_to_add() {
    let build = using_framedb(&json!({}));
    let error = build.try_start().await.expect_err("nothing is granted");
    assert_eq!(error.kind(), ErrorKind::Config);
    let text = format!("{} {}", error.chain(), error.hint().unwrap_or_default());
    for part in [
        "`framedb:objects/objects@0.1.0`",
        "`framedb:clusters/clusters@0.1.0`",
        "[plugins.uses-framedb.grants.objects.LABEL]",
        "[plugins.uses-framedb.grants.streams.LABEL]",
        "routing = true",
        "clusters = true",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

/// Objects under `mine/` at `memory`, and the queue `jobs` there.
fn some() -> serde_json::Value {
    json!({
        "objects": { "mine": {
            "ids": ["memory"], "keys": ["mine/*"], "verbs": ["get", "put", "delete", "list"],
        } },
        "streams": { "jobs": {
            "ids": ["memory"], "queues": ["jobs", "there"], "verbs": ["push", "length"],
        } },
        "routing": true,
        "clusters": true,
    })
}

#[tokio::test]
async fn objects_outside_of_the_grant_are_neither_read_nor_written_nor_told_of() {
    let node = using_framedb(&some()).start().await;
    for (key, to) in [("other", "memory"), ("mine/far", "disk"), ("mine/near", "memory")] {
        let _ = stored(node.ingest(arrival(key).to(to)).await);
    }
    let answers = calls(
        &node,
        json!([
            { "call": "get", "key": "other" },
            { "call": "get", "key": "nothing" },
            { "call": "get", "key": "mine/far" },
            { "call": "put", "key": "other", "data": "x" },
            { "call": "put", "key": "mine/a", "data": "x", "to": "disk", "storage": true },
            // It would move away from where the plugin may do nothing.
            { "call": "put", "key": "mine/far", "data": "x" },
            { "call": "delete", "key": "other" },
            { "call": "delete", "key": "mine/far" },
            { "call": "list", "key": "", "limit": 10 },
            { "call": "get", "key": "mine/nothing" },
            { "call": "list", "key": "mine/", "limit": 10 },
        ]),
    )
    .await;
    for answer in &answers[..9] {
        let text = refused(answer, "denied");
        assert!(text.contains("[plugins.uses-framedb.grants.objects.LABEL]"), "{text}");
    }
    assert_eq!(answers[9], json!({ "ok": null }));
    assert_eq!(answers[10], json!({ "ok": { "keys": ["mine/near"], "next": null } }));
    assert_eq!(node.get("other").await, "payload of other");
    assert_eq!(node.stored_bytes("disk", "mine/far").await.unwrap(), "payload of mine/far");
    let counted = node.counted("framedb_plugin_refusals_total", "objects");
    assert_eq!(counted, 9);
}

#[tokio::test]
async fn queues_outside_of_the_grant_are_not_used() {
    let node = using_framedb(&some()).start().await;
    let _ = stored(node.ingest(arrival("there").kind(Kind::Stream).to("disk")).await);
    let answers = calls(
        &node,
        json!([
            { "call": "push", "key": "jobs", "id": "1", "data": "x" },
            { "call": "push", "key": "other", "id": "1", "data": "x" },
            { "call": "push", "key": "there", "id": "1", "data": "x" },
            { "call": "lease", "key": "jobs" },
            { "call": "ack", "key": "jobs", "token": "x" },
            { "call": "length", "key": "there" },
            { "call": "length", "key": "nothing" },
        ]),
    )
    .await;
    assert_eq!(answers[0], json!({ "ok": null }));
    for answer in &answers[1..] {
        let _ = refused(answer, "denied");
    }
    assert_eq!(node.drain_queue("jobs").await, ["x"]);
    assert_eq!(node.drain_queue("there").await, ["payload of there"]);
}

#[tokio::test]
async fn plugins_do_not_share_their_grants() {
    let grants = |prefix: &str| {
        json!({
            "objects": { "own": { "ids": ["*"], "keys": [prefix], "verbs": ["get", "put"] } },
            "streams": { "own": { "queues": [prefix], "verbs": ["push"] } },
            "routing": true,
            "clusters": true,
        })
    };
    let build = using_as(TestNode::build(), "left", &grants("left/*"));
    let build = using_as(build, "right", &grants("right/*"));
    let build = build.for_source("left", "left", "left").for_source("right", "right", "right");
    let node = build.start().await;
    for (mine, other) in [("left", "right"), ("right", "left")] {
        let steps = json!([
            { "call": "put", "key": format!("{mine}/a"), "data": mine },
            { "call": "get", "key": format!("{mine}/a") },
            { "call": "get", "key": format!("{other}/a") },
            { "call": "put", "key": format!("{other}/a"), "data": "x" },
        ]);
        let answers = calls_of(&node, "o", mine, steps).await;
        assert_eq!(answers[1]["ok"]["data"], mine);
        for answer in &answers[2..] {
            let text = refused(answer, "denied");
            assert!(text.contains(&format!("plugins.{mine}.grants")), "{text}");
        }
    }
}

#[tokio::test]
async fn a_rate_that_is_used_up_is_busy() {
    let mut grants = everything();
    grants["objects"]["all"]["rate"] = json!({ "calls": 2 });
    let node = using_framedb(&grants).start().await;
    let get = || json!({ "call": "get", "key": "a" });
    let answers = calls(&node, json!([get(), get(), get()])).await;
    assert_eq!(answers[..2], [json!({ "ok": null }), json!({ "ok": null })]);
    assert!(refused(&answers[2], "busy").contains("2 calls in a second"), "{answers:?}");
}

#[tokio::test]
async fn what_cannot_be_is_invalid() {
    let node = using_framedb(&everything())
        .config(|config| config.limits.max_object = bytesize::ByteSize::mib(1))
        .start()
        .await;
    let _ = stored(node.ingest(arrival("an old object").to("memory")).await);
    let _ = stored(node.ingest(arrival("jobs").kind(Kind::Stream).to("memory")).await);
    let answers = calls(
        &node,
        json!([
            { "call": "put", "key": "large", "bytes": (1 << 20) + 1 },
            { "call": "put", "key": "bad\nkey", "data": "x" },
            { "call": "put", "key": "a", "data": "x", "to": "nowhere" },
            { "call": "put", "key": "a", "data": "x", "to": "memory", "storage": true },
            { "call": "put", "key": "a", "data": "x", "metadata-bytes": 65_537 },
            { "call": "put", "key": "jobs", "data": "x" },
            { "call": "get", "key": "jobs" },
            { "call": "delete", "key": "jobs" },
            { "call": "push", "key": "an old object", "id": "1", "data": "x" },
            { "call": "push", "key": "more jobs", "id": "", "data": "x" },
            { "call": "push", "key": "more jobs", "id": "1", "bytes": (1 << 20) + 1 },
            { "call": "push", "key": "more jobs", "id": "1", "data": "x", "to": "nowhere" },
            { "call": "lease", "key": "jobs", "millis": 0 },
            { "call": "lease", "key": "jobs", "millis": 86_400_001 },
            { "call": "list", "key": "", "limit": 0 },
            { "call": "lookup", "key": "bad\nkey" },
            { "call": "sources", "key": "" },
        ]),
    )
    .await;
    for (n, answer) in answers.iter().enumerate() {
        assert!(answer["invalid"].is_string(), "{n}: {answer}");
    }
    assert!(refused(&answers[0], "invalid").contains("limits.max-object"), "{answers:?}");
    let largest = json!({ "call": "put", "key": "large", "bytes": 1 << 20 });
    assert_eq!(call(&node, largest).await, json!({ "ok": null }));
    let length = call(&node, json!({ "call": "length", "key": "no such queue" })).await;
    let _ = refused(&length, "not-found");
    assert_eq!(node.drain_queue("jobs").await, ["payload of jobs"]);
}
