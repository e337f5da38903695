//! `/framedb/objects` as in section 4 of the wire contract: one object's route.

use framedb_tests::{Answer, Describe, Http, TestNode, arrival, stored};
use serde_json::{Value, json};

/// Sends a JSON body; the status and the body of the answer.
pub(crate) async fn send(http: &Http, line: &str, body: Value) -> (u16, Value) {
    // As Python's json module writes it: metadata keeps its own text.
    let answer = http.send(line, &[("content-type", "application/json")], body.to_string()).await;
    (answer.status.as_u16(), answer.json())
}

pub(crate) async fn call(http: &Http, line: &str) -> (u16, Value) {
    let answer = http.call(line).await;
    (answer.status.as_u16(), answer.json())
}

/// Looks for a failure in the envelope of every path.
#[track_caller]
pub(crate) fn fails(answer: (u16, Value), status: u16, error: &str) {
    let (found, body) = answer;
    assert_eq!((found, &body["success"]), (status, &json!(false)), "{body}");
    let text = body["error"].as_str().unwrap();
    assert!(text.contains(error), "`{error}` is not in `{text}`");
}

/// A registration as clients of both generations send it.
pub(crate) fn registration(key: &str, framedb_id: &str) -> Value {
    json!({
        "object_id": key, "framedb_id": framedb_id, "framedb_type": "in-memory",
        "copies": [], "size": 3, "metadata": { "a": 1 },
    })
}

/// Registers an object in an instance that the node does not know.
pub(crate) async fn register(http: &Http, key: &str, framedb_id: &str) {
    let (status, body) = send(http, "POST /framedb/objects", registration(key, framedb_id)).await;
    let expected = json!({ "success": true, "message": "Object inserted", "id": key });
    assert_eq!((status, body), (200, expected));
}

/// What is registered under a key.
pub(crate) async fn data(http: &Http, path: &str) -> Value {
    let (status, body) = call(http, &format!("GET {path}")).await;
    assert_eq!((status, &body["success"]), (200, &json!(true)), "{body}");
    body["data"].clone()
}

#[tokio::test]
async fn an_object_is_registered_under_the_id_that_clients_send() {
    let node = TestNode::build().open().await;
    let http = node.http();
    // 2025 clients take 200 alone for success, 2026 clients 201 too (D1); ids are in
    // `object_id`, and two objects are two (D2).
    for key in ["one", "two"] {
        register(&http, key, "far").await;
    }
    let expected = |key| {
        json!({
            "_id": key, "object_id": key, "framedb_id": "far", "framedb_type": "in-memory",
            "copies": [], "size": 3, "metadata": { "a": 1 },
        })
    };
    for key in ["one", "two"] {
        assert_eq!(data(&http, &format!("/framedb/objects/{key}")).await, expected(key));
    }
    let reference = json!({ "_id": "three", "framedb_id": "far", "framedb_type": "storage" });
    assert_eq!(send(&http, "POST /framedb/objects", reference).await.0, 200);
    let found = data(&http, "/framedb/objects/three").await;
    assert_eq!((&found["copies"], &found["size"]), (&json!([]), &Value::Null));
    assert_eq!((&found["framedb_type"], &found["metadata"]), (&json!("storage"), &json!({})));
}

#[tokio::test]
async fn registering_again_updates_and_keeps_the_copies() {
    let node = TestNode::build().open().await;
    let http = node.http();
    register(&http, "k", "far").await;
    let copy = json!({ "framedb_id": "second", "framedb_type": "persistent", "cluster_id": "x" });
    assert_eq!(send(&http, "POST /framedb/objects/k/add-copy", copy).await.0, 200);
    for _ in 0..2 {
        let again = json!({
            "object_id": "k", "framedb_id": "far", "framedb_type": "in-memory",
            "copies": [], "size": 4, "metadata": "text", "unknown": true,
        });
        assert_eq!(send(&http, "POST /framedb/objects", again).await.0, 200);
        let found = data(&http, "/framedb/objects/k").await;
        assert_eq!((&found["size"], &found["metadata"]), (&json!(4), &json!("text")));
        assert_eq!(found["copies"][0]["framedb_id"], "second");
        assert_eq!(found["copies"][0]["framedb_type"], "storage");
    }
    let mut listed = registration("k", "far");
    listed["copies"] = json!([
        { "framedb_id": "third", "framedb_type": "memory" },
        { "framedb_id": "far", "framedb_type": "memory" },
    ]);
    assert_eq!(send(&http, "POST /framedb/objects", listed).await.0, 200);
    let copies = data(&http, "/framedb/objects/k").await["copies"].clone();
    assert_eq!(copies.as_array().unwrap().len(), 1, "the primary is no copy: {copies}");
    assert_eq!(copies[0]["framedb_id"], "third");
}

#[tokio::test]
async fn metadata_comes_back_as_it_was_sent() {
    let node = TestNode::build().open().await;
    let http = node.http();
    for metadata in [
        r#"{"b": 1.0, "a": [null, true], "n": 12345678901234567890123}"#,
        r#""{'a': 1, 'n': None}""#,
        r#""""#,
        r#"["x"]"#,
        "17",
        "false",
        r#""not JSON \u00fc \\ \"""#,
    ] {
        let body = format!(
            r#"{{"object_id": "k", "framedb_id": "far", "framedb_type": "memory", "metadata": {metadata}}}"#
        );
        let answer = http.send("POST /framedb/objects", &[], body).await;
        assert_eq!(answer.status.as_u16(), 200, "{answer:?}");
        let answer = http.call("GET /framedb/objects/k").await;
        let text = String::from_utf8(answer.body.to_vec()).unwrap();
        let found = match serde_json::from_str::<String>(metadata) {
            // A text may be written in other ways that mean the same.
            Ok(text) => answer.json()["data"]["metadata"] == text,
            Err(_) => text.contains(&format!("\"metadata\":{metadata}")),
        };
        assert!(found, "{metadata} is not in {text}");
    }
    // Nothing was lost, so all of it fits a filter too.
    let filter = json!({ "metadata": "not JSON ü \\ \"" });
    let (_, listed) = send(&http, "GET /framedb/objects", filter).await;
    assert_eq!(listed["data"].as_array().unwrap().len(), 1, "{listed}");
}

#[tokio::test]
async fn what_cannot_be_registered_is_refused_by_name() {
    let node = TestNode::build().open().await;
    let http = node.http();
    let with = |field: &str, value: Value| {
        let mut body = registration("k", "far");
        body[field] = value;
        body
    };
    for (body, error) in [
        (json!({}), "Missing fields: object_id, framedb_id, framedb_type"),
        (with("framedb_id", Value::Null), "Missing field: framedb_id"),
        (with("framedb_id", json!("")), "`framedb_id` is not a text of 1 to 255 bytes"),
        (with("framedb_type", json!("stream")), "\"stream\" is neither in-memory nor storage"),
        (with("framedb_type", json!(1)), "`framedb_type` is not a text"),
        (with("size", json!(-1)), "`size` is not a whole number"),
        (with("copies", json!([{ "framedb_id": "x" }])), "each of `copies` has"),
        (with("copies", json!({})), "`copies` is not a list"),
        (with("metadata", json!("m".repeat((64 << 10) + 1))), "65537 bytes of metadata"),
        (with("object_id", json!("")), "the key is empty"),
        (with("object_id", json!("x#y")), "the key holds `#`"),
        (with("object_id", json!("..")), "the key has a `..` segment"),
        (with("object_id", json!("a/./b")), "the key has a `.` segment"),
        (with("object_id", json!("?1")), "the key is empty"),
        (with("framedb_id", json!("disk")), "FrameDB instance not found: `disk` keeps storage"),
        (with("framedb_id", json!("memory")), "cannot register `k`: `memory` has no such object"),
    ] {
        fails(send(&http, "POST /framedb/objects", body).await, 400, error);
    }
    let answer = |answer: Answer| (answer.status.as_u16(), answer.json());
    for (body, error) in
        [("", "the body is empty"), ("{", "no JSON object"), ("[]", "no JSON object")]
    {
        for line in ["POST /framedb/objects", "POST /framedb/objects/k/update"] {
            fails(answer(http.send(line, &[], body).await), 400, error);
        }
    }
    let large = vec![b' '; (1 << 20) + 1];
    fails(answer(http.send("POST /framedb/objects", &[], large).await), 413, "1048576 bytes");
    assert_eq!(node.node().registry.count().await.unwrap(), 0);
}

#[tokio::test]
async fn fields_are_updated_and_unknown_ones_refused() {
    let node = TestNode::build().open().await;
    let http = node.http();
    register(&http, "k", "far").await;
    let update = async |body| send(&http, "POST /framedb/objects/k/update", body).await;
    for (body, field, expected) in [
        (json!({ "size": 9 }), "size", json!(9)),
        (json!({ "size": null }), "size", Value::Null),
        (json!({ "metadata": { "b": 2 } }), "metadata", json!({ "b": 2 })),
        (json!({ "metadata.c.d": [3] }), "metadata", json!({ "b": 2, "c": { "d": [3] } })),
        (json!({ "framedb_type": "persistent" }), "framedb_type", json!("storage")),
        (json!({ "object_id": "k", "framedb_id": "other" }), "framedb_id", json!("other")),
        (
            json!({ "copies": [{ "framedb_id": "c", "framedb_type": "memory" }] }),
            "copies",
            json!([{ "framedb_id": "c", "framedb_type": "in-memory", "cluster_id": "" }]),
        ),
    ] {
        for _ in 0..2 {
            // Changing nothing is success, too: a client that retries gets the same answer.
            let expected = json!({ "success": true, "message": "Fields updated" });
            assert_eq!(update(body.clone()).await, (200, expected));
        }
        assert_eq!(data(&http, "/framedb/objects/k").await[field], expected);
    }
    for (body, error) in [
        (json!({ "status": 1 }), "there is no field \"status\" to update"),
        (json!({ "$set": { "size": 1 } }), "there is no field \"$set\" to update"),
        (json!({ "metadata..x": 1 }), "there is no field \"metadata..x\""),
        (json!({ "metadata.b.c": 1 }), "metadata.b.c leads into what is no JSON object"),
        (json!({ "object_id": "other" }), "`object_id` cannot be changed"),
        (json!({}), "no field to update"),
        (json!({ "framedb_id": "memory" }), "`memory` keeps in-memory and stream, not storage"),
    ] {
        fails(update(body).await, 400, error);
    }
    // Nothing half is made of what is not there (D25).
    let absent = send(&http, "POST /framedb/objects/absent/update", json!({ "size": 1 })).await;
    fails(absent, 400, "No document found to update");
    fails(call(&http, "GET /framedb/objects/absent").await, 404, "No document found");
}

#[tokio::test]
async fn an_object_is_deleted_once() {
    let node = TestNode::build().open().await;
    let http = node.http();
    register(&http, "k", "far").await;
    let deleted = json!({ "success": true, "message": "Object deleted" });
    assert_eq!(call(&http, "DELETE /framedb/objects/k").await, (200, deleted));
    fails(call(&http, "DELETE /framedb/objects/k").await, 404, "No document found to delete");
    fails(call(&http, "GET /framedb/objects/k").await, 404, "No document found");
}

#[tokio::test]
async fn deleting_a_route_deletes_what_the_node_stored() {
    let node = TestNode::build().open().await;
    let http = node.http();
    for framedb_id in ["memory", "disk"] {
        let _ = stored(node.ingest(arrival("k").to(framedb_id)).await);
        let found = data(&http, "/framedb/objects/k").await;
        assert_eq!((&found["framedb_id"], &found["size"]), (&json!(framedb_id), &json!(12)));
        assert_eq!(call(&http, "DELETE /framedb/objects/k").await.0, 200);
        assert!(node.stored_bytes(framedb_id, "k").await.is_none(), "D37: no data stays");
        assert!(node.found("k").await.is_none());
    }
}

#[tokio::test]
async fn an_object_of_the_node_itself_keeps_what_is_known_of_it() {
    let node = TestNode::build().open().await;
    let http = node.http();
    let sent = arrival("k").to("disk").content_type("image/x-mine").meta("{'a': 1}");
    let _ = stored(node.ingest(sent).await);
    let again = json!({
        "object_id": "k", "framedb_id": "disk", "framedb_type": "persistent",
        "size": 99, "metadata": { "b": 2 },
    });
    assert_eq!(send(&http, "POST /framedb/objects", again).await.0, 200);
    let route = node.found("k").await.unwrap().route;
    assert_eq!((route.size, route.content_type.as_deref()), (Some(12), Some("image/x-mine")));
    assert_eq!(&*route.metadata, "{\"b\":2}");
    assert_eq!(node.get("k").await, "payload of k");
}

#[tokio::test]
async fn a_registration_waits_for_what_was_sent_before_it() {
    let node = TestNode::build().open().await;
    let http = node.http();
    let writes = (0..20).map(|n| arrival("k").to("disk").data(format!("{n}")));
    let (receipts, ()) = tokio::join!(node.ingest_all(writes), register(&http, "k", "far"));
    receipts.into_iter().for_each(|receipt| drop(stored(receipt)));
    let found = data(&http, "/framedb/objects/k").await;
    assert_eq!(found["framedb_id"], "far");
    let left = node.stored_bytes("disk", "k").await;
    assert_eq!(left.unwrap(), "19", "nobody here can tell whether `far` has it");
}

#[tokio::test]
async fn routes_outlive_the_process() {
    let node = TestNode::build().open().await;
    register(&node.http(), "k", "far").await;
    let directory = node.stop().await;
    let node = TestNode::build().in_directory(&directory).open().await;
    assert_eq!(data(&node.http(), "/framedb/objects/k").await["framedb_id"], "far");
}
