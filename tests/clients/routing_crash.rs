//! A registration that moves a key, and a crash in the middle of it.

use crate::routing_objects::{data, send};
use framedb_core::Route;
use framedb_host::{
    driver::Disks,
    registry::{Intent, Intents},
    store::Record,
};
use framedb_tests::{Describe, TestNode, arrival, eventually, key, stored};
use serde_json::json;
use std::sync::Arc;
use tempfile::TempDir;

/// Bytes that came to an instance without a route.
async fn put_raw(node: &TestNode, framedb_id: &str, name: &str) {
    let record = Record { key: key(name), data: "raw".into(), expires_at: None };
    let store = node.node().instances.get(framedb_id).await.unwrap().objects.clone();
    store.put(&[record]).await.pop().unwrap().unwrap();
}

/// The log of writes under way, of a node that does not run.
async fn intents(directory: &Arc<TempDir>) -> (Intents, Disks) {
    let disks = Disks::new(directory.path().join("data"));
    let disk = eventually("the directory is free", async || disks.home().ok()).await;
    (Intents::new(disk), disks)
}

/// As the registrar writes it: no bytes are those of this change.
fn moving(name: &str, route: Route, previous: Route) -> Intent {
    Intent { key: key(name), route, stored_size: u64::MAX, crc32c: 0, previous: Some(previous) }
}

#[tokio::test]
async fn a_key_that_was_moving_when_the_node_was_killed_has_one_place_afterwards() {
    let node = TestNode::build().second_disk().open().await;
    let http = node.http();
    let mut before = Vec::new();
    for name in ["moved", "unmoved"] {
        let _ = stored(node.ingest(arrival(name).to("disk")).await);
        before.push(node.found(name).await.unwrap().route);
        put_raw(&node, "second", name).await;
    }
    let body = json!({ "object_id": "moved", "framedb_id": "second", "framedb_type": "storage" });
    assert_eq!(send(&http, "POST /framedb/objects", body).await.0, 200);
    assert!(node.stored_bytes("disk", "moved").await.is_none());
    let moved = node.found("moved").await.unwrap().route;
    // As if the node had been killed before it deleted that.
    put_raw(&node, "disk", "moved").await;
    let directory = node.stop().await;
    let (log, disks) = intents(&directory).await;
    assert_eq!(log.pending().await.unwrap(), [], "a finished move leaves nothing");
    let [was_moved, was_unmoved]: [Route; 2] = before.try_into().unwrap();
    let unregistered = Route { generation: moved.generation + 1, ..moved.clone() };
    log.write(&[moving("moved", moved, was_moved), moving("unmoved", unregistered, was_unmoved)])
        .await
        .unwrap();
    drop((log, disks));
    let node = TestNode::build().in_directory(&directory).second_disk().open().await;
    assert_eq!(data(&node.http(), "/framedb/objects/moved").await["framedb_id"], "second");
    assert_eq!(node.get("moved").await, "raw");
    assert!(node.stored_bytes("disk", "moved").await.is_none(), "recovery finished the move");
    assert_eq!(data(&node.http(), "/framedb/objects/unmoved").await["framedb_id"], "disk");
    assert_eq!(node.get("unmoved").await, "payload of unmoved");
}
