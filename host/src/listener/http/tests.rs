//! The door as a client meets it, without a connection.

use super::*;
use crate::{Worker, pipeline::PipelineConfig};
use axum::{
    body::Body,
    http::{Request, Response, StatusCode},
};
use http_body_util::BodyExt;
use serde_json::Value;
use std::collections::BTreeSet;
use tower::ServiceExt;

/// A node without plugins, and its admin door.
async fn door() -> (Router, Worker, tempfile::TempDir) {
    let home = tempfile::tempdir().unwrap();
    let worker = Worker::builder()
        .data_dir(home.path())
        .without_network()
        .pipeline("default", PipelineConfig::default())
        .build()
        .await
        .unwrap();
    (admin_router(worker.node().clone(), None), worker, home)
}

async fn call(door: &Router, request: Request<Body>) -> Response<Body> {
    door.clone().oneshot(request).await.unwrap()
}

async fn send(door: &Router, method: &str, path: &str, body: &'static str) -> Response<Body> {
    call(door, Request::builder().method(method).uri(path).body(body.into()).unwrap()).await
}

async fn bytes(response: Response<Body>) -> bytes::Bytes {
    response.into_body().collect().await.unwrap().to_bytes()
}

async fn json(response: Response<Body>) -> Value {
    serde_json::from_slice(&bytes(response).await).unwrap()
}

#[tokio::test]
async fn the_description_names_every_route_and_no_other() {
    let (door, worker, _home) = door().await;
    let described: Value = serde_json::from_str(framedb_core::http::openapi::OPENAPI).unwrap();
    let described = described["paths"].as_object().unwrap();
    let actions = ["pop", "lease", "ack", "nack", "extend"];
    let actions: Vec<_> = actions
        .map(|action| format!("/streams/{{queue}}/{action}"))
        .into_iter()
        .chain(
            ["update", "add-copy", "remove-copy", "copy-exists/{framedb_id}"]
                .map(|action| format!("/framedb/objects/{{key}}/{action}")),
        )
        .chain(["/framedb/streams/{queue}/update".to_owned()])
        .chain(["instances", "persistent-instances"].into_iter().flat_map(|family| {
            let global = ["query", "cluster/{cluster_id}", "cluster/{cluster_id}/node/{node_id}"]
                .map(|action| format!("/global/framedb/{family}/{action}"));
            let update = format!("/framedb/{family}/{{id}}/update");
            global.into_iter().chain([update])
        }))
        .chain(["/framedb/instances/{id}/config".to_owned()])
        .collect();
    let routed: BTreeSet<String> = paths(worker.node())
        .into_iter()
        .map(|(path, _)| path.to_owned())
        .chain(actions.iter().cloned())
        .collect();
    assert_eq!(described.keys().cloned().collect::<BTreeSet<_>>(), routed);
    for (path, methods) in described {
        // The actions share the route of their key, which takes other methods too.
        if !actions.contains(path) {
            for method in ["get", "put", "post", "delete", "patch"] {
                let path = path.replace(['{', '}'], "");
                let answer = send(&door, &method.to_uppercase(), &path, "").await;
                let taken = answer.status() != StatusCode::METHOD_NOT_ALLOWED;
                assert_eq!(taken, methods.get(method).is_some(), "{method} {path}");
            }
        }
    }
}

#[tokio::test]
async fn an_object_comes_back_with_everything_that_was_said_of_it() {
    let (door, _worker, _home) = door().await;
    let request = Request::put("/objects/cam-1/frame%201?type=in-memory&framedb_id=memory")
        .header("content-type", "text/plain")
        .header("idempotency-key", "id-1")
        .header("x-framedb-metadata", "%7B%22a%22%3A%20%22%C3%BC%22%7D")
        .body("abc".into())
        .unwrap();
    let receipt = json(call(&door, request).await).await;
    assert_eq!(receipt["success"], true, "{receipt}");
    assert_eq!((&receipt["id"], &receipt["key"]), (&"id-1".into(), &"cam-1/frame 1".into()));
    assert_eq!((&receipt["framedb_id"], &receipt["type"]), (&"memory".into(), &"in-memory".into()));
    for method in ["GET", "HEAD"] {
        let answer = send(&door, method, "/objects/cam-1/frame%201", "").await;
        assert_eq!(answer.status(), StatusCode::OK);
        let headers = answer.headers();
        assert_eq!(headers["content-type"], "text/plain");
        assert_eq!(headers["content-length"], "3");
        assert_eq!(headers["x-framedb-id"], "memory");
        assert_eq!(headers["x-framedb-type"], "in-memory");
        assert_eq!(headers["x-framedb-metadata"], "{\"a\":%20\"%C3%BC\"}");
        let expected: &[u8] = if method == "GET" { b"abc" } else { b"" };
        assert_eq!(bytes(answer).await, expected);
    }
    let listed = json(send(&door, "GET", "/objects?prefix=cam-1/&limit=1", "").await).await;
    assert_eq!(listed["objects"][0]["key"], "cam-1/frame 1");
    assert_eq!(listed["next"], "cam-1/frame 1");
    let next = json(send(&door, "GET", "/objects?after=cam-1/frame%201", "").await).await;
    assert_eq!((&next["objects"], &next["next"]), (&serde_json::json!([]), &Value::Null));
    for (expected, method) in [(200, "DELETE"), (404, "DELETE"), (404, "GET")] {
        let answer = send(&door, method, "/objects/cam-1/frame%201", "").await;
        assert_eq!(answer.status(), expected);
        assert_eq!(json(answer).await["success"], expected == 200);
    }
}

#[tokio::test]
async fn a_part_of_an_object_can_be_read() {
    let (door, _worker, _home) = door().await;
    send(&door, "PUT", "/objects/k", "0123456789").await;
    let range = |range| Request::get("/objects/k").header("range", range).body(Body::empty());
    let answer = call(&door, range("bytes=2-4").unwrap()).await;
    assert_eq!(answer.status(), StatusCode::PARTIAL_CONTENT);
    assert_eq!(answer.headers()["content-range"], "bytes 2-4/10");
    assert_eq!(bytes(answer).await, "234");
    let answer = call(&door, range("bytes=10-").unwrap()).await;
    assert_eq!(answer.status(), StatusCode::RANGE_NOT_SATISFIABLE);
    assert_eq!(answer.headers()["content-range"], "bytes */10");
}

#[tokio::test]
async fn a_queue_is_leased_popped_and_never_read_by_key() {
    let (door, _worker, _home) = door().await;
    for element in ["a", "b"] {
        let receipt = json(send(&door, "POST", "/streams/in%2Fpop", element).await).await;
        assert_eq!((&receipt["success"], &receipt["type"]), (&true.into(), &"stream".into()));
    }
    let answer = send(&door, "GET", "/objects/in/pop", "").await;
    assert_eq!(answer.status(), StatusCode::CONFLICT);
    assert!(json(answer).await["error"].as_str().unwrap().contains("/streams/in/pop/pop"));
    let leased = send(&door, "POST", "/streams/in/pop/lease?for=1m", "").await;
    assert_eq!(leased.headers()["x-framedb-deliveries"], "1");
    let token = leased.headers()["x-framedb-token"].to_str().unwrap().to_owned();
    assert_eq!(bytes(leased).await, "a");
    let length = json(send(&door, "GET", "/streams/in%2Fpop", "").await).await;
    assert_eq!((&length["ready"], &length["leased"]), (&1.into(), &1.into()));
    let extend = format!("/streams/in/pop/extend?token={token}&for=2m");
    assert_eq!(send(&door, "POST", &extend, "").await.status(), StatusCode::OK);
    let nack = format!("/streams/in/pop/nack?token={token}");
    assert_eq!(send(&door, "POST", &nack, "").await.status(), StatusCode::OK);
    assert_eq!(send(&door, "POST", &nack, "").await.status(), StatusCode::CONFLICT);
    assert_eq!(bytes(send(&door, "POST", "/streams/in/pop/pop", "").await).await, "a");
    assert_eq!(bytes(send(&door, "POST", "/streams/in/pop/pop", "").await).await, "b");
    let empty = send(&door, "POST", "/streams/in/pop/pop", "").await;
    assert_eq!(empty.status(), StatusCode::NO_CONTENT);
    assert_eq!(send(&door, "DELETE", "/streams/in/pop", "").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn bad_input_is_refused_with_a_specific_message() {
    let (door, _worker, _home) = door().await;
    send(&door, "PUT", "/objects/object", "x").await;
    for (method, path, status, message) in [
        ("PUT", "/objects/a?type=queue", 400, "in-memory, storage, stream"),
        ("PUT", "/objects/a?framedb_id=nowhere", 400, "no instance `nowhere`"),
        ("PUT", "/objects/a?framedb_id=memory&type=storage", 400, "not storage"),
        ("PUT", "/objects/a?framedbid=memory", 400, "framedbid"),
        ("PUT", "/objects/a%23b", 400, "`#`"),
        ("PUT", "/objects/a%0Ab", 400, "control character"),
        ("PUT", "/objects/%FF", 400, "not UTF-8"),
        ("GET", "/objects/absent", 404, "no object `absent`"),
        ("GET", "/objects?limit=0", 400, "limit=0"),
        ("GET", "/objects?limit=many", 400, "limit"),
        ("GET", "/nowhere", 404, "no path \"/nowhere\""),
        ("PATCH", "/objects/a", 405, "does not take PATCH"),
        ("POST", "/streams/q?type=storage", 400, "not for a queue"),
        ("POST", "/streams/q/lease?for=soon", 400, "not a length of a lease"),
        ("POST", "/streams/q/ack", 400, "`token`"),
        ("POST", "/streams/q/ack?token=x", 409, "has ended"),
        ("POST", "/streams/object/pop", 409, "is an object"),
        ("DELETE", "/streams/object", 409, "is an object"),
        ("DELETE", "/streams/q", 404, "no queue `q`"),
        ("DELETE", "/admin/codecs/sha256:0", 404, "is kept"),
    ] {
        let answer = send(&door, method, path, "x").await;
        assert_eq!(answer.status(), status, "{method} {path}");
        let body = json(answer).await;
        assert_eq!(body["success"], false, "{method} {path}");
        let error = body["error"].as_str().unwrap();
        assert!(error.contains(message), "{method} {path}: {error}");
    }
}

#[tokio::test]
async fn a_large_or_untimely_object_is_refused_before_it_is_read() {
    let (door, worker, _home) = door().await;
    let declared = |length: u64| {
        let never = futures::stream::pending::<Result<bytes::Bytes, std::io::Error>>();
        let request = Request::put("/objects/a").header("content-length", length);
        request.body(Body::from_stream(never)).unwrap()
    };
    let answer = call(&door, declared((64 << 20) + 1)).await;
    assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE);
    let body = json(answer).await;
    assert_eq!((&body["class"], &body["key"]), (&"too-large".into(), &"a".into()));
    let admission = worker.ingress().admission();
    let held: Vec<_> = (0..3).map(|_| admission.try_admit(64 << 20).unwrap()).collect();
    let answer = call(&door, declared(64 << 20)).await;
    assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(answer.headers()["retry-after"], "1");
    assert_eq!(json(answer).await["class"], "busy");
    drop(held);
}

#[tokio::test]
async fn health_metrics_and_the_commands_views_answer() {
    let (door, worker, _home) = door().await;
    assert_eq!(send(&door, "GET", "/readyz", "").await.status(), 503);
    worker.node().set_ready(true);
    assert_eq!(send(&door, "GET", "/readyz", "").await.status(), 200);
    let health = json(send(&door, "GET", "/healthz", "").await).await;
    assert_eq!(health["instances"]["disk"]["healthy"], true, "{health}");
    let metrics = bytes(send(&door, "GET", "/metrics", "").await).await;
    assert!(String::from_utf8_lossy(&metrics).contains("framedb_in_flight_bytes 0"));
    let instances = json(send(&door, "GET", "/admin/instances", "").await).await;
    assert_eq!(instances["instances"].as_array().unwrap().len(), 2);
    for path in ["/admin/node", "/admin/plugins", "/admin/codecs", "/version", "/openapi.json"] {
        assert_eq!(send(&door, "GET", path, "").await.status(), 200, "{path}");
    }
    let guarded = admin_router(worker.node().clone(), Some("secret"));
    for (token, status) in [("Bearer secret", 200), ("Bearer other", 401)] {
        let request = Request::get("/version").header("authorization", token);
        let answer = call(&guarded, request.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status(), status);
    }
}
