//! Lists and filters, sent as a body on GET (contract sections 0 and 4, defect D25).

use crate::routing_objects::{call, fails, send};
use framedb_core::Kind;
use framedb_tests::{Describe, Http, TestNode, arrival, stored};
use serde_json::{Value, json};

async fn ids(http: &Http, filter: Value) -> Vec<String> {
    let (status, body) = send(http, "GET /framedb/objects", filter).await;
    assert_eq!((status, &body["success"]), (200, &json!(true)), "{body}");
    let id = |entry: &Value| {
        assert_eq!(entry["_id"], entry["object_id"]);
        entry["_id"].as_str().unwrap().to_owned()
    };
    body["data"].as_array().unwrap().iter().map(id).collect()
}

#[tokio::test]
async fn lists_hold_what_fits_the_filter() {
    let node = TestNode::build().open().await;
    let http = node.http();
    for (key, id, kind, size, metadata) in [
        ("a", "one", "memory", json!(1), json!({ "tags": ["image", "night"] })),
        ("b", "one", "memory", json!(2), json!("{\"tags\": [\"image\"], \"n\": 1}")),
        ("c", "two", "persistent", Value::Null, json!("{'tags': ['image']}")),
    ] {
        let body = json!({
            "object_id": key, "framedb_id": id, "framedb_type": kind, "size": size,
            "metadata": metadata,
            "copies": [{ "framedb_id": format!("copy of {key}"), "framedb_type": kind }],
        });
        assert_eq!(send(&http, "POST /framedb/objects", body).await.0, 200);
    }
    let _ = stored(node.ingest(arrival("d").to("memory").kind(Kind::InMemory)).await);
    let _ = stored(node.ingest(arrival("queue").kind(Kind::Stream)).await);
    for (filter, expected) in [
        (json!({}), "abcd"),
        (json!({ "metadata.tags": "image" }), "ab"),
        (json!({ "framedb_id": "one" }), "ab"),
        (json!({ "framedb_id": "one", "size": { "$gt": 1 } }), "b"),
        (json!({ "framedb_type": "memory" }), "abd"),
        (json!({ "framedb_type": { "$in": ["persistent"] } }), "c"),
        (json!({ "framedb_type": "stream" }), ""),
        (json!({ "size": null }), "c"),
        (json!({ "_id": "a" }), "a"),
        (json!({ "object_id": { "$in": ["a", "c", "queue"] } }), "ac"),
        (json!({ "object_id": "queue" }), ""),
        (json!({ "copies.framedb_id": "copy of b" }), "b"),
        (json!({ "$or": [{ "metadata.n": 1 }, { "copies": [] }] }), "bd"),
        (json!({ "metadata": { "$exists": true }, "_id": { "$ne": "b" } }), "acd"),
    ] {
        assert_eq!(ids(&http, filter.clone()).await.concat(), expected, "{filter}");
    }
    assert_eq!(call(&http, "GET /framedb/objects").await.1["data"].as_array().unwrap().len(), 4);
}

#[tokio::test]
async fn filters_with_anything_else_are_refused() {
    let node = TestNode::build().open().await;
    let http = node.http();
    for (filter, error) in [
        (json!({ "$where": "this.size > 1" }), "there is no operator `$where`"),
        (json!({ "size": { "$regex": "1" } }), "there is no operator `$regex`"),
        (json!([{ "size": 1 }]), "no JSON object"),
    ] {
        for line in ["GET /framedb/objects", "GET /framedb/streams"] {
            fails(send(&http, line, filter.clone()).await, 400, error);
        }
    }
    let answer = http.send("GET /framedb/objects", &[], "{\"a\":").await;
    fails((answer.status.as_u16(), answer.json()), 400, "no JSON object");
}

#[tokio::test]
async fn a_long_list_is_whole() {
    let node = TestNode::build().open().await;
    // More than the node reads of its registry at once, at several ends of a page.
    let name = |n: usize| format!("object-{n:04}");
    node.ingest_all((0..751).map(|n| arrival(&name(n)).to("memory"))).await;
    let http = node.http();
    assert_eq!(ids(&http, json!({})).await, (0..751).map(name).collect::<Vec<_>>());
    let some = ids(&http, json!({ "object_id": { "$gte": name(749) } })).await;
    assert_eq!(some, [name(749), name(750)]);
}
