//! The worker's doors: the paths and answers of the node's.

use crate::worker::{bare, call, misbehaving, send, worker};
use framedb_core::Stage;
use framedb_tests::{
    TestNode, TestSpin, fixture_path, proto::framedb as pb, servers::redis::RedisServer, within,
};
use http::uri::PathAndQuery;
use serde_json::{Value, json};
use tonic::transport::Channel;
use tonic_prost::ProstCodec;

/// Metadata as the header carries it.
fn orders(json: &str) -> [(&'static str, String); 1] {
    [("x-framedb-metadata", json.replace(' ', "%20"))]
}

#[tokio::test]
async fn an_object_is_put_read_looked_at_and_deleted() {
    let spin = worker().start().await;
    let headers =
        [("content-type", "image/x-mine"), ("x-framedb-metadata", "{\"a\":%20\"%C3%BC\"}")];
    let answer =
        send(&spin, "PUT /objects/cam-1/frame-1?framedb_id=memory", &headers, "payload").await;
    assert_eq!(answer.status.as_u16(), 200, "{answer:?}");
    let receipt = answer.json();
    assert_eq!((&receipt["success"], &receipt["outcome"]), (&json!(true), &json!("stored")));
    assert_eq!(
        (&receipt["key"], &receipt["framedb_id"]),
        (&json!("cam-1/frame-1"), &json!("memory"))
    );
    assert_eq!((&receipt["type"], &receipt["size"]), (&json!("in-memory"), &json!(7)));
    assert!(receipt["times"]["ingest"].is_u64(), "{receipt}");
    for line in ["GET /objects/cam-1/frame-1", "HEAD /objects/cam-1/frame-1"] {
        let answer = call(&spin, line).await;
        assert_eq!(answer.status.as_u16(), 200, "{line} {answer:?}");
        assert_eq!(answer.body, if line.starts_with('G') { "payload" } else { "" });
        assert_eq!(answer.header("content-length"), "7", "{line}");
        assert_eq!(answer.header("content-type"), "image/x-mine");
        assert_eq!(answer.header("x-framedb-metadata"), "{\"a\":%20\"%C3%BC\"}");
        assert_eq!(answer.header("x-framedb-id"), "memory");
        assert_eq!(answer.header("x-framedb-type"), "in-memory");
    }
    let part = send(&spin, "GET /objects/cam-1/frame-1", &[("range", "bytes=0-2")], "").await;
    assert_eq!((part.status.as_u16(), &*part.body), (206, &b"pay"[..]));
    let answer = call(&spin, "DELETE /objects/cam-1/frame-1").await;
    assert_eq!(answer.json(), json!({ "success": true, "key": "cam-1/frame-1" }));
    for line in ["GET /objects/cam-1/frame-1", "DELETE /objects/cam-1/frame-1"] {
        let answer = call(&spin, line).await;
        assert_eq!(answer.status.as_u16(), 404, "{line}");
        assert_eq!(answer.json()["error"], "there is no object `cam-1/frame-1`");
    }
}

#[tokio::test]
async fn objects_are_listed_a_page_at_a_time() {
    let spin = worker().start().await;
    for key in ["a", "b%2Fc", "b%2Fd"] {
        assert_eq!(send(&spin, &format!("PUT /objects/{key}"), &[], "x").await.status, 200);
    }
    let page = call(&spin, "GET /objects?prefix=b/&limit=1").await.json();
    assert_eq!((&page["objects"][0]["key"], &page["next"]), (&json!("b/c"), &json!("b/c")));
    let page = call(&spin, "GET /objects?prefix=b/&limit=10&after=b/c").await.json();
    assert_eq!((&page["objects"][0]["key"], &page["next"]), (&json!("b/d"), &Value::Null));
}

#[tokio::test]
async fn what_is_wrong_with_a_request_is_said_as_the_node_says_it() {
    let spin = worker().variable("max_object", "8").start().await;
    let node = TestNode::build().open().await;
    for line in [
        "PUT /objects/a?framedbid=memory",
        "PUT /objects/a?type=queue",
        "PUT /objects/a%23b",
        "PUT /objects/a?framedb_id=nowhere",
        "GET /objects/absent",
        "GET /objects?limit=0",
        "DELETE /streams/absent",
        "POST /streams/q/ack",
        "POST /streams/q/lease?for=never",
        "GET /framedb/objects/absent",
        "GET /nothing",
        "PATCH /objects/a",
    ] {
        let (here, there) = (call(&spin, line).await, within(line, node.http().call(line)).await);
        assert_eq!(here.status, there.status, "{line} {here:?}");
        let said = |answer: Value| {
            let mut said = answer;
            // A generated id, and the time that was spent.
            for name in ["id", "times"] {
                said.as_object_mut().unwrap().remove(name);
            }
            said
        };
        assert_eq!(said(here.json()), said(there.json()), "{line}");
    }
    let large = send(&spin, "PUT /objects/a", &[], "123456789").await;
    assert_eq!(large.status.as_u16(), 413);
    let error = large.json()["error"].to_string();
    assert!(error.contains("max_object"), "{error}");
}

#[tokio::test]
async fn the_worker_describes_what_it_takes_of_the_nodes_paths() {
    let spin = worker().start().await;
    let node = TestNode::build().open().await;
    let described = call(&spin, "GET /openapi.json").await.json();
    let whole = node.http().call("GET /openapi.json").await.json();
    let paths = described["paths"].as_object().unwrap();
    assert!(paths.contains_key("/objects/{key}"));
    for (path, methods) in paths {
        for (method, said) in methods.as_object().unwrap() {
            assert_eq!(*said, whole["paths"][path][method], "{method} {path}");
            if ["get", "put", "post", "delete"].contains(&method.as_str()) {
                let path = path.replace(['{', '}'], "");
                let answer = call(&spin, &format!("{} {path}", method.to_uppercase())).await;
                assert_ne!(answer.status.as_u16(), 405, "{method} {path}");
            }
        }
    }
    for line in ["GET /healthz", "GET /readyz", "GET /version", "GET /health/ping"] {
        assert_eq!(call(&spin, line).await.status.as_u16(), 200, "{line}");
    }
}

#[tokio::test]
async fn a_queue_is_pushed_to_leased_from_and_measured() {
    let redis = RedisServer::start();
    let url = redis.url();
    let spin = worker()
        .variable("instances", "memory,disk")
        .variable("instance_memory", &url)
        .variable("allowed_hosts", &url)
        .host(&url)
        .start()
        .await;
    for body in ["one", "two"] {
        let receipt = send(&spin, "POST /streams/cams/q", &[], body).await.json();
        assert_eq!((&receipt["outcome"], &receipt["type"]), (&json!("stored"), &json!("stream")));
    }
    let length = call(&spin, "GET /streams/cams/q").await.json();
    assert_eq!((&length["ready"], &length["leased"]), (&json!(2), &json!(0)));
    let leased = call(&spin, "POST /streams/cams/q/lease?for=1m").await;
    assert_eq!((leased.status.as_u16(), &*leased.body), (200, &b"one"[..]));
    assert_eq!(leased.header("x-framedb-deliveries"), "1");
    let token = leased.header("x-framedb-token").to_owned();
    let extended = call(&spin, &format!("POST /streams/cams/q/extend?token={token}&for=2m")).await;
    assert_eq!(extended.json()["success"], true);
    let back = call(&spin, &format!("POST /streams/cams/q/nack?token={token}")).await;
    assert_eq!(back.json(), json!({ "success": true, "queue": "cams/q" }));
    let popped = call(&spin, "POST /streams/cams/q/pop").await;
    assert_eq!((&*popped.body, popped.header("x-framedb-deliveries")), (&b"one"[..], "2"));
    let leased = call(&spin, "POST /streams/cams/q/lease").await;
    let token = leased.header("x-framedb-token").to_owned();
    let acked = call(&spin, &format!("POST /streams/cams/q/ack?token={token}")).await;
    assert_eq!(acked.status.as_u16(), 200);
    let late = call(&spin, &format!("POST /streams/cams/q/ack?token={token}")).await;
    assert_eq!(late.status.as_u16(), 409);
    assert_eq!(call(&spin, "POST /streams/cams/q/pop").await.status.as_u16(), 204);
    let wrong = call(&spin, "GET /objects/cams/q").await;
    assert_eq!(wrong.status.as_u16(), 409);
    assert!(wrong.json()["error"].as_str().unwrap().contains("/streams/cams/q/pop"));
    assert_eq!(call(&spin, "DELETE /streams/cams/q").await.status.as_u16(), 200);
}

#[tokio::test]
async fn a_queue_without_a_redis_is_not_offered_and_names_the_variable() {
    let spin = worker().start().await;
    let answer = send(&spin, "POST /streams/q", &[], "x").await;
    assert_eq!(answer.status.as_u16(), 501, "{answer:?}");
    let error = answer.json()["error"].to_string();
    assert!(error.contains("instance_memory"), "{error}");
}

#[tokio::test]
async fn existing_clients_speak_grpc_on_the_same_port() {
    let spin = worker().start().await;
    let mut client = pb::object_service_client::ObjectServiceClient::new(channel(&spin).await);
    let object = pb::Object {
        key: " k ".into(),
        framedb_id: "memory".into(),
        data: "data".into(),
        metadata: "{'a': None}".into(),
        r#type: "in-memory".into(),
    };
    let request = pb::SetObjectRequest { object: Some(object.clone()) };
    let set = within("a set", client.set_object(request)).await.unwrap().into_inner();
    assert!(set.success, "{}", set.message);
    assert_eq!(set.message, "Object stored and routed successfully (key=k)");
    assert_eq!(set.key, "k");
    let get = async |key: &str| {
        let request = pb::GetObjectRequest { key: key.into() };
        client.clone().get_object(request).await.unwrap().into_inner()
    };
    let got = get("k").await;
    assert_eq!((got.found, &*got.message), (true, "Object retrieved successfully"));
    let found = got.object.unwrap();
    assert_eq!((found.data, found.metadata), (object.data.clone(), object.metadata.clone()));
    assert_eq!(get("x").await.message, "Object/stream 'x' not found in routing service");
    let odd = pb::Object { r#type: "queue".into(), ..object };
    let request = pb::SetObjectRequest { object: Some(odd) };
    let refused = client.set_object(request).await.unwrap().into_inner();
    assert_eq!(refused.message, "Unsupported type: queue (key=k)");
}

/// A channel to a worker.
async fn channel(spin: &TestSpin) -> Channel {
    let channel = Channel::from_shared(format!("http://{}", spin.address())).unwrap();
    channel.connect().await.unwrap()
}

#[tokio::test]
async fn a_failed_call_has_the_status_that_a_node_gives_it() {
    let spin = worker().start().await;
    let node = TestNode::build().open().await;
    for channel in [channel(&spin).await, node.channel().await] {
        let mut grpc = tonic::client::Grpc::new(channel);
        grpc.ready().await.unwrap();
        let codec: ProstCodec<pb::GetObjectRequest, pb::GetObjectResponse> = ProstCodec::default();
        let path = PathAndQuery::from_static("/framedb.ObjectService/Nothing");
        let request = tonic::Request::new(pb::GetObjectRequest::default());
        let status = grpc.unary(request, path, codec).await.unwrap_err();
        assert_eq!(status.code(), tonic::Code::Unimplemented, "{status:?}");
    }
}

#[tokio::test]
async fn existing_clients_read_what_failed_in_a_message() {
    let request = |size| {
        let kind = "in-memory".to_owned();
        let object =
            pb::Object { data: vec![1; size].into(), r#type: kind, ..pb::Object::default() };
        pb::SetObjectRequest { object: Some(object) }
    };
    let spin = worker().variable("max_object", "1000000").start().await;
    let mut client = pb::object_service_client::ObjectServiceClient::new(channel(&spin).await);
    let large = within("a set", client.set_object(request(5_000_000))).await.unwrap().into_inner();
    assert!(!large.success && large.message.contains("max_object"), "{}", large.message);
    let next = within("a set", client.set_object(request(1000))).await.unwrap().into_inner();
    assert!(next.success, "{}", next.message);
    // A worker that cannot be used at all says so as well.
    let spin = worker().variable("max_object", "many").start().await;
    let mut client = pb::object_service_client::ObjectServiceClient::new(channel(&spin).await);
    let refused = within("a set", client.set_object(request(1))).await.unwrap().into_inner();
    assert!(!refused.success && refused.message.contains("`max_object`"), "{}", refused.message);
    let get = pb::GetObjectRequest { key: "k".into() };
    let refused = within("a get", client.get_object(get)).await.unwrap().into_inner();
    assert!(!refused.found && refused.message.contains("`max_object`"), "{}", refused.message);
}

#[tokio::test]
async fn paths_say_which_methods_they_take() {
    let spin = worker().start().await;
    assert_eq!(call(&spin, "HEAD /objects").await.status, 200);
    let refused = call(&spin, "PATCH /objects/a").await;
    assert_eq!((refused.status.as_u16(), refused.header("allow")), (405, "GET,HEAD,PUT,DELETE"));
}

#[tokio::test]
async fn old_clients_find_where_an_object_is() {
    let spin = worker().start().await;
    let headers = [("x-framedb-metadata", "{\"tags\":[\"a\"]}")];
    let path = "PUT /objects/cam%3F1%3F0__5?framedb_id=memory";
    assert_eq!(send(&spin, path, &headers, "x").await.status.as_u16(), 200);
    let found = call(&spin, "GET /framedb/objects/cam?1?0__5").await.json();
    assert_eq!(found["data"]["object_id"], "cam?1?0__5");
    assert_eq!(
        (&found["data"]["framedb_id"], &found["data"]["framedb_type"], &found["data"]["size"]),
        (&json!("memory"), &json!("in-memory"), &json!(1))
    );
    let filter = "{\"metadata.tags\":\"a\",\"framedb_type\":\"memory\"}";
    let list = send(&spin, "GET /framedb/objects", &[], filter).await.json();
    assert_eq!(list["data"].as_array().unwrap().len(), 1, "{list}");
    let absent = call(&spin, "GET /framedb/streams/cam?1?0__5").await;
    assert_eq!(absent.json()["error"], "No document found");
}

#[tokio::test]
async fn a_plugin_that_asks_for_time_is_asked_again_until_the_deadline() {
    let spin = misbehaving().variable("deadline_seconds", "1").start().await;
    let put = async |order: &str| {
        let headers = orders(order);
        let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
        send(&spin, "PUT /objects/k", &headers, "x").await
    };
    assert_eq!(put(r#"{"ingest":"retry-twice"}"#).await.json()["outcome"], "stored");
    let gave_up = put(r#"{"resolve":"retry"}"#).await;
    assert_eq!(gave_up.status.as_u16(), 503);
    assert!(gave_up.headers.contains_key("retry-after"), "{gave_up:?}");
    let error = gave_up.json()["error"].to_string();
    assert!(error.contains("resolve gave up after") && error.contains("told to retry"), "{error}");
}

#[tokio::test]
async fn a_plugin_that_refuses_its_settings_is_said_so_with_its_reason() {
    let spin = bare()
        .stage_file(Stage::Ingest, &fixture_path("bad-settings"))
        .stage(Stage::Resolve, "resolve-rules")
        .stage(Stage::Serialize, "serialize-raw")
        .start()
        .await;
    let answer = send(&spin, "PUT /objects/k", &[], "x").await;
    assert_eq!(answer.status.as_u16(), 500);
    let error = answer.json()["error"].to_string();
    assert!(error.contains("the plugin of ingest cannot be used"), "{error}");
    assert!(error.contains("strict_level"), "{error}");
    assert_eq!(call(&spin, "GET /readyz").await.status.as_u16(), 503);
}

#[tokio::test]
async fn a_plugin_that_miscounts_is_named() {
    let spin = misbehaving().start().await;
    let short = [("x-framedb-metadata", "{\"ingest\":\"short\"}")];
    let answer = send(&spin, "PUT /objects/k", &short, "x").await.json();
    assert_eq!((&answer["class"], &answer["stage"]), (&json!("trap"), &json!("ingest")));
    assert_eq!(
        answer["error"],
        "plugin `misbehave` failed in ingest: it answered 0 verdicts for 1 objects"
    );
}

#[tokio::test]
async fn a_plugin_that_traps_costs_its_request_and_the_next_one_works() {
    let spin = misbehaving().start().await;
    let trap = [("x-framedb-metadata", "{\"serialize\":\"trap\"}")];
    assert_eq!(send(&spin, "PUT /objects/k", &trap, "x").await.status.as_u16(), 500);
    assert_eq!(send(&spin, "PUT /objects/k", &[], "x").await.status.as_u16(), 200);
}
