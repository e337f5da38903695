//! Sends objects over the streaming door, as a client does.

use super::failed;
use crate::{
    Error, ErrorKind, Result,
    listener::grpc::edge_v1::{self as pb, ingest_client::IngestClient},
};
use bytes::Bytes;
use std::net::SocketAddr;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Streaming, transport::Channel};

/// Flow control windows of both ends, those of the node's door.
pub(super) const STREAM_WINDOW: u32 = 1 << 20;
pub(super) const CONNECTION_WINDOW: u32 = 8 << 20;

/// Bytes of a payload.
pub(super) const SIZE: usize = 1 << 10;

/// Puts under way at once.
const WINDOW: usize = 4096;

/// What is sent in a round.
#[derive(Debug, Clone, Copy)]
pub(super) struct Load {
    /// The instance it goes to, which keeps in-memory objects.
    pub(super) framedb_id: &'static str,
    pub(super) objects: usize,
    pub(super) keys: Keys,
}

/// Which keys are written.
#[derive(Debug, Clone, Copy)]
pub(super) enum Keys {
    /// So many, one after the other and then again, so that memory stays flat.
    InTurn(usize),
    /// So many, drawn at random.
    Random(usize),
}

/// Connects to a door of this process.
pub(super) async fn connect(address: SocketAddr) -> Result<Channel> {
    let endpoint = tonic::transport::Endpoint::from_shared(format!("http://{address}"))
        .map_err(|source| failed("connect to the door").with_source(source))?
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .tcp_nodelay(true);
    let connected = endpoint.connect().await;
    connected.map_err(|source| failed("connect to the door").with_source(source))
}

/// Puts of 1 KiB, made while they are sent.
pub(super) fn puts(load: Load) -> ReceiverStream<pb::StreamRequest> {
    let (puts, waiting) = mpsc::channel(WINDOW);
    let payload = Bytes::from(vec![7; SIZE]);
    // It ends with the stream.
    tokio::spawn(async move {
        for n in 0..load.objects {
            let key = match load.keys {
                Keys::InTurn(count) => n % count.max(1),
                Keys::Random(count) => fastrand::usize(..count.max(1)),
            };
            let put = pb::PutRequest {
                id: n.to_string(),
                key: Bytes::from(format!("bench/{key}")),
                kind: pb::Kind::InMemory.into(),
                framedb_id: load.framedb_id.into(),
                data: payload.clone(),
                ..pb::PutRequest::default()
            };
            let message = Some(pb::stream_request::Message::Put(put));
            if puts.send(pb::StreamRequest { message }).await.is_err() {
                return;
            }
        }
    });
    ReceiverStream::new(waiting)
}

/// Sends a load over one stream, and waits until all of it is stored.
///
/// # Errors
///
/// When the stream breaks, an object is not stored, or a receipt is missing.
pub(super) async fn store(channel: Channel, load: Load) -> Result<()> {
    let receipts = IngestClient::new(channel).stream(puts(load)).await;
    let receipts = receipts.map_err(|source| failed("open a stream").with_source(source))?;
    answered(receipts.into_inner(), load.objects, stored).await
}

/// Reads a stream to its end, checking each message and how many there are.
pub(super) async fn answered<T>(
    mut messages: Streaming<T>,
    objects: usize,
    check: impl Fn(T) -> Result<()>,
) -> Result<()> {
    let mut count = 0;
    loop {
        let message = messages.message().await;
        match message.map_err(|source| failed("read the answers").with_source(source))? {
            Some(message) => check(message)?,
            None if count == objects => return Ok(()),
            None => {
                let message = format!("{count} answers came for {objects} objects");
                return Err(Error::new(ErrorKind::Invalid, message));
            }
        }
        count += 1;
    }
}

fn stored(receipt: pb::Receipt) -> Result<()> {
    if receipt.outcome == i32::from(pb::Outcome::Stored) {
        return Ok(());
    }
    let message = format!("the bench's object was not stored: {}", receipt.message);
    Err(Error::new(ErrorKind::Invalid, message))
}
