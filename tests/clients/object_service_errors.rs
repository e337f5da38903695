//! `framedb.ObjectService`: what fails, and in which words. Never as a gRPC error.

use crate::object_service::{get, object, set, set_well};
use framedb_tests::{
    TestNode, misbehaving,
    proto::framedb::{GetObjectResponse, Object, SetObjectRequest, SetObjectResponse},
};
use std::time::Duration;

fn refused(key: &str, message: &str) -> SetObjectResponse {
    let message = format!("{message} (key={key})");
    SetObjectResponse { success: false, message, key: key.into() }
}

fn not_found(message: &str) -> GetObjectResponse {
    GetObjectResponse { found: false, object: None, message: message.into() }
}

#[tokio::test]
async fn an_unsupported_type_is_repeated() {
    let node = TestNode::build().open().await;
    let mut client = node.object_service().await;
    for kind in ["queue", "", "Storage", "in_memory"] {
        let answer = set(&mut client, object("k", "disk", kind, b"x")).await;
        assert_eq!(answer, refused("k", &format!("Unsupported type: {kind}")));
    }
    // The key is generated all the same.
    let answer = set(&mut client, object("", "disk", "queue", b"x")).await;
    assert_eq!(answer, refused(&answer.key, "Unsupported type: queue"));
    assert_eq!(answer.key.len(), 36);
}

#[tokio::test]
async fn an_unknown_instance_is_answered_with_those_there_are() {
    let node = TestNode::build().open().await;
    let mut client = node.object_service().await;
    let answer = set(&mut client, object("k", "redis-7", "in-memory", b"x")).await;
    let message = "FrameDB instance not found: no instance `redis-7` among `disk`, `memory`";
    assert_eq!(answer, refused("k", message));
}

#[tokio::test]
async fn an_instance_of_the_wrong_family_counts_as_not_found() {
    let node = TestNode::build().open().await;
    let mut client = node.object_service().await;
    let answer = set(&mut client, object("k", "disk", "in-memory", b"x")).await;
    let message = "FrameDB instance not found: `disk` keeps storage and stream, not in-memory";
    assert_eq!(answer, refused("k", message));
    let answer = set(&mut client, object("k", "memory", "storage", b"x")).await;
    assert!(answer.message.starts_with("FrameDB instance not found: `memory` keeps"));
}

#[tokio::test]
async fn an_illegal_key_is_refused_by_its_rule() {
    let node = TestNode::build().open().await;
    let mut client = node.object_service().await;
    let long = "x".repeat(256);
    let answer = set(&mut client, object(&long, "disk", "storage", b"x")).await;
    let message = "the key is 256 bytes long, more than the 255 a key may have";
    assert_eq!(answer, refused(&long, message));
    let answer = set(&mut client, object("a\u{1}b", "disk", "storage", b"x")).await;
    assert_eq!(answer, refused("a\u{1}b", "the key holds the control character '\\u{1}'"));
    // Reading one is as reading what was never stored.
    let answer = get(&mut client, "a#b").await;
    assert_eq!(answer, not_found("Object/stream 'a#b' not found in routing service"));
}

#[tokio::test]
async fn metadata_over_64_kib_is_refused() {
    let node = TestNode::build().open().await;
    let mut client = node.object_service().await;
    let metadata = "m".repeat(65_537);
    let answer = set(&mut client, Object { metadata, ..object("k", "disk", "storage", b"") }).await;
    let message = "65537 bytes of metadata, more than the 65536 an object may have";
    assert_eq!(answer, refused("k", message));
}

#[tokio::test]
async fn a_request_without_an_object_is_an_unsupported_type() {
    let node = TestNode::build().open().await;
    let mut client = node.object_service().await;
    let answer = client.set_object(SetObjectRequest { object: None }).await.unwrap().into_inner();
    assert_eq!(answer, refused(&answer.key, "Unsupported type: "));
}

#[tokio::test]
async fn what_was_never_stored_is_not_found() {
    let node = TestNode::build().open().await;
    let mut client = node.object_service().await;
    for key in ["nothing", "", "it's"] {
        let message = format!("Object/stream '{key}' not found in routing service");
        assert_eq!(get(&mut client, key).await, not_found(&message));
    }
}

#[tokio::test]
async fn an_object_over_4_mib_names_where_to_read_it() {
    let node = TestNode::build().open().await;
    let mut client = node.object_service().await;
    set_well(&mut client, object("cam 1?0", "disk", "storage", &vec![1; 4 << 20])).await;
    let message = "`cam 1?0` has 4194304 bytes, more than the 4 MiB that gRPC clients receive by \
                   default: use GET /objects/cam%201%3F0 over HTTP";
    assert_eq!(get(&mut client, "cam 1?0").await, not_found(message));
    // It can be read there.
    let answer = node.http().call("GET /objects/cam%201%3F0").await;
    assert_eq!((answer.status.as_u16(), answer.body.len()), (200, 4 << 20));
}

#[tokio::test]
async fn a_queue_element_over_4_mib_stays_in_its_queue() {
    let node = TestNode::build().open().await;
    let mut client = node.object_service().await;
    for framedb_id in ["memory", "disk"] {
        let queue = format!("q-{framedb_id}");
        set_well(&mut client, object(&queue, framedb_id, "stream", &vec![1; 5 << 20])).await;
        set_well(&mut client, object(&queue, framedb_id, "stream", b"second")).await;
        for _ in 0..2 {
            let answer = get(&mut client, &queue).await;
            assert!(!answer.found);
            let message = answer.message;
            let (encoded, start) = (
                queue.replace('-', "%2D"),
                format!("the oldest element of `{queue}` has 5242880 bytes"),
            );
            assert!(message.starts_with(&start), "{message}");
            let end = format!("use POST /streams/{encoded}/pop over HTTP");
            assert!(message.ends_with(&end), "{message}");
        }
        assert_eq!(node.queue_length(framedb_id, &queue).await, 2);
        let popped = node.http().call(&format!("POST /streams/{queue}/pop")).await;
        assert_eq!((popped.status.as_u16(), popped.body.len()), (200, 5 << 20));
        assert_eq!(get(&mut client, &queue).await.object.unwrap().data, "second");
    }
}

#[tokio::test]
async fn verdicts_of_plugins_read_as_old_clients_expect() {
    let node =
        misbehaving().config(|config| config.limits.deadline = Duration::from_secs(1)).open().await;
    let mut client = node.object_service().await;
    let with = |metadata: &str| Object {
        metadata: metadata.into(),
        ..object("k", "disk", "storage", b"abc")
    };
    let dropped = set(&mut client, with(r#"{"ingest":"drop"}"#)).await;
    let expected = SetObjectResponse {
        success: true,
        message: "Object dropped: told to drop (key=k)".into(),
        key: "k".into(),
    };
    assert_eq!(dropped, expected);
    assert!(!get(&mut client, "k").await.found);
    let rejected = set(&mut client, with(r#"{"resolve":"reject"}"#)).await;
    let message = "plugin `misbehave` refused the object in resolve: told to reject";
    assert_eq!(rejected, refused("k", message));
    let trapped = set(&mut client, with(r#"{"serialize":"trap"}"#)).await;
    assert!(!trapped.success);
    let start = "plugin `misbehave` failed in serialize: panicked: ";
    assert!(trapped.message.starts_with(start), "{}", trapped.message);
    assert!(trapped.message.ends_with(" (key=k)"), "{}", trapped.message);
    let exhausted = set(&mut client, with(r#"{"ingest":"retry"}"#)).await;
    assert!(!exhausted.success);
    assert!(exhausted.message.starts_with("ingest gave up after "), "{}", exhausted.message);
    let moved = set(&mut client, with(r#"{"resolve":"elsewhere","key":"there"}"#)).await;
    let message = "Object stored and routed successfully (key=there)";
    assert_eq!((&*moved.key, &*moved.message), ("there", message));
    let reversed = set(&mut client, with(r#"{"serialize":"reverse"}"#)).await;
    assert!(reversed.success);
    assert_eq!(get(&mut client, "k").await.object.unwrap().data, "abc");
}

#[tokio::test]
async fn an_object_that_cannot_be_decoded_says_why() {
    let node = misbehaving().open().await;
    let mut client = node.object_service().await;
    let key = "k.decode-reject";
    let metadata = r#"{"serialize":"reverse"}"#.into();
    set_well(&mut client, Object { metadata, ..object(key, "disk", "storage", b"abc") }).await;
    let answer = get(&mut client, key).await;
    let start = format!("Data read failed: cannot decode `{key}` with reverse/1 (sha256:");
    assert!(answer.message.starts_with(&start), "{}", answer.message);
    assert!(answer.message.ends_with("told to reject"), "{}", answer.message);
}

#[tokio::test]
async fn a_message_over_max_object_is_refused_without_ending_the_connection() {
    let node = TestNode::build()
        .config(|config| config.limits.max_object = bytesize::ByteSize::kib(64))
        .open()
        .await;
    let mut client = node.object_service().await;
    let answer = set(&mut client, object("k", "disk", "storage", &vec![0; 65_537])).await;
    let message = "65537 bytes exceeds max-object, 65536 bytes (limits.max-object)";
    assert_eq!(answer, refused("k", message));
    set_well(&mut client, object("k", "disk", "storage", &vec![0; 65_536])).await;
}
