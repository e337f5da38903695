//! Keys that move between instances and kinds, and routes that lost their data.

use framedb_core::{FailureClass, Kind};
use framedb_host::{
    driver::Disk,
    pipeline::Arrival,
    registry::{Intents, Query},
};
use framedb_tests::{Describe, TestNode, arrival, failure, key, stored};
use std::{path::Path, sync::Arc, time::Duration};

async fn put(node: &TestNode, object: Arrival) {
    let _ = stored(node.ingest(object).await);
}

/// What is listed: keys with their kinds and instances.
async fn listed(node: &TestNode) -> Vec<(String, Kind, String)> {
    let routes = node.reader().list(&Query { limit: 100, ..Query::default() }).await.unwrap();
    let line = |(key, route): (framedb_core::Key, framedb_core::Route)| {
        (key.to_string(), route.kind, route.framedb_id.to_string())
    };
    routes.into_iter().map(line).collect()
}

/// How many writes the log of a node that has stopped still has.
pub(crate) async fn intents_left(data_dir: &Path) -> usize {
    let disk =
        framedb_tests::eventually("the directory is free", async || Disk::open(data_dir).ok())
            .await;
    Intents::new(Arc::new(disk)).pending().await.unwrap().len()
}

#[tokio::test]
async fn a_key_moves_from_disk_to_memory_and_back_and_leaves_no_copy() {
    let node = TestNode::build().start().await;
    for round in 0..3 {
        for (here, there, kind) in
            [("disk", "memory", Kind::Storage), ("memory", "disk", Kind::InMemory)]
        {
            let data = format!("{round} {here}");
            put(&node, arrival("k").to(here).data(data.clone())).await;
            assert_eq!(node.get("k").await, data);
            assert_eq!(listed(&node).await, [("k".into(), kind, here.into())]);
            assert_eq!(node.stored_bytes(here, "k").await.unwrap(), data);
            assert_eq!(node.stored_bytes(there, "k").await, None, "{here}");
        }
    }
}

#[tokio::test]
async fn an_object_takes_the_place_of_a_queue_and_a_queue_that_of_an_object() {
    let node = TestNode::build().start().await;
    for instance in ["memory", "disk"] {
        put(&node, arrival("k").kind(Kind::Stream).to(instance).data("one")).await;
        put(&node, arrival("k").kind(Kind::Stream).to(instance).data("two")).await;
        put(&node, arrival("k").to(instance).data("object")).await;
        assert_eq!(node.get("k").await, "object");
        assert_eq!(node.queue_length(instance, "k").await, 0, "{instance}");
        let error = node.reader().pop(&key("k"), None).await.unwrap_err();
        assert_eq!(error.to_string(), "`k` is an object, not a queue");
        put(&node, arrival("k").kind(Kind::Stream).to(instance).data("three")).await;
        let error = node.reader().get(&key("k")).await.unwrap_err();
        assert_eq!(error.to_string(), "`k` is a queue, which is not read by key");
        assert_eq!(node.drain_queue("k").await, ["three"]);
        assert_eq!(node.stored_bytes(instance, "k").await, None, "{instance}");
        assert!(node.reader().delete(&key("k")).await.unwrap());
    }
}

#[tokio::test]
async fn a_queue_moves_to_another_instance_only_when_it_is_empty() {
    let node = TestNode::build().start().await;
    put(&node, arrival("q").kind(Kind::Stream).to("memory").data("old")).await;
    let new = arrival("q").kind(Kind::Stream).to("disk").data("new");
    let refused = failure(node.ingest(new.clone()).await);
    assert_eq!(refused.class, FailureClass::Invalid);
    let message = "the queue `q` holds 1 elements on `memory` and does not move";
    assert_eq!(refused.message, message);
    // An element that a consumer holds may come back.
    let leased = node.reader().lease(&key("q"), Duration::from_secs(60), None).await;
    let leased = leased.unwrap().unwrap();
    assert_eq!(failure(node.ingest(new.clone()).await).message, message);
    assert!(node.reader().ack(&key("q"), &leased.token).await.unwrap());
    put(&node, new).await;
    assert_eq!(node.drain_queue("q").await, ["new"]);
    assert_eq!(node.queue_length("disk", "q").await, 0);
}

#[tokio::test]
async fn an_object_in_another_directory_than_the_routes_is_stored_and_found() {
    let node = TestNode::build().second_disk().start().await;
    let receipts =
        node.ingest_all((0..50).map(|n| arrival(&format!("k/{n:02}")).to("second"))).await;
    for receipt in receipts {
        assert!(stored(receipt).synced);
    }
    assert_eq!(listed(&node).await.len(), 50);
    for n in 0..50 {
        assert_eq!(node.get(&format!("k/{n:02}")).await, format!("payload of k/{n:02}"));
    }
    let data = node.data_dir().to_owned();
    let _directory = node.stop().await;
    assert_eq!(intents_left(&data).await, 0);
}

#[tokio::test]
async fn a_key_moves_between_two_disks_and_stays_over_a_restart() {
    let node = TestNode::build().second_disk().start().await;
    put(&node, arrival("a").to("disk").data("first")).await;
    put(&node, arrival("a").to("second").data("moved")).await;
    put(&node, arrival("b").to("second").data("first")).await;
    put(&node, arrival("b").to("disk").data("moved back")).await;
    let expected = [
        ("a".to_owned(), Kind::Storage, "second".to_owned()),
        ("b".to_owned(), Kind::Storage, "disk".to_owned()),
    ];
    assert_eq!(listed(&node).await, expected);
    let data = node.data_dir().to_owned();
    let directory = node.stop().await;
    assert_eq!(intents_left(&data).await, 0);
    let node = TestNode::build().in_directory(&directory).second_disk().start().await;
    assert_eq!(listed(&node).await, expected);
    assert_eq!((&*node.get("a").await, &*node.get("b").await), (&b"moved"[..], &b"moved back"[..]));
    assert_eq!(node.stored_bytes("disk", "a").await, None);
    assert_eq!(node.stored_bytes("second", "b").await, None);
}

#[tokio::test]
async fn a_read_that_finds_no_data_removes_the_route() {
    let node = TestNode::build().second_disk().start().await;
    put(&node, arrival("k").to("second")).await;
    let store = node.node().instances.get("second").await.unwrap().objects.clone();
    store.delete(&[key("k")]).await.pop().unwrap().unwrap();
    assert_eq!(listed(&node).await.len(), 1, "nobody has looked yet");
    assert!(node.found("k").await.is_none());
    assert!(listed(&node).await.is_empty());
}

#[tokio::test]
async fn data_that_is_deleted_under_a_route_of_the_same_store_takes_it_along() {
    let node = TestNode::build().start().await;
    for instance in ["memory", "disk"] {
        put(&node, arrival("k").to(instance)).await;
        let store = node.node().instances.get(instance).await.unwrap().objects.clone();
        store.delete(&[key("k")]).await.pop().unwrap().unwrap();
        assert!(listed(&node).await.is_empty(), "{instance}");
        assert!(node.found("k").await.is_none());
    }
}

#[tokio::test]
async fn evicted_objects_leave_no_routes() {
    let node = TestNode::build()
        .config(|config| {
            let memory = config.instances.get_mut("memory").unwrap();
            memory.max_bytes = Some(bytesize::ByteSize::kib(256));
            memory.eviction = framedb_host::driver::Eviction::LeastFrequent;
        })
        .start()
        .await;
    for n in 0..200 {
        put(&node, arrival(&format!("k/{n}")).to("memory").data(vec![0; 8_000])).await;
    }
    let listed = listed(&node).await;
    assert!(!listed.is_empty() && listed.len() < 33, "{}", listed.len());
    for (name, ..) in listed {
        assert_eq!(node.get(&name).await.len(), 8_000);
    }
    assert_eq!(node.get("k/199").await.len(), 8_000);
}

#[tokio::test]
async fn volatile_objects_end_with_the_node_and_durable_ones_do_not() {
    let node = TestNode::build().start().await;
    put(&node, arrival("volatile").to("memory")).await;
    put(&node, arrival("durable").to("disk").meta("kept")).await;
    put(&node, arrival("queue").kind(Kind::Stream).to("disk").data("element")).await;
    put(&node, arrival("volatile queue").kind(Kind::Stream).to("memory")).await;
    let directory = node.stop().await;
    let node = TestNode::build().in_directory(&directory).start().await;
    let expected = [
        ("durable".to_owned(), Kind::Storage, "disk".to_owned()),
        ("queue".to_owned(), Kind::Stream, "disk".to_owned()),
    ];
    assert_eq!(listed(&node).await, expected);
    let found = node.found("durable").await.unwrap();
    assert_eq!((&*found.data, &*found.route.metadata), (&b"payload of durable"[..], "kept"));
    assert_eq!(node.drain_queue("queue").await, ["element"]);
    assert!(node.found("volatile").await.is_none());
}
