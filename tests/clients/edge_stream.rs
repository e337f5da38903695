//! `framedb.edge.v1.Ingest/Stream`: puts and chunks in, receipts out in any order.

use crate::edge::{bytes, put};
use bytes::Bytes;
use framedb_tests::{
    TestNode, misbehaving,
    proto::edge::{
        Chunk, Kind, Outcome, PutRequest, Receipt, StreamRequest, stream_request::Message,
    },
    within,
};
use std::collections::HashMap;
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::{Status, Streaming};

/// An open stream of puts.
pub(crate) struct Sender {
    requests: Option<mpsc::UnboundedSender<StreamRequest>>,
    receipts: Streaming<Receipt>,
}

impl Sender {
    pub(crate) async fn open(node: &TestNode) -> Self {
        let (requests, receiver) = mpsc::unbounded_channel();
        let stream = UnboundedReceiverStream::new(receiver);
        let receipts = node.edge().await.stream(stream).await.unwrap().into_inner();
        Self { requests: Some(requests), receipts }
    }

    fn send(&self, message: Message) {
        self.requests.as_ref().unwrap().send(StreamRequest { message: Some(message) }).unwrap();
    }

    pub(crate) fn put(&self, request: PutRequest) {
        self.send(Message::Put(request));
    }

    fn chunk(&self, id: &str, data: &'static str, last: bool) {
        self.send(Message::Chunk(Chunk { id: id.into(), data: data.into(), last }));
    }

    /// Ends the sending side; the receiving side goes on.
    fn close(&mut self) {
        self.requests = None;
    }

    pub(crate) async fn receipt(&mut self) -> Receipt {
        within("a receipt", self.receipts.message()).await.unwrap().expect("a receipt")
    }

    /// The failure's class and message of the next receipt.
    async fn failed(&mut self, id: &str) -> (String, String) {
        let receipt = self.receipt().await;
        assert_eq!((receipt.outcome(), &*receipt.id), (Outcome::Failed, id), "{receipt:?}");
        (receipt.failure.unwrap().class, receipt.message)
    }

    async fn end(&mut self) -> Result<(), Status> {
        within("the end", self.receipts.message()).await.map(|more| assert_eq!(more, None))
    }
}

#[tokio::test]
async fn many_puts_are_each_answered_by_their_id() {
    let node = misbehaving().open().await;
    let mut sender = Sender::open(&node).await;
    for n in 0..300 {
        let metadata = match n % 10 {
            3 => r#"{"ingest":"reject"}"#,
            5 => r#"{"resolve":"drop"}"#,
            7 => r#"{"serialize":"retry-twice"}"#,
            9 => r#"{"serialize":"reverse"}"#,
            _ => "",
        };
        let kind = if n % 2 == 0 { Kind::InMemory } else { Kind::Storage };
        let request = put(&format!("id-{n}"), &format!("k/{n}"), "data");
        sender.put(PutRequest { kind: kind.into(), metadata: bytes(metadata), ..request });
    }
    sender.close();
    let mut receipts = HashMap::new();
    for _ in 0..300 {
        let receipt = sender.receipt().await;
        assert!(receipts.insert(receipt.id.clone(), receipt).is_none(), "one receipt each");
    }
    sender.end().await.unwrap();
    for n in 0..300 {
        let receipt = &receipts[&format!("id-{n}")];
        let expected = match n % 10 {
            3 => Outcome::Failed,
            5 => Outcome::Dropped,
            _ => Outcome::Stored,
        };
        assert_eq!((receipt.outcome(), &*receipt.key), (expected, format!("k/{n}").as_bytes()));
        let found = node.found(&format!("k/{n}")).await.map(|found| found.data);
        assert_eq!(found, (expected == Outcome::Stored).then(|| "data".into()));
    }
}

#[tokio::test]
async fn receipts_come_while_the_stream_goes_on() {
    let node = TestNode::build().open().await;
    let mut sender = Sender::open(&node).await;
    for n in 0..5 {
        sender.put(put(&format!("{n}"), "k", "data"));
        assert_eq!(sender.receipt().await.id, format!("{n}"));
    }
    // Without an id the node makes one.
    sender.put(put("", "k", "data"));
    assert_eq!(sender.receipt().await.id.len(), 36);
}

#[tokio::test]
async fn an_object_in_chunks_is_put_together() {
    let node = TestNode::build().open().await;
    let mut sender = Sender::open(&node).await;
    sender.put(PutRequest { more: true, size: 9, ..put("a", "sized", "abc") });
    sender.put(PutRequest { more: true, ..put("b", "unsized", "123") });
    // Objects in pieces, and one between them.
    sender.chunk("b", "456", false);
    sender.chunk("a", "def", false);
    sender.put(put("c", "whole", "xyz"));
    sender.chunk("a", "ghi", true);
    sender.chunk("b", "", true);
    for _ in 0..3 {
        assert_eq!(sender.receipt().await.outcome(), Outcome::Stored);
    }
    assert_eq!(node.get("sized").await, "abcdefghi");
    assert_eq!(node.get("unsized").await, "123456");
    assert_eq!(node.get("whole").await, "xyz");
}

#[tokio::test]
async fn a_large_object_comes_in_chunks() {
    let node = TestNode::build().open().await;
    let mut sender = Sender::open(&node).await;
    let chunk = Bytes::from(vec![5; 1 << 20]);
    sender.put(PutRequest { more: true, size: 20 << 20, ..put("a", "k", "") });
    for n in 0..20 {
        sender.send(Message::Chunk(Chunk { id: "a".into(), data: chunk.clone(), last: n == 19 }));
    }
    let receipt = sender.receipt().await;
    assert_eq!((receipt.outcome(), receipt.stored_size), (Outcome::Stored, 20 << 20));
    let data = node.get("k").await;
    assert!(data.len() == 20 << 20 && data.iter().all(|byte| *byte == 5));
}

#[tokio::test]
async fn chunks_that_do_not_add_up_fail_their_object_alone() {
    let node = TestNode::build().open().await;
    let mut sender = Sender::open(&node).await;
    let invalid = |message: &str| ("invalid".to_owned(), message.to_owned());
    sender.put(PutRequest { more: true, size: 5, ..put("few", "k", "abc") });
    sender.chunk("few", "d", true);
    let expected = invalid("4 bytes came where 5 were announced");
    assert_eq!(sender.failed("few").await, expected);
    sender.put(PutRequest { more: true, size: 5, ..put("many", "k", "abc") });
    sender.chunk("many", "defg", false);
    let expected = invalid("more bytes came than the 5 that were announced");
    assert_eq!(sender.failed("many").await, expected);
    // The rest of a refused object is passed over.
    sender.chunk("many", "hij", false);
    sender.chunk("many", "klm", true);
    sender.chunk("nobody", "abc", false);
    sender.chunk("nobody", "abc", true);
    let expected =
        invalid("a chunk continues no object: no put with its id and `more` came before it");
    assert_eq!(sender.failed("nobody").await, expected);
    sender.put(PutRequest { more: true, ..put("", "k", "abc") });
    let expected = invalid("a put with `more` needs an id, which its chunks repeat");
    assert_eq!(sender.failed("").await, expected);
    sender.put(PutRequest { more: true, ..put("twice", "k", "abc") });
    sender.put(PutRequest { more: true, ..put("twice", "k", "abc") });
    let expected = invalid("an object with this id is still being sent on this stream");
    assert_eq!(sender.failed("twice").await, expected);
    // The stream goes on after all of them.
    sender.put(put("good", "good", "abc"));
    assert_eq!(sender.receipt().await.outcome(), Outcome::Stored);
    assert!(node.found("k").await.is_none());
}

#[tokio::test]
async fn an_object_over_max_object_is_refused_whole_or_in_chunks() {
    let node = TestNode::build()
        .config(|config| config.limits.max_object = bytesize::ByteSize::b(10))
        .open()
        .await;
    let mut sender = Sender::open(&node).await;
    let too_large = |size: u64| {
        let message = format!("{size} bytes exceeds max-object, 10 bytes (limits.max-object)");
        ("too-large".to_owned(), message)
    };
    sender.put(put("whole", "k", "01234567890"));
    assert_eq!(sender.failed("whole").await, too_large(11));
    sender.put(PutRequest { more: true, size: 1000, ..put("announced", "k", "0") });
    assert_eq!(sender.failed("announced").await, too_large(1000));
    sender.chunk("announced", "passed over", true);
    sender.put(PutRequest { more: true, ..put("growing", "k", "01234") });
    sender.chunk("growing", "567890", false);
    assert_eq!(sender.failed("growing").await, too_large(11));
    assert_eq!(node.ingress().admission().in_flight(), 0);
}

#[tokio::test]
async fn a_stream_that_is_half_closed_within_an_object_fails_that_object_alone() {
    let node = TestNode::build().open().await;
    let mut sender = Sender::open(&node).await;
    sender.put(put("whole", "whole", "abc"));
    assert_eq!(sender.receipt().await.outcome(), Outcome::Stored);
    sender.put(PutRequest { more: true, size: 10, ..put("part", "part", "abc") });
    sender.chunk("part", "de", false);
    sender.close();
    let expected = ("invalid".into(), "the stream ended after 5 of 10 bytes".into());
    assert_eq!(sender.failed("part").await, expected);
    sender.end().await.unwrap();
    assert!(node.found("part").await.is_none());
    assert_eq!(node.get("whole").await, "abc");
    assert_eq!(node.ingress().admission().in_flight(), 0);
}

#[tokio::test]
async fn bytes_that_are_no_key_do_not_end_the_stream() {
    let node = TestNode::build().open().await;
    let mut sender = Sender::open(&node).await;
    sender.put(PutRequest { key: Bytes::from_static(b"k\xff"), ..put("key", "", "x") });
    let expected = ("invalid".into(), "the key is not UTF-8".into());
    assert_eq!(sender.failed("key").await, expected);
    sender.put(PutRequest { metadata: Bytes::from_static(b"\xc3"), ..put("meta", "k", "x") });
    let expected = ("invalid".into(), "the metadata is not UTF-8".into());
    assert_eq!(sender.failed("meta").await, expected);
    sender.put(PutRequest { kind: 42, ..put("kind", "k", "x") });
    assert!(sender.failed("kind").await.1.starts_with("unknown kind 42: one of "));
    sender.put(put("good", "k", "x"));
    assert_eq!(sender.receipt().await.outcome(), Outcome::Stored);
}

#[tokio::test]
async fn a_message_that_is_nothing_is_refused_and_the_stream_goes_on() {
    let node = TestNode::build().open().await;
    let mut sender = Sender::open(&node).await;
    sender.put(put("good", "k", "x"));
    assert_eq!(sender.receipt().await.outcome(), Outcome::Stored);
    sender.requests.as_ref().unwrap().send(StreamRequest { message: None }).unwrap();
    let (_, message) = sender.failed("").await;
    assert_eq!(message, "a message on the stream is neither a put nor a chunk");
    sender.put(put("next", "k", "x"));
    assert_eq!(sender.receipt().await.outcome(), Outcome::Stored);
}

#[tokio::test]
async fn a_sender_that_goes_away_leaves_what_it_sent_whole() {
    let node = misbehaving().open().await;
    let sender = Sender::open(&node).await;
    let metadata = bytes(r#"{"ingest":"retry-twice"}"#);
    sender.put(PutRequest { metadata, ..put("a", "k", "abc") });
    sender.put(PutRequest { more: true, size: 100, ..put("b", "part", "abc") });
    framedb_tests::eventually("both are in the node", async || {
        (node.ingress().admission().in_flight() > 1500).then_some(())
    })
    .await;
    drop(sender);
    framedb_tests::eventually("the whole one is stored", async || node.found("k").await).await;
    framedb_tests::eventually("nothing is left in flight", async || {
        (node.ingress().admission().in_flight() == 0).then_some(())
    })
    .await;
    assert!(node.found("part").await.is_none());
}

#[tokio::test]
async fn elements_of_one_queue_keep_the_order_of_the_stream() {
    let node = misbehaving().open().await;
    let mut sender = Sender::open(&node).await;
    for n in 0..100 {
        let metadata = if n % 9 == 0 { r#"{"ingest":"retry-twice"}"# } else { "" };
        let mut request = put(&format!("{n}"), "q", "");
        request.data = bytes(&n.to_string());
        sender.put(PutRequest {
            kind: Kind::Stream.into(),
            framedb_id: "disk".into(),
            metadata: bytes(metadata),
            ..request
        });
    }
    sender.close();
    for _ in 0..100 {
        assert_eq!(sender.receipt().await.outcome(), Outcome::Stored);
    }
    let expected: Vec<_> = (0..100).map(|n| n.to_string()).collect();
    assert_eq!(node.drain_queue("q").await, expected);
}
