//! `/framedb/streams` as in section 4 of the wire contract, and keys that are one or the other.

use crate::routing_objects::{call, data, fails, register, send};
use framedb_core::Kind;
use framedb_tests::{Describe, TestNode, arrival, stored};
use serde_json::json;

#[tokio::test]
async fn a_queue_is_registered_at_every_push() {
    let node = TestNode::build().open().await;
    let http = node.http();
    for _ in 0..3 {
        let body = json!({ "queue_name": "q", "framedb_id": "far", "metadata": { "fps": 30 } });
        let expected = json!({ "success": true, "message": "Stream inserted", "id": "q" });
        assert_eq!(send(&http, "POST /framedb/streams", body).await, (200, expected));
    }
    let expected = json!({
        "_id": "q", "queue_name": "q", "framedb_id": "far", "metadata": { "fps": 30 },
    });
    assert_eq!(data(&http, "/framedb/streams/q").await, expected);
    let (_, listed) = call(&http, "GET /framedb/streams").await;
    assert_eq!(listed, json!({ "success": true, "data": [expected] }));
    let (_, objects) = call(&http, "GET /framedb/objects").await;
    assert_eq!(objects["data"], json!([]));
    let updated = send(&http, "POST /framedb/streams/q/update", json!({ "metadata": "x" })).await;
    assert_eq!(updated, (200, json!({ "success": true, "message": "Fields updated" })));
    assert_eq!(data(&http, "/framedb/streams/q").await["metadata"], "x");
    let deleted = json!({ "success": true, "message": "Stream deleted" });
    assert_eq!(call(&http, "DELETE /framedb/streams/q").await, (200, deleted));
    fails(call(&http, "DELETE /framedb/streams/q").await, 404, "No document found to delete");
    fails(call(&http, "GET /framedb/streams/q").await, 404, "No document found");
}

#[tokio::test]
async fn what_is_no_queue_is_refused_by_name() {
    let node = TestNode::build().open().await;
    let http = node.http();
    for (body, error) in [
        (json!({}), "Missing fields: queue_name, framedb_id"),
        (json!({ "queue_name": "q" }), "Missing field: framedb_id"),
        (json!({ "queue_name": "a/../b", "framedb_id": "far" }), "the key has a `..` segment"),
    ] {
        fails(send(&http, "POST /framedb/streams", body).await, 400, error);
    }
    let update = async |body| send(&http, "POST /framedb/streams/q/update", body).await;
    fails(update(json!({ "metadata": 1 })).await, 400, "No document found to update");
    fails(update(json!({ "size": 1 })).await, 400, "there is no field \"size\" to update");
    let copied = send(&http, "POST /framedb/streams/q/add-copy", json!({})).await;
    fails(copied, 405, "does not take POST");
}

#[tokio::test]
async fn a_key_is_an_object_or_a_queue_and_absent_as_the_other() {
    let node = TestNode::build().open().await;
    let http = node.http();
    register(&http, "object", "far").await;
    let _ = stored(node.ingest(arrival("queue").kind(Kind::Stream)).await);
    for line in ["GET /framedb/streams/object", "DELETE /framedb/streams/object"] {
        fails(call(&http, line).await, 404, "No document found");
    }
    for line in ["GET /framedb/objects/queue", "DELETE /framedb/objects/queue"] {
        fails(call(&http, line).await, 404, "No document found");
    }
    let copy = json!({ "framedb_id": "c", "framedb_type": "memory" });
    let copied = send(&http, "POST /framedb/objects/queue/add-copy", copy).await;
    fails(copied, 400, "Copy already exists or object not found");
    assert_eq!(node.drain_queue("queue").await.len(), 1, "nothing was removed");
}

#[tokio::test]
async fn a_key_that_becomes_the_other_one_has_one_route() {
    let node = TestNode::build().open().await;
    let http = node.http();
    let stream = json!({ "queue_name": "k", "framedb_id": "memory" });
    let _ = stored(node.ingest(arrival("k").to("disk")).await);
    assert_eq!(send(&http, "POST /framedb/streams", stream).await.0, 200);
    fails(call(&http, "GET /framedb/objects/k").await, 404, "No document found");
    assert_eq!(data(&http, "/framedb/streams/k").await["framedb_id"], "memory");
    assert!(node.stored_bytes("disk", "k").await.is_none(), "the object is gone");
    let _ = stored(node.ingest(arrival("k").to("memory").kind(Kind::Stream)).await);
    register(&http, "k", "far").await;
    fails(call(&http, "GET /framedb/streams/k").await, 404, "No document found");
    assert_eq!(node.queue_length("memory", "k").await, 0, "the queue is gone");
}

#[tokio::test]
async fn a_queue_that_holds_elements_does_not_move() {
    let node = TestNode::build().open().await;
    let http = node.http();
    let _ = stored(node.ingest(arrival("q").to("memory").kind(Kind::Stream)).await);
    let moved = json!({ "queue_name": "q", "framedb_id": "disk" });
    let answer = send(&http, "POST /framedb/streams", moved.clone()).await;
    fails(answer, 400, "the queue `q` holds 1 elements on `memory` and does not move");
    assert_eq!(node.drain_queue("q").await, ["payload of q"]);
    assert_eq!(send(&http, "POST /framedb/streams", moved).await.0, 200);
    assert_eq!(data(&http, "/framedb/streams/q").await["framedb_id"], "disk");
}

#[tokio::test]
async fn deleting_a_queue_deletes_its_elements() {
    let node = TestNode::build().open().await;
    let _ = stored(node.ingest(arrival("q").to("memory").kind(Kind::Stream)).await);
    assert_eq!(call(&node.http(), "DELETE /framedb/streams/q").await.0, 200);
    assert_eq!(node.queue_length("memory", "q").await, 0);
}
