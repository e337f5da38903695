//! `Client`: the demo's side of the ingestion service.

use super::{object::Object, progress::Progress};
use anyhow::{Context as _, Result, bail, ensure};
use bytes::Bytes;
use futures::StreamExt as _;
use pb::ingest_client::IngestClient;
use std::{collections::HashMap, net::SocketAddr, time::Duration};
use tokio::{sync::mpsc, time::Instant};
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::{Channel, Endpoint};

/// Generated from `proto/framedb/edge/v1/ingest.proto`.
pub(crate) mod pb {
    #![allow(
        clippy::all,
        clippy::allow_attributes_without_reason,
        unreachable_pub,
        reason = "generated"
    )]
    tonic::include_proto!("framedb.edge.v1");
}

/// Bytes of payload in a message; larger objects go in pieces, which share the connection.
const PIECE: usize = 1 << 20;
/// Messages that wait for the connection.
const WAITING: usize = 16;
/// Objects that are read at once.
const READS: usize = 8;
/// Bytes on the way to us; HTTP/2's default of 64 KiB is less than a frame or two.
const STREAM_WINDOW: u32 = 1 << 20;
const CONNECTION_WINDOW: u32 = 8 << 20;
/// How long the node may be silent while objects are under way; more than its own deadline.
const SILENCE: Duration = Duration::from_secs(60);

/// What the node said of each object, in the objects' order; an error is for a person.
pub(crate) type Receipts = Vec<Result<pb::Receipt, String>>;

/// A connection to the node.
#[derive(Debug)]
pub(crate) struct Client {
    ingest: IngestClient<Channel>,
}

impl Client {
    /// Connects.
    pub(crate) async fn connect(address: SocketAddr) -> Result<Self> {
        let channel = Endpoint::from_shared(format!("http://{address}"))?
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .connect()
            .await
            .with_context(|| format!("connect to the node at {address}"))?;
        // The largest object is the node's decision.
        let ingest = IngestClient::new(channel).max_decoding_message_size(usize::MAX);
        Ok(Self { ingest })
    }

    /// Sends objects over one stream, and gathers their receipts.
    pub(crate) async fn send(&mut self, objects: &[Object], progress: &Progress) -> Receipts {
        let (requests, waiting) = mpsc::channel(WAITING);
        let mut receipts: Vec<Option<pb::Receipt>> = vec![None; objects.len()];
        let (unread, received) = tokio::join!(
            put_all(objects, requests),
            self.receive(ReceiverStream::new(waiting), &mut receipts, progress)
        );
        progress.finish();
        let why = received.err().map(|error| format!("no receipt: {error:#}"));
        let why = why.unwrap_or_else(|| "no receipt: the node ended the stream".into());
        let receipts = receipts.into_iter().enumerate();
        receipts
            .map(|(place, receipt)| receipt.ok_or(unread.get(&place).unwrap_or(&why).clone()))
            .collect()
    }

    async fn receive(
        &mut self,
        requests: ReceiverStream<pb::StreamRequest>,
        receipts: &mut [Option<pb::Receipt>],
        progress: &Progress,
    ) -> Result<()> {
        let mut answers = self.ingest.stream(requests).await.context("open a stream")?.into_inner();
        loop {
            let answer = tokio::time::timeout(SILENCE, answers.message()).await;
            let answer = answer.with_context(|| format!("the node was silent for {SILENCE:?}"))?;
            let Some(receipt) = answer.context("the stream broke")? else { return Ok(()) };
            let place = receipt.id.parse().ok().and_then(|place: usize| receipts.get_mut(place));
            let Some(place) = place else { bail!("a receipt for `{}` came", receipt.id) };
            ensure!(place.is_none(), "a second receipt for `{}` came", receipt.id);
            *place = Some(receipt);
            progress.step();
        }
    }

    /// Reads every stored object, and compares; why an object is not as it was sent.
    pub(crate) async fn read_back(
        &self,
        objects: &[Object],
        receipts: &Receipts,
        progress: &Progress,
    ) -> Vec<Option<String>> {
        let stored = objects.iter().zip(receipts).enumerate();
        let stored = stored.filter_map(|(place, (object, receipt))| match receipt {
            Ok(receipt) if receipt.outcome() == pb::Outcome::Stored => {
                Some((place, object, receipt.key.clone()))
            }
            _ => None,
        });
        let mut reads = futures::stream::iter(stored)
            .map(|(place, object, key)| async move { (place, self.compare(object, key).await) })
            .buffer_unordered(READS);
        let mut problems = vec![None; objects.len()];
        while let Some((place, compared)) = reads.next().await {
            if let Some(problem) = problems.get_mut(place) {
                *problem = compared.err().map(|error| format!("{error:#}"));
            }
            progress.step();
        }
        progress.finish();
        problems
    }

    async fn compare(&self, object: &Object, key: Bytes) -> Result<()> {
        let mut ingest = self.ingest.clone();
        let answer = tokio::time::timeout(SILENCE, ingest.get(pb::GetRequest { key })).await;
        let found = answer.context("reading took too long")?.context("it was not read")?;
        difference(object, &object.payload.read()?, &found.into_inner())
            .map_or(Ok(()), |problem| bail!(problem))
    }
}

/// Puts every object on the stream at its time; its place is its id there. Returns those that
/// could not be read, with the reason.
async fn put_all(
    objects: &[Object],
    requests: mpsc::Sender<pb::StreamRequest>,
) -> HashMap<usize, String> {
    let mut unread = HashMap::new();
    let started = Instant::now();
    for (place, object) in objects.iter().enumerate() {
        tokio::time::sleep_until(started + object.at).await;
        let data = match object.payload.read() {
            Ok(data) => data,
            Err(error) => {
                unread.insert(place, format!("not sent: {error:#}"));
                continue;
            }
        };
        for message in messages(place, object, &data) {
            let request = pb::StreamRequest { message: Some(message) };
            if requests.send(request).await.is_err() {
                // The stream has ended; why, the other side of it says.
                return unread;
            }
        }
    }
    unread
}

/// An object as messages of at most [`PIECE`] bytes each.
fn messages(
    place: usize,
    object: &Object,
    data: &Bytes,
) -> impl Iterator<Item = pb::stream_request::Message> + use<> {
    use pb::stream_request::Message;
    let id = place.to_string();
    let begun = data.len().min(PIECE);
    let put = pb::PutRequest {
        id: id.clone(),
        key: object.key.clone().into(),
        source: object.source.into(),
        kind: object.class.kind.into(),
        framedb_id: object.class.framedb_id.into(),
        content_type: object.content_type.into(),
        metadata: object.metadata.clone().into(),
        data: data.slice(..begun),
        more: begun < data.len(),
        size: data.len() as u64,
    };
    let data = data.clone();
    let chunks = (begun..data.len()).step_by(PIECE).map(move |from| {
        let to = data.len().min(from + PIECE);
        let (id, last) = (id.clone(), to == data.len());
        Message::Chunk(pb::Chunk { id, data: data.slice(from..to), last })
    });
    std::iter::once(Message::Put(put)).chain(chunks)
}

/// How what was read differs from what was sent.
fn difference(object: &Object, sent: &[u8], found: &pb::GetResponse) -> Option<String> {
    let (of, read) = (sent.len(), found.data.len());
    if of != read {
        return Some(format!("{read} bytes came back of {of}"));
    }
    if let Some(place) = sent.iter().zip(&found.data).position(|(one, other)| one != other) {
        return Some(format!("the byte at {place} of {of} is another one"));
    }
    if found.foreign {
        return Some("the node took its own bytes for a foreign writer's".into());
    }
    let metadata = found.info.as_ref().map(|info| &info.metadata[..]);
    (metadata != Some(object.metadata.as_bytes())).then(|| "its metadata is another one".into())
}

#[cfg(test)]
mod tests {
    use super::{
        super::object::{Class, Payload},
        *,
    };
    use pb::stream_request::Message;

    fn object() -> Object {
        Object {
            key: "a".into(),
            key_by_run: false,
            source: "demo-raw",
            class: Class::FILES,
            at: Duration::ZERO,
            content_type: "",
            metadata: "m".into(),
            payload: Payload::Made(Bytes::new()),
        }
    }

    #[test]
    fn large_objects_go_in_pieces_that_make_the_whole() {
        for length in [0, 1, PIECE, PIECE + 1, 3 * PIECE] {
            let data: Bytes = (0..length).map(|n| n as u8).collect();
            let mut whole = Vec::new();
            let mut ended = false;
            for message in messages(7, &object(), &data) {
                assert!(!ended, "{length}");
                let (id, piece, last) = match message {
                    Message::Put(put) => (put.id, put.data, !put.more),
                    Message::Chunk(chunk) => (chunk.id, chunk.data, chunk.last),
                };
                assert!(id == "7" && piece.len() <= PIECE);
                whole.extend_from_slice(&piece);
                ended = last;
            }
            assert!(ended && whole == data, "{length}");
        }
    }

    #[test]
    fn every_difference_is_named() {
        let found = |data: &'static str, metadata: &'static str| pb::GetResponse {
            data: data.into(),
            info: Some(pb::ObjectInfo { metadata: metadata.into(), ..Default::default() }),
            foreign: false,
        };
        let difference = |found| difference(&object(), b"abc", &found);
        assert_eq!(difference(found("abc", "m")), None);
        assert_eq!(difference(found("ab", "m")).unwrap(), "2 bytes came back of 3");
        assert_eq!(difference(found("abd", "m")).unwrap(), "the byte at 2 of 3 is another one");
        assert!(difference(found("abc", "")).unwrap().contains("metadata"));
        let foreign = pb::GetResponse { foreign: true, ..found("abc", "m") };
        assert!(difference(foreign).unwrap().contains("foreign"));
    }
}
