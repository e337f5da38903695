//! A node over the existing routing and config services, as far as their odd answers are known
//! (contract sections 4, 5.1 and 10).

use crate::{
    http_registry::at,
    object_service::{get, object, set, set_well},
    routing_objects::{call, data},
    server::RedisServer,
    stub::Stub,
};
use framedb_tests::within;
use serde_json::{Map, Value, json};
use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex},
};

/// What the existing services would say. Objects are by `_id`.
#[derive(Default)]
struct Reference {
    objects: Mutex<HashMap<String, Map<String, Value>>>,
    instances: HashMap<&'static str, String>,
}

fn failed(status: u16, error: &str) -> (u16, Value) {
    (status, json!({ "success": false, "error": error }))
}

/// D11: no cluster. D12: no scheme.
fn record(framedb_id: &str, address: &str) -> Value {
    json!({
        "framedb_id": framedb_id, "node_id": "n", "port": 30700, "metadata": {},
        "public_url": address, "status": "Running",
        "local_url": format!("redis://{framedb_id}.framedb.svc.cluster.local:6379"),
    })
}

impl Reference {
    fn answer(&self, line: &str, body: &Value) -> (u16, Value) {
        let (method, path) = line.split_once(' ').unwrap();
        let segments: Vec<&str> = path.trim_matches('/').split('/').collect();
        let absent = || failed(404, "No document found");
        match (method, segments.as_slice()) {
            // D3.
            (_, ["framedb", "streams", ..]) => failed(500, "missing 1 required argument: 'cls'"),
            (_, ["framedb", "objects", rest @ ..]) => self.object(method, rest, body),
            ("GET", ["global", "framedb", "instances", id]) => match self.instances.get(id) {
                Some(address) => (200, json!({ "success": true, "data": record(id, address) })),
                None => absent(),
            },
            ("POST", ["global", "framedb", family, "query"]) => {
                let mut listed: Vec<_> =
                    self.instances.iter().map(|(id, address)| record(id, address)).collect();
                if *family != "instances" {
                    // D12: two ports.
                    listed = vec![record("odd", "http://h:1:2")];
                }
                (200, json!({ "success": true, "data": listed }))
            }
            _ => absent(),
        }
    }

    fn object(&self, method: &str, rest: &[&str], body: &Value) -> (u16, Value) {
        let mut objects = self.objects.lock().unwrap();
        let fields = || body.as_object().unwrap().clone();
        match (method, rest) {
            ("POST", []) => {
                // D2: the id is read from `_id`. D4: nothing is ever replaced. D1: 201.
                let id = body["_id"].as_str().unwrap_or_default().to_owned();
                if objects.contains_key(&id) {
                    return failed(400, "E11000 duplicate key error collection: framedb.objects");
                }
                objects.insert(id.clone(), fields());
                (201, json!({ "success": true, "message": "Object inserted", "id": id }))
            }
            ("POST", [id, "update"]) => {
                let object = objects.entry((*id).to_owned()).or_default();
                let before = object.clone();
                object.extend(fields());
                match *object == before {
                    true => failed(400, "No document found to update"),
                    false => (200, json!({ "success": true, "message": "Fields updated" })),
                }
            }
            ("POST", [_, "remove-copy"]) => failed(404, "Copy not found"),
            // Entries without any id.
            ("GET", []) => {
                let mut listed: Vec<_> = objects.values().cloned().collect();
                for fields in &mut listed {
                    fields.retain(|name, _| name != "_id" && name != "object_id");
                }
                (200, json!({ "success": true, "data": listed }))
            }
            ("GET", [id]) => match objects.get(*id) {
                Some(object) => (200, json!({ "success": true, "data": object })),
                None => failed(404, "No document found"),
            },
            ("DELETE", [id]) => match objects.remove(*id) {
                Some(_) => (200, json!({ "success": true, "message": "Object deleted" })),
                None => failed(404, "No document found to delete"),
            },
            _ => failed(404, "No document found"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_are_stored_and_refused_queues_reported() {
    let (first, second) = (RedisServer::start(), RedisServer::start());
    let address = |server: &RedisServer| format!("127.0.0.1:{}", server.port());
    let reference = Arc::new(Reference {
        instances: [("first", address(&first)), ("second", address(&second))].into(),
        ..Reference::default()
    });
    let stub = Stub::start(move |line, body| {
        let (status, answer) = reference.answer(line, body);
        (status, answer.to_string())
    })
    .await;
    let node = at(stub.url()).open().await;
    let mut grpc = node.object_service().await;
    // The same again changes nothing, which the services call an error.
    for (framedb_id, bytes) in
        [("first", "one"), ("first", "longer"), ("first", "longer"), ("second", "longer")]
    {
        let mut sent = object("k", framedb_id, "in-memory", bytes.as_bytes());
        sent.metadata = "{'a': 1}".into();
        set_well(&mut grpc, sent.clone()).await;
        assert_eq!(get(&mut grpc, "k").await.object.unwrap(), sent);
    }
    assert_eq!(first.command(&["EXISTS", "k"]), ":0", "it has moved");
    assert_eq!(second.command(&["GET", "k"]), "$6\r\nlonger");
    let sent = stub.asked("POST /framedb/objects");
    assert_eq!((sent.len(), &sent[0]["object_id"], &sent[0]["_id"]), (4, &json!("k"), &json!("k")));
    assert_eq!(stub.asked("POST /framedb/objects/k/update").len(), 3);
    // D3: a queue cannot be registered there, so nothing is pushed, and the sender is told.
    let pushed = within("an answer", set(&mut grpc, object("q", "first", "stream", b"x"))).await;
    assert!(!pushed.success);
    assert!(pushed.message.contains("missing 1 required argument"), "{}", pushed.message);
    assert_eq!(first.command(&["EXISTS", "q"]), ":0", "no orphan");
    let answer = get(&mut grpc, "q").await;
    assert_eq!(answer.message, "Object/stream 'q' not found in routing service");
    // Their lists name no keys.
    let (status, body) = call(&node.http(), "GET /objects").await;
    assert_eq!(status, 503, "{body}");
    assert!(body["error"].as_str().unwrap().contains("names no keys"), "{body}");
    // An instance that nobody can use hides no other.
    let listed = data(&node.http(), "/framedb/instances").await;
    let urls: BTreeSet<_> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|found| found["public_url"].clone().to_string())
        .collect();
    let expected = [&first, &second].map(|server| format!("\"{}\"", server.url()));
    assert_eq!(urls, expected.into());
    assert_eq!(data(&node.http(), "/framedb/persistent-instances").await, json!([]));
    assert_eq!(node.http().call("DELETE /objects/k").await.status, 200);
    assert!(!get(&mut grpc, "k").await.found);
    assert_eq!(second.command(&["EXISTS", "k"]), ":0");
}
