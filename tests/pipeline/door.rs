//! The rules of every door: what is refused before any plugin sees it.

use bytesize::ByteSize;
use framedb_core::{Failure, FailureClass, Kind, Stage};
use framedb_tests::{Describe, TestNode, arrival, failure, key, stored};

#[track_caller]
fn invalid(failure: &Failure, stage: Stage, message: &str) {
    assert_eq!((failure.class, failure.stage), (FailureClass::Invalid, stage), "{failure:?}");
    assert_eq!(failure.message, message);
}

#[tokio::test]
async fn keys_that_break_a_rule_are_refused_by_that_rule() {
    let node = TestNode::build().start().await;
    let long = "x".repeat(256);
    let cases: [(&[u8], &str); 7] = [
        (long.as_bytes(), "the key is 256 bytes long, more than the 255 a key may have"),
        (b"a\xff", "the key is not UTF-8"),
        (b"a\nb", "the key holds the control character '\\n'"),
        (b"a\x7f", "the key holds the control character '\\u{7f}'"),
        (b"a#b", "the key holds `#`: clients paste keys into URLs, where it ends the path"),
        (
            b"a/../b",
            "the key has a `..` segment: clients paste keys into URLs, where it is collapsed",
        ),
        (
            b"./a?q",
            "the key has a `.` segment: clients paste keys into URLs, where it is collapsed",
        ),
    ];
    for (name, message) in cases {
        let mut object = arrival("");
        object.key = bytes::Bytes::copy_from_slice(name);
        for kind in [Kind::InMemory, Kind::Storage, Kind::Stream] {
            let failure = failure(node.ingest(object.clone().kind(kind)).await);
            invalid(&failure, Stage::Admission, message);
        }
    }
    assert_eq!(node.node().registry.count().await.unwrap(), 0);
}

#[tokio::test]
async fn unusual_keys_that_break_no_rule_are_kept() {
    let node = TestNode::build().start().await;
    let longest = "ü".repeat(127) + "x";
    for name in ["a b", " a ", "ü", "5%off", "a//b", "..a", "cam?1?0__5", "/", longest.as_str()] {
        assert_eq!(&*stored(node.ingest(arrival(name)).await).key, name);
        assert_eq!(node.get(name).await, format!("payload of {name}"));
    }
}

#[tokio::test]
async fn an_object_without_a_key_gets_one_and_without_an_id_too() {
    let node = TestNode::build().start().await;
    let receipt = stored(node.ingest(arrival("").data("x")).await);
    assert_eq!((receipt.key.len(), receipt.id.len()), (36, 36));
    assert_eq!(node.get(&receipt.key).await, "x");
}

#[tokio::test]
async fn metadata_of_64_kib_is_kept_and_one_byte_more_is_refused() {
    let node = TestNode::build().start().await;
    let longest = "é".repeat(32 << 10);
    let _ = stored(node.ingest(arrival("a").meta(longest.clone())).await);
    assert_eq!(*node.found("a").await.unwrap().route.metadata, *longest);
    let refused = failure(node.ingest(arrival("b").meta(longest + "x")).await);
    let message = "65537 bytes of metadata, more than the 65536 an object may have";
    invalid(&refused, Stage::Admission, message);
    let refused = failure(node.ingest(arrival("b").meta(&b"\xff"[..])).await);
    invalid(&refused, Stage::Admission, "the metadata is not UTF-8");
}

#[tokio::test]
async fn a_payload_over_max_object_names_the_setting() {
    let node = TestNode::build()
        .config(|config| config.limits.max_object = ByteSize::b(1000))
        .start()
        .await;
    let _ = stored(node.ingest(arrival("a").data(vec![0; 1000])).await);
    let failure = failure(node.ingest(arrival("b").data(vec![0; 1001])).await);
    assert_eq!((failure.class, failure.stage), (FailureClass::TooLarge, Stage::Admission));
    assert_eq!(failure.message, "1001 bytes exceeds max-object, 1000 bytes (limits.max-object)");
}

#[tokio::test]
async fn an_unknown_instance_is_answered_with_those_there_are() {
    let node = TestNode::build().instance("second", "memory:").start().await;
    let refused = failure(node.ingest(arrival("a").to("secnd")).await);
    let message =
        "FrameDB instance not found: no instance `secnd` among `disk`, `memory`, `second`";
    invalid(&refused, Stage::Resolve, message);
}

#[tokio::test]
async fn an_instance_of_the_wrong_family_is_refused_with_what_it_keeps() {
    let node = TestNode::build().start().await;
    let refused = failure(node.ingest(arrival("a").to("memory").kind(Kind::Storage)).await);
    let message = "FrameDB instance not found: `memory` keeps in-memory and stream, not storage";
    invalid(&refused, Stage::Resolve, message);
    let refused = failure(node.ingest(arrival("a").to("disk").kind(Kind::InMemory)).await);
    let message = "FrameDB instance not found: `disk` keeps storage and stream, not in-memory";
    invalid(&refused, Stage::Resolve, message);
}

#[tokio::test]
async fn an_instance_without_a_kind_means_the_kind_it_keeps() {
    let node = TestNode::build().start().await;
    for (instance, kind) in [("memory", Kind::InMemory), ("disk", Kind::Storage)] {
        let receipt = stored(node.ingest(arrival(instance).to(instance)).await);
        assert_eq!(receipt.kind, Some(kind));
    }
}

#[tokio::test]
async fn names_that_are_too_long_or_hold_control_characters_are_refused() {
    let node = TestNode::build().start().await;
    let long = "x".repeat(256);
    for (what, object) in [
        ("id", arrival("a").id(&long)),
        ("source", arrival("a").source("a\nb")),
        ("framedb id", arrival("a").to(&long)),
        ("content type", arrival("a").content_type("text/\0")),
    ] {
        let message =
            format!("the {what} is not a text of at most 255 bytes without control characters");
        invalid(&failure(node.ingest(object).await), Stage::Admission, &message);
    }
}

#[tokio::test]
async fn content_types_that_libraries_send_by_themselves_count_as_undeclared() {
    let node = TestNode::build().start().await;
    for (declared, kept) in [
        ("application/octet-stream", None),
        ("application/x-www-form-urlencoded; charset=utf-8", None),
        ("", None),
        ("image/jpeg", Some("image/jpeg")),
    ] {
        let _ = stored(node.ingest(arrival("a").content_type(declared)).await);
        let route = node.reader().route(&key("a")).await.unwrap().unwrap();
        assert_eq!(route.content_type.as_deref(), kept, "{declared}");
    }
}

#[tokio::test]
async fn refused_objects_beside_good_ones_leave_those_stored() {
    let node = TestNode::build().start().await;
    let objects = (0..30).map(|n| match n {
        7 => arrival("a\nb"),
        11 => arrival("x").to("nowhere"),
        13 => arrival("y").meta(vec![b'x'; 70_000]),
        n => arrival(&format!("good/{n}")),
    });
    let receipts = node.ingest_all(objects).await;
    for (n, receipt) in receipts.into_iter().enumerate() {
        if [7, 11, 13].contains(&n) {
            assert_eq!(failure(receipt).class, FailureClass::Invalid);
        } else {
            assert_eq!(node.get(&stored(receipt).key).await, format!("payload of good/{n}"));
        }
    }
}
