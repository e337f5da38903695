//! The HTTP door: what fails is a JSON object with `success` and `error`, whatever the status.

use crate::server::RedisServer;
use bytesize::ByteSize;
use framedb_tests::{Answer, Describe, TestNode, arrival, misbehaving, stored};
use std::time::Duration;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

#[track_caller]
fn refused(answer: &Answer, status: u16, error: &str) {
    let body = answer.json();
    assert_eq!((answer.status.as_u16(), &body["success"]), (status, &false.into()), "{body}");
    let found = body["error"].as_str().unwrap();
    assert!(found.contains(error), "`{error}` is not in `{found}`");
}

#[tokio::test]
async fn requests_that_break_a_rule_are_refused_by_it() {
    let node = TestNode::build().open().await;
    let http = node.http();
    for (line, error) in [
        ("PUT /objects/a%23b", "the key holds `#`"),
        ("PUT /objects/a%0Ab", "the key holds the control character '\\n'"),
        ("PUT /objects/%FF", "the key is not UTF-8"),
        ("PUT /objects/a%2F..%2Fb", "the key has a `..` segment"),
        ("PUT /objects/a%252Fb", "the key holds `%2F`"),
        ("PUT /objects/cam%3F", "the key ends with `?`"),
        ("POST /streams/a%2525b", "the key holds `%25`"),
        ("GET /objects/a%00", "the key holds the control character '\\0'"),
        ("PUT /objects/k?type=queue", "unknown kind \"queue\": one of in-memory, storage, stream"),
        ("PUT /objects/k?framedbid=x", "framedbid"),
        ("PUT /objects/k?framedb_id=nowhere", "no instance `nowhere` among `disk`, `memory`"),
        (
            "PUT /objects/k?framedb_id=memory&type=storage",
            "`memory` keeps in-memory and stream, not storage",
        ),
        ("POST /streams/q?type=storage", "type=storage is not for a queue"),
        ("POST /streams/q/ack", "the query has no `token`"),
        ("POST /streams/q/lease?for=soon", "for=\"soon\" is not a length of a lease"),
        ("GET /objects?limit=0", "limit=0"),
    ] {
        refused(&http.send(line, &[], "x").await, 400, error);
    }
    let long = format!("PUT /objects/{}", "x".repeat(256));
    refused(&http.send(&long, &[], "x").await, 400, "the key is 256 bytes long");
    assert_eq!(node.node().registry.count().await.unwrap(), 0);
}

#[tokio::test]
async fn unknown_paths_and_methods_are_json_too() {
    let node = TestNode::build().open().await;
    let http = node.http();
    refused(&http.call("GET /nowhere").await, 404, "there is no path \"/nowhere\"");
    refused(&http.call("PATCH /objects/k").await, 405, "does not take PATCH");
    refused(&http.call("GET /admin/instances").await, 404, "there is no path");
}

#[tokio::test]
async fn reading_a_queue_by_key_is_a_conflict_that_names_pop() {
    let node = TestNode::build().open().await;
    let _ = stored(node.ingest(arrival("a b").kind(framedb_core::Kind::Stream)).await);
    let http = node.http();
    refused(&http.call("GET /objects/a%20b").await, 409, "POST /streams/a%20b/pop");
    assert_eq!(http.call("HEAD /objects/a%20b").await.status.as_u16(), 409);
    assert_eq!(node.drain_queue("a b").await.len(), 1, "nothing was taken out");
    let _ = stored(node.ingest(arrival("object")).await);
    refused(
        &http.call("POST /streams/object/pop").await,
        409,
        "`object` is an object, not a queue",
    );
}

#[tokio::test]
async fn metadata_over_its_limit_is_refused() {
    let node = TestNode::build().open().await;
    // Encoded metadata may be three times as long as what it says.
    let longest = "m".repeat(64 << 10);
    let http = node.http();
    let answer = http.send("PUT /objects/k", &[("x-framedb-metadata", &longest)], "x").await;
    assert_eq!(answer.status.as_u16(), 200, "{answer:?}");
    let over = longest + "m";
    let answer = http.send("PUT /objects/k", &[("x-framedb-metadata", &over)], "x").await;
    refused(&answer, 400, "65537 bytes of metadata, more than the 65536 an object may have");
}

#[tokio::test]
async fn a_body_over_max_object_is_refused_with_or_without_its_length() {
    let node = TestNode::build()
        .config(|config| config.limits.max_object = ByteSize::b(1000))
        .open()
        .await;
    let answer = node.http().send("PUT /objects/k", &[], vec![0; 1001]).await;
    refused(&answer, 413, "1001 bytes exceeds max-object, 1000 bytes (limits.max-object)");
    let chunk = format!("3e9\r\n{}\r\n0\r\n\r\n", "x".repeat(1001));
    let head = "PUT /objects/k HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n";
    let answer = raw(&node, &format!("{head}{chunk}")).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(answer.contains("exceeds max-object, 1000 bytes"), "{answer}");
    assert!(node.found("k").await.is_none());
}

#[tokio::test]
async fn a_body_that_ends_early_is_refused_and_takes_no_room() {
    let node = TestNode::build().open().await;
    let answer =
        raw(&node, "PUT /objects/k HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nabc").await;
    // A client that only closed its sending side is told.
    assert!(answer.is_empty() || answer.contains("the body ended after 3 of 10 bytes"), "{answer}");
    framedb_tests::eventually("the room is given back", async || {
        (node.ingress().admission().in_flight() == 0).then_some(())
    })
    .await;
    assert!(node.found("k").await.is_none());
}

/// Sends bytes, closes the sending side, and reads the answer.
async fn raw(node: &TestNode, request: &str) -> String {
    let mut stream = TcpStream::connect(node.http_address()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn verdicts_have_their_statuses() {
    let node =
        misbehaving().config(|config| config.limits.deadline = Duration::from_secs(1)).open().await;
    let http = node.http();
    let put = async |metadata: &str| {
        http.send("PUT /objects/k", &[("x-framedb-metadata", metadata)], "abc").await
    };
    let dropped = put(r#"{"ingest":"drop"}"#).await;
    let body = dropped.json();
    assert_eq!((dropped.status.as_u16(), &body["success"]), (200, &true.into()));
    assert_eq!((&body["outcome"], &body["reason"]), (&"dropped".into(), &"told to drop".into()));
    for (metadata, status, error) in [
        (r#"{"resolve":"reject"}"#, 422, "refused the object in resolve: told to reject"),
        (r#"{"serialize":"trap"}"#, 500, "plugin `misbehave` failed in serialize: panicked: "),
        (r#"{"ingest":"retry"}"#, 503, "ingest gave up after "),
        (r#"{"resolve":"unknown"}"#, 400, "FrameDB instance not found"),
    ] {
        let answer = put(metadata).await;
        refused(&answer, status, error);
        let stage = answer.json()["stage"].as_str().unwrap().to_owned();
        assert!(metadata.contains(&stage), "{stage}");
    }
    let later = put(r#"{"ingest":"retry","millis":5500}"#).await;
    assert_eq!((later.status.as_u16(), later.header("retry-after")), (503, "6"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_server_does_not_let_the_node_do_is_no_reason_to_try_again() {
    let server = RedisServer::start();
    let set = |rules: &str| {
        let words = format!("ACL SETUSER edge reset on >s3cret ~* +@all {rules}");
        assert_eq!(server.command(&words.split(' ').collect::<Vec<_>>()), "+OK");
    };
    set("+ping");
    let url = format!("redis://edge:s3cret@127.0.0.1:{}", server.port());
    let node = TestNode::build().instance("cache", &url).open().await;
    let http = node.http();
    let put = async || http.send("PUT /objects/k?framedb_id=cache", &[], "x").await;
    assert_eq!(put().await.status.as_u16(), 200);
    // Another client's list under the object's name is there, and is no object.
    assert_eq!(server.command(&["DEL", "k"]), ":1");
    assert_eq!(server.command(&["LPUSH", "k", "theirs"]), ":1");
    refused(&http.call("GET /objects/k").await, 409, "the key holds another type");
    set("-set -get");
    let answer = put().await;
    refused(&answer, 500, "its access list does not let the user run a command");
    assert_eq!(answer.json()["class"], "denied");
    assert_eq!(answer.header("retry-after"), "");
    assert_eq!(node.counted("framedb_retries_total", ""), 0);
    refused(&http.call("GET /objects/k").await, 500, "access list");
}
