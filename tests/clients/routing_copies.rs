//! Copies of objects (contract section 4, defect D7).

use crate::routing_objects::{call, data, fails, register, send};
use framedb_tests::{Describe, TestNode, arrival, stored};
use serde_json::{Value, json};

fn copy(framedb_id: &str) -> Value {
    json!({ "framedb_id": framedb_id, "framedb_type": "memory" })
}

#[tokio::test]
async fn a_copy_is_added_found_and_removed() {
    let node = TestNode::build().open().await;
    let http = node.http();
    register(&http, "k", "far").await;
    let add = async |id| send(&http, "POST /framedb/objects/k/add-copy", copy(id)).await;
    let remove = async |id| send(&http, "POST /framedb/objects/k/remove-copy", copy(id)).await;
    let exists = async || call(&http, "GET /framedb/objects/k/copy-exists/near").await;
    let done = |message| (200, json!({ "success": true, "message": message }));
    let (status, body) = exists().await;
    assert_eq!((status, &body["success"]), (404, &json!(false)));
    assert_eq!(
        (&body["message"], &body["error"]),
        (&"Copy does not exist".into(), &body["message"])
    );
    assert_eq!(add("near").await, done("Copy added"));
    assert_eq!(exists().await, done("Copy exists"));
    fails(add("near").await, 400, "Copy already exists or object not found");
    fails(add("far").await, 400, "Copy already exists or object not found");
    assert_eq!(remove("near").await, done("Copy removed"));
    fails(remove("near").await, 404, "Copy not found");
    assert_eq!(exists().await.0, 404);
    for line in ["add-copy", "remove-copy"] {
        let line = format!("POST /framedb/objects/k/{line}");
        fails(send(&http, &line, json!({})).await, 400, "framedb_id is required");
    }
    let absent = send(&http, "POST /framedb/objects/absent/add-copy", copy("near")).await;
    fails(absent, 400, "Copy already exists or object not found");
    let absent = send(&http, "POST /framedb/objects/absent/remove-copy", copy("near")).await;
    fails(absent, 404, "Copy not found");
}

#[tokio::test]
async fn a_backup_keeps_the_old_place_as_a_copy_if_its_size_is_equal() {
    let node = TestNode::build().open().await;
    let http = node.http();
    register(&http, "k", "first").await;
    register(&http, "k", "second").await;
    let found = data(&http, "/framedb/objects/k").await;
    assert_eq!(
        (&found["framedb_id"], &found["copies"][0]["framedb_id"]),
        (&json!("second"), &json!("first"))
    );
    // Back again: the primary is never a copy of itself.
    register(&http, "k", "first").await;
    let found = data(&http, "/framedb/objects/k").await;
    let copies = found["copies"].as_array().unwrap();
    assert_eq!((copies.len(), &copies[0]["framedb_id"]), (1, &json!("second")));
    let other = json!({
        "object_id": "k", "framedb_id": "third", "framedb_type": "memory", "size": 9,
    });
    assert_eq!(send(&http, "POST /framedb/objects", other).await.0, 200);
    let found = data(&http, "/framedb/objects/k").await;
    let copies = found["copies"].as_array().unwrap();
    assert_eq!((copies.len(), &copies[0]["framedb_id"]), (1, &json!("second")), "{found}");
}

#[tokio::test]
async fn an_object_has_only_so_many_copies() {
    let node = TestNode::build().open().await;
    let http = node.http();
    register(&http, "k", "far").await;
    for n in 0..64 {
        let added = send(&http, "POST /framedb/objects/k/add-copy", copy(&format!("c{n}"))).await;
        assert_eq!(added.0, 200);
    }
    let added = send(&http, "POST /framedb/objects/k/add-copy", copy("more")).await;
    fails(added, 400, "`k` has 64 copies");
}

#[tokio::test]
async fn a_copy_inside_of_the_node_is_only_what_is_there() {
    let node = TestNode::build().second_disk().open().await;
    let http = node.http();
    let _ = stored(node.ingest(arrival("k").to("disk")).await);
    let place = json!({ "framedb_id": "second", "framedb_type": "storage" });
    let added = send(&http, "POST /framedb/objects/k/add-copy", place).await;
    fails(added, 400, "cannot register `k`: `second` has no such object");
    let wrong = json!({ "framedb_id": "second", "framedb_type": "memory" });
    let added = send(&http, "POST /framedb/objects/k/add-copy", wrong).await;
    fails(added, 400, "FrameDB instance not found: `second` keeps storage");
}
