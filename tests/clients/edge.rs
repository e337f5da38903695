//! `framedb.edge.v1.Ingest`: the calls with one answer.

use bytes::Bytes;
use framedb_tests::{
    Describe, TestNode, arrival, misbehaving,
    proto::edge::{
        DeleteRequest, GetRequest, Kind, ListRequest, Outcome, PutRequest, attribute::Value,
    },
    stored,
};
use tonic::Code;

pub(crate) fn put(id: &str, key: &str, data: &'static str) -> PutRequest {
    PutRequest { id: id.into(), key: bytes(key), data: data.into(), ..PutRequest::default() }
}

pub(crate) fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

#[tokio::test]
async fn a_put_is_answered_by_a_receipt_and_read_back() {
    let node = misbehaving().open().await;
    let mut client = node.edge().await;
    let request = PutRequest {
        kind: Kind::InMemory.into(),
        framedb_id: "memory".into(),
        content_type: "text/x-mine".into(),
        metadata: bytes(r#"{"ingest":"attribute","serialize":"reverse"}"#),
        source: "cam".into(),
        ..put("id-1", "k", "abc")
    };
    let receipt = client.put(request.clone()).await.unwrap().into_inner();
    assert_eq!((&*receipt.id, &*receipt.key), ("id-1", &b"k"[..]));
    assert_eq!(receipt.outcome(), Outcome::Stored);
    assert_eq!((receipt.failure.as_ref(), &*receipt.message), (None, ""));
    assert_eq!((&*receipt.framedb_id, receipt.kind()), ("memory", Kind::InMemory));
    assert_eq!((receipt.stored_size, &*receipt.codec, receipt.synced), (3, "reverse/1", false));
    let names: Vec<_> = receipt.attributes.iter().map(|a| (&*a.name, a.value.clone())).collect();
    assert_eq!(names[0], ("text", Some(Value::Text("yes".into()))));
    assert_eq!(names[3], ("boolean", Some(Value::Boolean(true))));
    let times = receipt.times.unwrap();
    assert!([times.ingest, times.resolve, times.serialize, times.sink].iter().all(|t| *t > 0));
    let found = client.get(GetRequest { key: bytes("k") }).await.unwrap().into_inner();
    assert_eq!((&*found.data, found.foreign), (&b"abc"[..], false));
    let info = found.info.unwrap();
    assert_eq!((&info.key, &info.metadata), (&request.key, &request.metadata));
    assert_eq!((info.size, &*info.codec, info.expires_at), (3, "reverse/1", 0));
    assert_eq!((&*info.content_type, info.kind()), ("text/x-mine", Kind::InMemory));
    assert_eq!(info.attributes, receipt.attributes);
    assert!(info.stored_at > 1_700_000_000_000);
}

#[tokio::test]
async fn failures_are_receipts_with_a_class_and_a_stage() {
    let node = misbehaving().open().await;
    let mut client = node.edge().await;
    let with = |metadata: &str| PutRequest { metadata: bytes(metadata), ..put("i", "k", "x") };
    let bad_key = PutRequest { key: Bytes::from_static(b"\xff"), ..put("i", "", "x") };
    let bad_kind = PutRequest { kind: 9, ..put("i", "k", "x") };
    let unknown = PutRequest { framedb_id: "nowhere".into(), ..put("i", "k", "x") };
    for (request, class, stage, message) in [
        (bad_key, "invalid", "admission", "the key is not UTF-8"),
        (
            bad_kind,
            "invalid",
            "admission",
            "unknown kind 9: one of KIND_IN_MEMORY (1), KIND_STORAGE (2), KIND_STREAM (3)",
        ),
        (
            unknown,
            "invalid",
            "resolve",
            "FrameDB instance not found: no instance `nowhere` among `disk`, `memory`",
        ),
        (
            with(r#"{"ingest":"reject"}"#),
            "reject",
            "ingest",
            "plugin `misbehave` refused the object in ingest: told to reject",
        ),
        (
            with(r#"{"serialize":"short"}"#),
            "trap",
            "serialize",
            "plugin `misbehave` failed in serialize: it answered 0 verdicts for 1 objects",
        ),
    ] {
        let receipt = client.put(request).await.unwrap().into_inner();
        assert_eq!((receipt.outcome(), &*receipt.id), (Outcome::Failed, "i"));
        let failure = receipt.failure.unwrap();
        assert_eq!((&*failure.class, &*failure.stage), (class, stage));
        // What a plugin failed on is kept, and the sender told where.
        assert_eq!(failure.dead_letter.is_empty(), class != "trap");
        let told = match &*failure.dead_letter {
            "" => message.to_owned(),
            id => format!("{message} (dead letter {id})"),
        };
        assert_eq!(receipt.message, told);
    }
    let dropped = client.put(with(r#"{"ingest":"drop"}"#)).await.unwrap().into_inner();
    assert_eq!((dropped.outcome(), &*dropped.message), (Outcome::Dropped, "told to drop"));
}

#[tokio::test]
async fn an_id_that_is_repeated_pushes_one_element() {
    let node = TestNode::build().open().await;
    let mut client = node.edge().await;
    for framedb_id in ["memory", "disk"] {
        let queue = format!("q on {framedb_id}");
        let push = PutRequest {
            kind: Kind::Stream.into(),
            framedb_id: framedb_id.into(),
            ..put("same", &queue, "element")
        };
        for _ in 0..3 {
            let receipt = client.put(push.clone()).await.unwrap().into_inner();
            assert_eq!(receipt.outcome(), Outcome::Stored);
        }
        assert_eq!(node.drain_queue(&queue).await, ["element"]);
    }
}

#[tokio::test]
async fn chunks_are_for_streams_only() {
    let node = TestNode::build().open().await;
    let mut client = node.edge().await;
    let status = client.put(PutRequest { more: true, ..put("i", "k", "x") }).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert!(status.message().contains("use Stream"), "{status}");
}

#[tokio::test]
async fn reading_what_is_not_there_is_not_found_and_a_queue_is_a_failed_precondition() {
    let node = TestNode::build().open().await;
    let mut client = node.edge().await;
    let status = client.get(GetRequest { key: bytes("k") }).await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::NotFound, "no object `k`"));
    let _ = stored(node.ingest(arrival("q").kind(framedb_core::Kind::Stream)).await);
    let status = client.get(GetRequest { key: bytes("q") }).await.unwrap_err();
    assert_eq!(status.code(), Code::FailedPrecondition);
    let message = "`q` is a queue, which is not read by key; take its oldest element with pop, or \
                   with lease and ack";
    assert_eq!(status.message(), message);
    assert_eq!(node.drain_queue("q").await.len(), 1, "nothing was taken out");
    let status = client.get(GetRequest { key: Bytes::from_static(b"\xff") }).await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::InvalidArgument, "the key is not UTF-8"));
}

#[tokio::test]
async fn deleting_says_whether_there_was_one() {
    let node = TestNode::build().open().await;
    let mut client = node.edge().await;
    for (name, kind) in [
        ("a", framedb_core::Kind::InMemory),
        ("b", framedb_core::Kind::Storage),
        ("q", framedb_core::Kind::Stream),
    ] {
        let _ = stored(node.ingest(arrival(name).kind(kind)).await);
        for there in [true, false] {
            let request = DeleteRequest { key: bytes(name) };
            assert_eq!(client.delete(request).await.unwrap().into_inner().deleted, there);
        }
    }
    assert_eq!(node.node().registry.count().await.unwrap(), 0);
    assert_eq!(node.queue_length("memory", "q").await, 0);
}

#[tokio::test]
async fn listings_are_ordered_filtered_and_paged() {
    let node = TestNode::build().open().await;
    let mut client = node.edge().await;
    for n in 0..25 {
        let kind =
            if n % 5 == 0 { framedb_core::Kind::InMemory } else { framedb_core::Kind::Storage };
        let _ = stored(node.ingest(arrival(&format!("k/{n:02}")).kind(kind).meta("m")).await);
    }
    let _ = stored(node.ingest(arrival("other")).await);
    let (mut pages, mut after) = (Vec::new(), Bytes::new());
    loop {
        let request =
            ListRequest { prefix: bytes("k/"), after, limit: 10, ..ListRequest::default() };
        let page = client.list(request).await.unwrap().into_inner();
        pages.extend(page.objects.iter().map(|o| String::from_utf8(o.key.to_vec()).unwrap()));
        if !page.more {
            break;
        }
        after = page.objects.last().unwrap().key.clone();
    }
    assert_eq!(pages, (0..25).map(|n| format!("k/{n:02}")).collect::<Vec<_>>());
    let request = ListRequest { kind: Kind::InMemory.into(), ..ListRequest::default() };
    let volatile = client.list(request).await.unwrap().into_inner();
    assert_eq!((volatile.objects.len(), volatile.more), (5, false));
    assert_eq!(
        (&*volatile.objects[0].framedb_id, &*volatile.objects[0].metadata),
        ("memory", &b"m"[..])
    );
    let request = ListRequest { kind: 7, ..ListRequest::default() };
    let status = client.list(request).await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::InvalidArgument, "unknown kind 7"));
}
