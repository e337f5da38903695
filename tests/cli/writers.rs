//! Clients that write until the node is killed, and remember what they were told.

use framedb_tests::proto::{
    edge::{
        Kind, Outcome, PutRequest, Receipt, StreamRequest, ingest_client::IngestClient,
        stream_request::Message,
    },
    framedb::{Object, SetObjectRequest, object_service_client::ObjectServiceClient},
};
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};
use tokio::{sync::mpsc, task::JoinSet};
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::transport::Channel;

/// What the node said of durable writes; a key has one writer, which counts upwards.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// The last write of each key that was acknowledged.
    pub(crate) objects: Mutex<HashMap<String, u64>>,
    /// The elements of each queue that were acknowledged, in order.
    pub(crate) elements: Mutex<HashMap<String, Vec<u64>>>,
    /// The number of the next write, over all processes.
    next: AtomicU64,
    /// How many writes were acknowledged.
    pub(crate) acknowledged: AtomicU64,
}

/// The payload of a write: its size differs, and every byte says which write it is.
pub(crate) fn payload(key: &str, n: u64) -> Vec<u8> {
    let line = format!("{key} {n}\n");
    line.repeat(1 + (n as usize * 7919) % 400).into_bytes()
}

/// The write that a payload is of, if it is one of `key` and whole.
pub(crate) fn write_of(key: &str, data: &[u8]) -> Option<u64> {
    let line = data.split(|byte| *byte == b'\n').next()?;
    let n = std::str::from_utf8(line).ok()?.strip_prefix(key)?.strip_prefix(' ')?.parse().ok()?;
    (payload(key, n) == data).then_some(n)
}

impl Told {
    fn next(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    fn object(&self, key: String, n: u64) {
        self.objects.lock().unwrap().insert(key, n);
        self.acknowledged.fetch_add(1, Ordering::Relaxed);
    }

    fn element(&self, queue: &str, n: u64) {
        self.elements.lock().unwrap().entry(queue.to_owned()).or_default().push(n);
        self.acknowledged.fetch_add(1, Ordering::Relaxed);
    }
}

/// All writers at once; each ends when its connection does.
pub(crate) fn start(told: &Arc<Told>, channel: &Channel) -> JoinSet<()> {
    let mut writers = JoinSet::new();
    for writer in 0..3 {
        writers.spawn(old_client(told.clone(), channel.clone(), format!("old-{writer}")));
    }
    writers.spawn(moving(told.clone(), channel.clone()));
    writers.spawn(pushing(told.clone(), channel.clone(), "disk"));
    writers.spawn(pushing(told.clone(), channel.clone(), "second"));
    writers.spawn(streaming(told.clone(), channel.clone()));
    writers
}

/// Unary sets of existing clients, some of them volatile.
async fn old_client(told: Arc<Told>, channel: Channel, name: String) {
    let mut client = ObjectServiceClient::new(channel);
    for turn in 0.. {
        let (n, volatile) = (told.next(), turn % 7 == 3);
        let key = format!("{name}/{}{}", if volatile { "v" } else { "" }, turn % 40);
        let (framedb_id, kind) =
            if volatile { ("memory", "in-memory") } else { ("disk", "storage") };
        let object = Object {
            data: payload(&key, n).into(),
            key: key.clone(),
            framedb_id: framedb_id.into(),
            metadata: String::new(),
            r#type: kind.into(),
        };
        let request = SetObjectRequest { object: Some(object) };
        match client.set_object(request).await {
            Ok(answer) => {
                let answer = answer.into_inner();
                assert!(answer.success, "{}", answer.message);
                if !volatile {
                    told.object(key, n);
                }
            }
            Err(_) => return,
        }
    }
}

/// Keys that move between two disks with every write.
async fn moving(told: Arc<Told>, channel: Channel) {
    let mut client = IngestClient::new(channel);
    for turn in 0.. {
        let (n, key) = (told.next(), format!("moving/{}", turn % 5));
        let framedb_id = if (turn / 5) % 2 == 0 { "disk" } else { "second" };
        let request = PutRequest {
            key: key.clone().into(),
            framedb_id: framedb_id.into(),
            kind: Kind::Storage.into(),
            data: payload(&key, n).into(),
            ..PutRequest::default()
        };
        match client.put(request).await {
            Ok(receipt) => {
                stored(&receipt.into_inner());
                told.object(key, n);
            }
            Err(_) => return,
        }
    }
}

/// A queue on an instance.
async fn pushing(told: Arc<Told>, channel: Channel, framedb_id: &str) {
    let mut client = IngestClient::new(channel);
    let queue = format!("queue-{framedb_id}");
    loop {
        let n = told.next();
        let request = PutRequest {
            id: n.to_string(),
            key: queue.clone().into(),
            framedb_id: framedb_id.into(),
            kind: Kind::Stream.into(),
            data: payload(&queue, n).into(),
            ..PutRequest::default()
        };
        match client.put(request).await {
            Ok(receipt) => {
                stored(&receipt.into_inner());
                told.element(&queue, n);
            }
            Err(_) => return,
        }
    }
}

/// A stream with many objects on the way at once, on both disks.
async fn streaming(told: Arc<Told>, channel: Channel) {
    let mut client = IngestClient::new(channel);
    let (sender, receiver) = mpsc::unbounded_channel();
    let put = |turn: u64| {
        let (n, key) = (told.next(), format!("streamed/{}", turn % 64));
        let put = PutRequest {
            id: n.to_string(),
            data: payload(&key, n).into(),
            key: key.into(),
            framedb_id: if turn.is_multiple_of(2) { "disk" } else { "second" }.into(),
            kind: Kind::Storage.into(),
            ..PutRequest::default()
        };
        let _ = sender.send(StreamRequest { message: Some(Message::Put(put)) });
    };
    // As many as there are keys, so that a key has one write on the way.
    (0..64).for_each(put);
    let Ok(receipts) = client.stream(UnboundedReceiverStream::new(receiver)).await else { return };
    let mut receipts = receipts.into_inner();
    while let Ok(Some(receipt)) = receipts.message().await {
        stored(&receipt);
        let key = String::from_utf8(receipt.key.to_vec()).unwrap();
        let turn = key.rsplit('/').next().unwrap().parse().unwrap();
        told.object(key, receipt.id.parse().unwrap());
        put(turn);
    }
}

fn stored(receipt: &Receipt) {
    assert_eq!(receipt.outcome(), Outcome::Stored, "{receipt:?}");
}
