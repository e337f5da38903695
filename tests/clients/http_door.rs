//! The HTTP door: objects by key, and what operators ask.

use framedb_tests::{Describe, TestNode, arrival, misbehaving, stored};
use serde_json::json;

#[tokio::test]
async fn an_object_is_put_read_looked_at_and_deleted() {
    let node = TestNode::build().open().await;
    let http = node.http();
    let headers =
        [("content-type", "image/x-mine"), ("x-framedb-metadata", "{\"a\":%20\"%C3%BC\"}")];
    let answer =
        http.send("PUT /objects/cam-1/frame-1?framedb_id=memory", &headers, "payload").await;
    assert_eq!(answer.status.as_u16(), 200);
    let receipt = answer.json();
    assert_eq!((&receipt["success"], &receipt["outcome"]), (&json!(true), &json!("stored")));
    assert_eq!(
        (&receipt["key"], &receipt["framedb_id"]),
        (&json!("cam-1/frame-1"), &json!("memory"))
    );
    assert_eq!((&receipt["type"], &receipt["size"]), (&json!("in-memory"), &json!(7)));
    for line in ["GET /objects/cam-1/frame-1", "HEAD /objects/cam-1/frame-1"] {
        let answer = http.call(line).await;
        assert_eq!(answer.status.as_u16(), 200);
        assert_eq!(answer.body, if line.starts_with('G') { "payload" } else { "" });
        assert_eq!(answer.header("content-length"), "7");
        assert_eq!(answer.header("content-type"), "image/x-mine");
        assert_eq!(answer.header("x-framedb-metadata"), "{\"a\":%20\"%C3%BC\"}");
        assert_eq!(answer.header("x-framedb-id"), "memory");
        assert_eq!(answer.header("x-framedb-type"), "in-memory");
    }
    assert_eq!(&*node.found("cam-1/frame-1").await.unwrap().route.metadata, "{\"a\": \"ü\"}");
    let answer = http.call("DELETE /objects/cam-1/frame-1").await;
    assert_eq!(answer.json(), json!({ "success": true, "key": "cam-1/frame-1" }));
    for line in ["GET /objects/cam-1/frame-1", "DELETE /objects/cam-1/frame-1"] {
        let answer = http.call(line).await;
        assert_eq!(answer.status.as_u16(), 404, "{line}");
        assert_eq!(answer.json()["error"], "there is no object `cam-1/frame-1`");
    }
    assert_eq!(http.call("HEAD /objects/cam-1/frame-1").await.status.as_u16(), 404);
}

#[tokio::test]
async fn names_in_paths_are_percent_encoded_keys() {
    let node = TestNode::build().open().await;
    let http = node.http();
    for (path, name) in [
        ("a%20b", "a b"),
        ("%C3%BC", "ü"),
        ("a%2Fb", "a/b"),
        ("cam%3F1%3F0__5", "cam?1?0__5"),
        ("a+b", "a+b"),
        ("a//b/", "a//b/"),
        ("50%25", "50%"),
        ("5%25off", "5%off"),
        ("a&b=c;d", "a&b=c;d"),
    ] {
        let answer = http.send(&format!("PUT /objects/{path}"), &[], name.to_owned()).await;
        assert_eq!(answer.json()["key"], name, "{path}");
        assert_eq!(node.get(name).await, name);
        assert_eq!(http.call(&format!("GET /objects/{path}")).await.body, name);
        assert_eq!(http.call(&format!("DELETE /objects/{path}")).await.status.as_u16(), 200);
        assert!(node.found(name).await.is_none());
    }
}

#[tokio::test]
async fn an_object_without_a_key_gets_one() {
    let node = TestNode::build().open().await;
    let receipt = node.http().send("POST /objects", &[], "x").await.json();
    let key = receipt["key"].as_str().unwrap();
    assert_eq!(key.len(), 36);
    assert_eq!(node.get(key).await, "x");
}

#[tokio::test]
async fn an_idempotency_key_is_the_objects_id_and_the_source_is_a_header() {
    let node = misbehaving().for_source("cams", "cam-*", "misbehave").open().await;
    let http = node.http();
    let headers = [("idempotency-key", "same"), ("x-framedb-source", "cam-1")];
    for _ in 0..3 {
        let receipt = http.send("POST /streams/q", &headers, "element").await.json();
        assert_eq!((&receipt["id"], &receipt["success"]), (&json!("same"), &json!(true)));
    }
    assert_eq!(node.drain_queue("q").await, ["element"]);
    assert_eq!(node.counted("framedb_objects_total", "pipeline=\"cams\",outcome=\"stored\""), 3);
}

#[tokio::test]
async fn attributes_are_in_the_receipt_and_in_headers() {
    let node = misbehaving().open().await;
    let http = node.http();
    let headers = [("x-framedb-metadata", r#"{"ingest":"attribute","serialize":"reverse"}"#)];
    let receipt = http.send("PUT /objects/k", &headers, "abc").await.json();
    let expected = json!({ "text": "yes", "integer": -1, "real": 0.5, "boolean": true });
    assert_eq!((&receipt["attributes"], &receipt["codec"]), (&expected, &json!("reverse/1")));
    let answer = http.call("GET /objects/k").await;
    assert_eq!(answer.body, "abc");
    assert_eq!(answer.header("x-framedb-attr-integer"), "-1");
    assert_eq!(answer.header("x-framedb-attr-text"), "yes");
    assert_eq!(answer.header("x-framedb-codec"), "reverse/1");
}

#[tokio::test]
async fn undeclared_content_types_stay_undeclared() {
    let node = TestNode::build().open().await;
    let http = node.http();
    for declared in ["application/x-www-form-urlencoded", "application/octet-stream"] {
        let _ = http.send("PUT /objects/k", &[("content-type", declared)], "x").await;
        assert_eq!(node.found("k").await.unwrap().route.content_type, None);
        let answer = http.call("GET /objects/k").await;
        assert_eq!(answer.header("content-type"), "application/octet-stream");
    }
}

#[tokio::test]
async fn a_part_of_an_object_is_read_by_its_range() {
    let node = TestNode::build().open().await;
    let _ = stored(node.ingest(arrival("k").data("0123456789")).await);
    let http = node.http();
    let answer = http.send("GET /objects/k", &[("range", "bytes=2-4")], "").await;
    assert_eq!((answer.status.as_u16(), &*answer.body), (206, &b"234"[..]));
    assert_eq!(answer.header("content-range"), "bytes 2-4/10");
    let answer = http.send("GET /objects/k", &[("range", "bytes=10-")], "").await;
    assert_eq!((answer.status.as_u16(), answer.header("content-range")), (416, "bytes */10"));
    assert_eq!(answer.json()["success"], false);
}

#[tokio::test]
async fn objects_are_listed_in_pages() {
    let node = TestNode::build().open().await;
    for n in 0..7 {
        let _ = stored(node.ingest(arrival(&format!("k/{n}")).meta("m")).await);
    }
    let http = node.http();
    let first = http.call("GET /objects?prefix=k/&limit=4").await.json();
    assert_eq!(first["objects"].as_array().unwrap().len(), 4);
    let line = &first["objects"][0];
    assert_eq!(
        (&line["key"], &line["type"], &line["metadata"]),
        (&json!("k/0"), &json!("storage"), &json!("m"))
    );
    assert_eq!(first["next"], "k/3");
    let rest = http.call("GET /objects?prefix=k/&limit=4&after=k/3").await.json();
    let keys: Vec<_> =
        rest["objects"].as_array().unwrap().iter().map(|o| o["key"].clone()).collect();
    assert_eq!((json!(keys), &rest["next"]), (json!(["k/4", "k/5", "k/6"]), &json!(null)));
}

#[tokio::test]
async fn a_foreign_writers_bytes_are_flagged() {
    let node = misbehaving().open().await;
    let _ = stored(node.ingest(arrival("k").order("serialize", "reverse")).await);
    let record = framedb_host::store::Record {
        key: framedb_tests::key("k"),
        data: "xyz".into(),
        expires_at: None,
    };
    let store = node.node().instances.get("disk").await.unwrap().objects.clone();
    store.put(&[record]).await.pop().unwrap().unwrap();
    let answer = node.http().call("GET /objects/k").await;
    assert_eq!((&*answer.body, answer.header("x-framedb-foreign")), (&b"xyz"[..], "true"));
    let request = framedb_tests::proto::edge::GetRequest { key: "k".into() };
    let found = node.edge().await.get(request).await.unwrap().into_inner();
    assert!(found.foreign && found.info.unwrap().codec.is_empty(), "no codec wrote these bytes");
}

#[tokio::test]
async fn operators_are_answered() {
    let node = TestNode::build().open().await;
    let _ = stored(node.ingest(arrival("k")).await);
    let http = node.http();
    for path in ["/healthz", "/readyz", "/version"] {
        let answer = http.call(&format!("GET {path}")).await;
        assert_eq!(answer.status.as_u16(), 200, "{path}");
        assert_eq!(answer.json()["success"], true, "{path}");
    }
    let health = http.call("GET /healthz").await.json();
    for instance in ["memory", "disk"] {
        assert_eq!(health["instances"][instance]["healthy"], true);
    }
    let version = http.call("GET /version").await.json();
    assert_eq!(version["contract"], "framedb:edge@0.1.0");
    let metrics = http.call("GET /metrics").await;
    let text = String::from_utf8(metrics.body.to_vec()).unwrap();
    assert!(
        text.contains("framedb_objects_total{pipeline=\"default\",outcome=\"stored\"} 1"),
        "{text}"
    );
    assert!(text.contains("framedb_stage_duration_seconds_bucket"), "{text}");
    let described = http.call("GET /openapi.json").await.json();
    assert!(described["openapi"].as_str().unwrap().starts_with("3."));
    for path in ["/objects/{key}", "/streams/{queue}", "/healthz", "/metrics"] {
        assert!(described["paths"].get(path).is_some(), "{path}");
    }
}
