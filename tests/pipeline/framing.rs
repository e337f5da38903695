//! Elements of queues carry their codec themselves, and only where they need to.

use bytes::Bytes;
use framedb_core::{Frame, Kind, unframe};
use framedb_host::{
    pipeline::{Arrival, Framing},
    store::Element,
};
use framedb_tests::{Describe, TestNode, arrival, key, misbehaving, stored};
use std::time::Duration;

/// What a frame begins with.
const MAGIC: &[u8] = b"\x89FDBfr1\n";

fn push(queue: &str, instance: &str) -> Arrival {
    arrival(queue).kind(Kind::Stream).to(instance)
}

/// The oldest element as the engine keeps it; it stays in the queue.
async fn raw(node: &TestNode, instance: &str, queue: &str) -> Bytes {
    let queues = node.node().instances.get(instance).await.unwrap().queue.clone().unwrap();
    let leased = queues.lease(&key(queue), Duration::from_secs(60)).await.unwrap().unwrap();
    assert!(queues.nack(&key(queue), &leased.token).await.unwrap());
    leased.data
}

#[tokio::test]
async fn unchanged_elements_are_kept_as_they_were_sent() {
    let node = misbehaving().start().await;
    for instance in ["memory", "disk"] {
        let receipt = stored(node.ingest(push("q", instance).data("abc")).await);
        assert_eq!((receipt.codec, receipt.stored_size), (None, 3));
        assert_eq!(raw(&node, instance, "q").await, "abc");
        assert_eq!(node.pop("q").await.unwrap().data, "abc");
    }
}

#[tokio::test]
async fn changed_elements_carry_their_codec_and_are_restored() {
    let node = misbehaving().start().await;
    for instance in ["memory", "disk"] {
        let object = push("q", instance).data("abc").order("serialize", "reverse");
        let receipt = stored(node.ingest(object).await);
        assert_eq!(receipt.codec.unwrap().to_string(), "reverse/1");
        let stored_bytes = raw(&node, instance, "q").await;
        assert_eq!(receipt.stored_size, stored_bytes.len() as u64);
        let Frame::Coded(codec, data) = unframe(&stored_bytes) else { panic!("{stored_bytes:?}") };
        assert_eq!((codec.format.to_string().as_str(), data), ("reverse/1", &b"cba"[..]));
        assert_eq!(node.pop("q").await.unwrap().data, "abc");
    }
}

#[tokio::test]
async fn an_element_that_looks_like_a_frame_comes_out_as_it_went_in() {
    let node = misbehaving().start().await;
    let real = framedb_core::frame(None, b"inner");
    for data in [MAGIC.to_vec(), [MAGIC, b"and more"].concat(), real] {
        let _ = stored(node.ingest(push("q", "memory").data(data.clone())).await);
        assert_ne!(raw(&node, "memory", "q").await, data, "it was framed");
        assert_eq!(node.pop("q").await.unwrap().data, data);
    }
}

#[tokio::test]
async fn a_frame_that_fails_its_checksum_is_a_foreign_element() {
    let node = misbehaving().start().await;
    let _ = stored(node.ingest(push("q", "memory").data("first")).await);
    let mut damaged = framedb_core::frame(None, b"element");
    *damaged.last_mut().unwrap() ^= 1;
    let element = Element { id: "foreign".into(), data: damaged.clone().into() };
    let queues = node.node().instances.get("memory").await.unwrap().queue.clone().unwrap();
    queues.push(&key("q"), &[element]).await.pop().unwrap().unwrap();
    assert_eq!(node.pop("q").await.unwrap().data, "first");
    assert_eq!(node.pop("q").await.unwrap().data, damaged);
}

#[tokio::test]
async fn without_framing_elements_are_kept_bare_and_never_decoded() {
    let node = misbehaving()
        .config(|config| config.pipelines.get_mut("default").unwrap().framing = Framing::None)
        .start()
        .await;
    let object = push("q", "memory").data("abc").order("serialize", "reverse");
    let _ = stored(node.ingest(object).await);
    assert_eq!(raw(&node, "memory", "q").await, "cba");
    assert_eq!(node.pop("q").await.unwrap().data, "cba");
    let looks_framed = framedb_core::frame(None, b"inner");
    let _ = stored(node.ingest(push("q", "memory").data(looks_framed.clone())).await);
    assert_eq!(node.pop("q").await.unwrap().data, looks_framed);
}

#[tokio::test]
async fn changed_and_unchanged_elements_share_a_queue() {
    let node = misbehaving().start().await;
    let objects = (0..20).map(|n| {
        let object = push("q", "disk").id(&format!("{n}")).data(format!("element {n}"));
        if n % 2 == 0 { object.order("serialize", "reverse") } else { object }
    });
    for receipt in node.ingest_all(objects).await {
        let _ = stored(receipt);
    }
    let expected: Vec<_> = (0..20).map(|n| format!("element {n}")).collect();
    assert_eq!(node.drain_queue("q").await, expected);
}

#[tokio::test]
async fn elements_are_decoded_by_an_archived_codec_after_a_restart() {
    let node = misbehaving().start().await;
    let object = push("q", "disk").data("abc").order("serialize", "reverse");
    let _ = stored(node.ingest(object).await);
    let directory = node.stop().await;
    let node = TestNode::build().in_directory(&directory).start().await;
    assert_eq!(node.pop("q").await.unwrap().data, "abc");
}

#[tokio::test]
async fn an_element_that_cannot_be_decoded_stays_in_its_queue() {
    let node = misbehaving().start().await;
    let queue = "q.decode-reject";
    let object = push(queue, "memory").data("abc").order("serialize", "reverse");
    let _ = stored(node.ingest(object).await);
    let error = node.reader().pop(&key(queue), None).await.unwrap_err();
    assert!(error.to_string().contains("told to reject"), "{error}");
    assert_eq!(node.queue_length("memory", queue).await, 1);
}
