//! What clients see of a node that stops.

use framedb_tests::{
    TestNode, misbehaving,
    proto::edge::{Outcome, PutRequest, StreamRequest, stream_request::Message},
    within,
};
use tokio::{sync::mpsc, task::JoinSet};
use tokio_stream::wrappers::UnboundedReceiverStream;

/// Two retries keep an object in the node for a moment.
fn slow(n: usize) -> PutRequest {
    PutRequest {
        id: n.to_string(),
        key: format!("k/{n}").into(),
        data: format!("data {n}").into(),
        metadata: r#"{"ingest":"retry-twice","millis":100}"#.into(),
        ..PutRequest::default()
    }
}

#[tokio::test]
async fn calls_under_way_are_answered_and_their_objects_are_stored() {
    let node = misbehaving().open().await;
    let client = node.edge().await;
    let mut calls = JoinSet::new();
    for n in 0..10 {
        let mut client = client.clone();
        calls.spawn(async move { client.put(slow(n)).await });
    }
    framedb_tests::eventually("all objects are in the node", async || {
        (node.ingress().admission().in_flight() > 10 * 1024).then_some(())
    })
    .await;
    let stopping = node.begin_stop();
    for answer in within("the answers", calls.join_all()).await {
        assert_eq!(answer.unwrap().into_inner().outcome(), Outcome::Stored);
    }
    let directory = within("the end", stopping).await.unwrap();
    let node = TestNode::build().in_directory(&directory).start().await;
    for n in 0..10 {
        assert_eq!(node.get(&format!("k/{n}")).await, format!("data {n}"));
    }
}

#[tokio::test]
async fn a_stream_gets_the_receipts_of_what_was_accepted_and_then_a_reason() {
    let node = misbehaving().open().await;
    let (sender, receiver) = mpsc::unbounded_channel();
    for n in 0..10 {
        sender.send(StreamRequest { message: Some(Message::Put(slow(n))) }).unwrap();
    }
    let stream = UnboundedReceiverStream::new(receiver);
    let mut receipts = node.edge().await.stream(stream).await.unwrap().into_inner();
    framedb_tests::eventually("all objects are in the node", async || {
        (node.ingress().admission().in_flight() > 10 * 1024).then_some(())
    })
    .await;
    let stopping = node.begin_stop();
    for _ in 0..10 {
        let receipt = within("a receipt", receipts.message()).await.unwrap().unwrap();
        assert_eq!(receipt.outcome(), Outcome::Stored);
    }
    let status = within("the end", receipts.message()).await.unwrap_err();
    assert_eq!(
        (status.code(), status.message()),
        (tonic::Code::Unavailable, "the node is shutting down")
    );
    within("the end", stopping).await.unwrap();
}

#[tokio::test]
async fn a_stopped_node_takes_no_connections() {
    let node = TestNode::build().open().await;
    let address = node.http_address();
    let _ = node.stop().await;
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}
