//! A full house, as each door says it.

use crate::object_service::{get, object, set};
use bytesize::ByteSize;
use framedb_tests::{
    TestNode, misbehaving,
    proto::edge::{Outcome, PutRequest, StreamRequest, stream_request::Message},
};
use std::time::Duration;
use tonic::Code;
use tonic_types::StatusExt as _;

/// Room for one object of this size and no second one.
const SIZE: usize = 10_000;

async fn narrow() -> TestNode {
    misbehaving()
        .config(|config| {
            config.limits.max_object = ByteSize::b(SIZE as u64);
            config.limits.in_flight = ByteSize::b(SIZE as u64 + 2048);
        })
        .open()
        .await
}

#[tokio::test]
async fn every_door_says_that_it_is_busy_in_its_own_way() {
    let node = narrow().await;
    let (mut old, mut edge, http) = (node.object_service().await, node.edge().await, node.http());
    let room = node.ingress().admission().try_admit(SIZE as u64).unwrap();
    let data = vec![1_u8; SIZE];
    let answer = set(&mut old, object("k", "disk", "storage", &data)).await;
    assert_eq!((answer.success, &*answer.message), (false, "busy, try again in 1s (key=k)"));
    let put = PutRequest { key: "k".into(), data: data.clone().into(), ..PutRequest::default() };
    let status = edge.put(put.clone()).await.unwrap_err();
    assert_eq!(
        (status.code(), status.message()),
        (Code::ResourceExhausted, "busy, try again in 1s")
    );
    let retry = status.get_details_retry_info().expect("retry information");
    assert_eq!(retry.retry_delay, Some(Duration::from_secs(1)));
    for line in ["PUT /objects/k", "POST /streams/k"] {
        let answer = http.send(line, &[], data.clone()).await;
        assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (429, "1"), "{line}");
        let body = answer.json();
        assert_eq!(
            (&body["success"], &body["error"]),
            (&false.into(), &"busy, try again in 1s".into())
        );
    }
    // Reading goes on.
    assert!(!get(&mut old, "k").await.found);
    drop(room);
    assert!(set(&mut old, object("k", "disk", "storage", &data)).await.success);
    assert_eq!(edge.put(put).await.unwrap().into_inner().outcome(), Outcome::Stored);
    assert_eq!(http.send("PUT /objects/k", &[], data).await.status.as_u16(), 200);
}

#[tokio::test]
async fn a_stream_waits_for_room_and_refuses_nothing() {
    let node = narrow().await;
    let room = node.ingress().admission().try_admit(SIZE as u64).unwrap();
    let puts = (0..20).map(|n| StreamRequest {
        message: Some(Message::Put(PutRequest {
            id: n.to_string(),
            key: format!("k/{n}").into(),
            data: vec![n; SIZE].into(),
            ..PutRequest::default()
        })),
    });
    let mut receipts =
        node.edge().await.stream(tokio_stream::iter(puts)).await.unwrap().into_inner();
    let first = tokio::spawn(async move { (receipts.message().await, receipts) });
    // The node has the stream's first object in hand once nobody else gets its room.
    framedb_tests::eventually("the stream waits", async || {
        node.ingress().admission().try_admit(0).err()
    })
    .await;
    drop(room);
    let (receipt, mut receipts) = first.await.unwrap();
    assert_eq!(receipt.unwrap().unwrap().outcome(), Outcome::Stored);
    for _ in 1..20 {
        let receipt = receipts.message().await.unwrap().unwrap();
        assert_eq!(receipt.outcome(), Outcome::Stored, "{receipt:?}");
    }
    assert!(receipts.message().await.unwrap().is_none());
    for n in 0..20 {
        assert_eq!(node.get(&format!("k/{n}")).await, vec![n; SIZE]);
    }
}
