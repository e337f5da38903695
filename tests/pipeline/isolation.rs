//! Who shares a plugin instance with whom.

use framedb_core::Value;
use framedb_host::plugin::Isolation;
use framedb_tests::{Describe, TestNode, arrival, attribute, misbehaving, stored};

/// How many objects the instance had seen with each object of a batch.
async fn seen(node: &TestNode, source: &str, objects: usize) -> Vec<i64> {
    let objects = (0..objects)
        .map(|n| arrival(&format!("{source}/{n}")).source(source).order("ingest", "remember"));
    let receipts = node.ingest_all(objects).await;
    let seen = receipts.into_iter().map(|receipt| match attribute(&stored(receipt), "seen") {
        Some(Value::Integer(seen)) => seen,
        other => panic!("{other:?}"),
    });
    seen.collect()
}

#[tokio::test]
async fn an_instance_is_used_again_by_its_pipeline() {
    let node = misbehaving().start().await;
    assert_eq!(seen(&node, "a", 3).await, [1, 2, 3]);
    assert_eq!(seen(&node, "a", 2).await, [4, 5]);
}

#[tokio::test]
async fn pipelines_with_the_same_plugin_share_no_instance() {
    let node = misbehaving()
        .for_source("left", "left", "misbehave")
        .for_source("right", "right", "misbehave")
        .start()
        .await;
    assert_eq!(seen(&node, "left", 2).await, [1, 2]);
    assert_eq!(seen(&node, "right", 2).await, [1, 2]);
    assert_eq!(seen(&node, "left", 1).await, [3]);
    assert_eq!(seen(&node, "other", 1).await, [1]);
}

#[tokio::test]
async fn with_isolation_object_an_instance_sees_one_object_only() {
    let node = misbehaving()
        .configure("misbehave", |plugin| plugin.isolation = Isolation::Object)
        .start()
        .await;
    assert_eq!(seen(&node, "a", 20).await, [1; 20]);
    assert_eq!(seen(&node, "a", 20).await, [1; 20]);
}

#[tokio::test]
async fn with_isolation_object_a_failure_repeats_no_other_object() {
    let node = misbehaving()
        .configure("misbehave", |plugin| plugin.isolation = Isolation::Object)
        .start()
        .await;
    let objects = (0..8).map(|n| {
        let behaviour = if n == 5 { "trap" } else { "remember" };
        arrival(&format!("a/{n}")).order("ingest", behaviour)
    });
    let mut receipts = node.ingest_all(objects).await;
    let _ = framedb_tests::failure(receipts.remove(5));
    for receipt in receipts {
        let _ = stored(receipt);
    }
    assert_eq!(node.counted("framedb_plugin_failures_total", "ingest"), 1);
    // One for each object in ingest; the culprit stops there.
    assert_eq!(node.counted("framedb_plugin_instances_created_total", ""), 8 + 7 + 7);
}

#[tokio::test]
async fn an_instance_that_failed_serves_nobody_again() {
    let node = misbehaving().start().await;
    assert_eq!(seen(&node, "a", 2).await, [1, 2]);
    let _ = framedb_tests::failure(node.ingest(arrival("b").order("ingest", "trap")).await);
    assert_eq!(seen(&node, "c", 1).await, [1]);
}

#[tokio::test]
async fn an_instance_is_replaced_after_its_number_of_calls() {
    let node =
        misbehaving().configure("misbehave", |plugin| plugin.limits.max_calls = 2).start().await;
    let mut all = Vec::new();
    for _ in 0..4 {
        all.extend(seen(&node, "a", 1).await);
    }
    assert_eq!(all, [1, 2, 1, 2]);
}

#[tokio::test]
async fn a_wrong_number_of_verdicts_retires_each_instance_once() {
    let node = misbehaving().start().await;
    let _ = framedb_tests::failure(node.ingest(arrival("b").order("ingest", "short")).await);
    // It was tried once more in a fresh one, where it is recorded.
    assert_eq!(node.counted("framedb_plugin_failures_total", "ingest"), 2);
    assert_eq!(node.counted("framedb_plugin_instances_retired_total", ""), 2);
}

#[tokio::test]
async fn failures_leave_no_more_instances_behind_than_the_plugin_may_have() {
    const INSTANCES: u64 = 3;
    let node = misbehaving()
        .configure("misbehave", |plugin| plugin.limits.instances = INSTANCES as usize)
        .start()
        .await;
    for round in 0..10 {
        let objects = (0..16).map(|n| {
            let behaviour = if n == 5 { "trap" } else { "remember" };
            arrival(&format!("{round}/{n}")).order("ingest", behaviour)
        });
        let mut receipts = node.ingest_all(objects).await;
        let _ = framedb_tests::failure(receipts.remove(5));
        receipts.into_iter().for_each(|receipt| drop(stored(receipt)));
        let created = node.counted("framedb_plugin_instances_created_total", "");
        let retired = node.counted("framedb_plugin_instances_retired_total", "");
        // A pool for each of the three stages has so many.
        assert!(created - retired <= 3 * INSTANCES, "{created} made, {retired} retired");
    }
}
