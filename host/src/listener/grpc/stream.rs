//! An ingestion stream: puts and chunks in, receipts out in any order.
//!
//! Reading and answering are two tasks, so that a receipt never waits for the next put. A full
//! node stops reading, and HTTP/2's flow control makes the sender wait.

use super::{convert, edge_v1 as pb};
use crate::{
    aside::step_aside,
    pipeline::{Answer, Arrival, Ingress, Permit, Reply},
};
use bytes::{Bytes, BytesMut};
use framedb_core::Failure;
use std::{
    collections::{HashMap, HashSet},
    pin::Pin,
    task::{Context, Poll},
};
use tokio::{
    sync::mpsc,
    task::{JoinHandle, unconstrained},
};
use tokio_stream::Stream;
use tokio_util::sync::CancellationToken;
use tonic::{Status, Streaming};

/// Objects of one stream that may be in pieces at once.
const MAX_PARTIAL: usize = 256;

/// Messages that are read before other tasks go first: about a batch.
const AT_ONCE: usize = 256;

/// The receipts of a stream; ends when all its objects have ended.
pub(super) struct Receipts {
    answers: mpsc::UnboundedReceiver<Answer>,
    reading: Option<JoinHandle<Result<(), Status>>>,
}

/// An object of which more is to come.
struct Partial {
    arrival: Arrival,
    data: BytesMut,
    size: Option<u64>,
    permit: Permit,
}

struct Reader {
    ingress: Ingress,
    // Bounded by the permits that answers hold.
    answers: mpsc::UnboundedSender<Answer>,
    partial: HashMap<String, Partial>,
    /// Ids of refused objects whose remaining chunks are passed over.
    skipped: HashSet<String>,
}

/// Begins to read a stream.
pub(super) fn start(
    ingress: Ingress,
    incoming: Streaming<pb::StreamRequest>,
    closing: CancellationToken,
) -> Receipts {
    let (answers, receiver) = mpsc::unbounded_channel();
    let reader = Reader { ingress, answers, partial: HashMap::new(), skipped: HashSet::new() };
    // It lets others go first by itself: at the end of Tokio's budget it would wait until its
    // thread has nothing else to do, which is a batch in the stages later.
    let reading = tokio::spawn(unconstrained(reader.read(incoming, closing)));
    Receipts { answers: receiver, reading: Some(reading) }
}

impl Reader {
    async fn read(
        mut self,
        mut incoming: Streaming<pb::StreamRequest>,
        closing: CancellationToken,
    ) -> Result<(), Status> {
        let mut count = 0;
        let ended = loop {
            count += 1;
            if count % AT_ONCE == 0 {
                step_aside().await;
            }
            let next = tokio::select! {
                biased;
                // What was sent before the node began to close may be lost unread; it has no
                // receipt, and the sender tries again.
                () = closing.cancelled() => {
                    break Err(Status::unavailable("the node is shutting down"));
                }
                next = self.next(&mut incoming) => next,
            };
            match next {
                Ok(Some(Some(pb::stream_request::Message::Put(put)))) => self.put(put).await,
                Ok(Some(Some(pb::stream_request::Message::Chunk(chunk)))) => {
                    self.chunk(chunk).await
                }
                Ok(Some(None)) => {
                    let failure =
                        Failure::invalid("a message on the stream is neither a put nor a chunk");
                    self.refuse(&Arrival::default(), failure, Permit::default());
                }
                Ok(None) => break Ok(()),
                Err(status) => break Err(status),
            }
        };
        let why = match &ended {
            Ok(()) => "the stream ended".to_owned(),
            Err(status) => format!("the stream ended ({})", status.message()),
        };
        for (_, partial) in std::mem::take(&mut self.partial) {
            let received = partial.data.len();
            let of = partial.size.map(|size| format!(" of {size}")).unwrap_or_default();
            let failure = Failure::invalid(format_args!("{why} after {received}{of} bytes"));
            self.refuse(&partial.arrival, failure, partial.permit);
        }
        ended
    }

    /// The next message, which may say nothing. An object that is in pieces must go on within the deadline of objects,
    /// because it holds room in the node.
    async fn next(
        &self,
        incoming: &mut Streaming<pb::StreamRequest>,
    ) -> Result<Option<Option<pb::stream_request::Message>>, Status> {
        let message = if self.partial.is_empty() {
            incoming.message().await?
        } else {
            let deadline = self.ingress.deadline;
            tokio::time::timeout(deadline, incoming.message()).await.map_err(|_| {
                Status::deadline_exceeded(format!(
                    "no chunk for {}",
                    humantime::format_duration(deadline)
                ))
            })??
        };
        Ok(message.map(|request| request.message))
    }

    async fn put(&mut self, put: pb::PutRequest) {
        let (more, size) = (put.more, put.size);
        let (arrival, problem) = convert::arrival(put);
        if let Some(problem) = problem {
            self.refuse(&arrival, Failure::invalid(problem), Permit::default());
            return self.skip(more, arrival);
        }
        if more {
            return self.begin(arrival, (size > 0).then_some(size)).await;
        }
        match self.admit(arrival.data.len() as u64).await {
            Ok(permit) => self.submit(arrival, permit).await,
            Err(failure) => self.refuse(&arrival, failure, Permit::default()),
        }
    }

    /// Begins an object in pieces. Room for all of it is taken at once, because waiting for it
    /// piece by piece would let several halves wait for each other.
    async fn begin(&mut self, arrival: Arrival, size: Option<u64>) {
        let problem = if arrival.id.is_empty() {
            Some("a put with `more` needs an id, which its chunks repeat".to_owned())
        } else if self.partial.contains_key(&arrival.id) {
            Some("an object with this id is still being sent on this stream".to_owned())
        } else if self.partial.len() >= MAX_PARTIAL {
            Some(format!("{MAX_PARTIAL} objects are being sent in pieces on this stream"))
        } else {
            None
        };
        if let Some(problem) = problem {
            self.refuse(&arrival, Failure::invalid(problem), Permit::default());
            return self.skip(true, arrival);
        }
        let max_object = self.ingress.admission().max_object();
        match self.admit(size.unwrap_or(max_object)).await {
            Ok(permit) => {
                self.skipped.remove(&arrival.id);
                let mut arrival = arrival;
                let begun = std::mem::take(&mut arrival.data);
                let mut partial = Partial { arrival, data: BytesMut::new(), size, permit };
                match self.append(&mut partial, &begun) {
                    Ok(()) => drop(self.partial.insert(partial.arrival.id.clone(), partial)),
                    Err(failure) => {
                        self.refuse(&partial.arrival, failure, partial.permit);
                        self.skip(true, partial.arrival);
                    }
                }
            }
            Err(failure) => {
                self.refuse(&arrival, failure, Permit::default());
                self.skip(true, arrival);
            }
        }
    }

    async fn chunk(&mut self, chunk: pb::Chunk) {
        let Some(mut partial) = self.partial.remove(&chunk.id) else {
            if self.skipped.contains(&chunk.id) {
                if chunk.last {
                    self.skipped.remove(&chunk.id);
                }
                return;
            }
            let arrival = Arrival { id: chunk.id, ..Arrival::default() };
            let failure = Failure::invalid(
                "a chunk continues no object: no put with its id and `more` came before it",
            );
            self.refuse(&arrival, failure, Permit::default());
            return self.skip(!chunk.last, arrival);
        };
        if let Err(failure) = self.append(&mut partial, &chunk.data) {
            self.refuse(&partial.arrival, failure, partial.permit);
            return self.skip(!chunk.last, partial.arrival);
        }
        if !chunk.last {
            self.partial.insert(chunk.id, partial);
            return;
        }
        let Partial { mut arrival, data, size, permit } = partial;
        if let Some(size) = size.filter(|size| *size != data.len() as u64) {
            let problem = format!("{} bytes came where {size} were announced", data.len());
            return self.refuse(&arrival, Failure::invalid(problem), permit);
        }
        arrival.data = data.freeze();
        self.submit(arrival, permit).await;
    }

    fn append(&self, partial: &mut Partial, data: &Bytes) -> Result<(), Failure> {
        let total = partial.data.len() as u64 + data.len() as u64;
        let admission = self.ingress.admission();
        if total > admission.max_object() {
            return Err(admission.too_large(Some(total)));
        }
        if let Some(size) = partial.size.filter(|size| total > *size) {
            let problem = format!("more bytes came than the {size} that were announced");
            return Err(Failure::invalid(problem));
        }
        partial.data.extend_from_slice(data);
        Ok(())
    }

    /// Waits for room. While objects of this stream are in pieces it does not: the room may be
    /// theirs, and they end only when the stream is read.
    async fn admit(&self, size: u64) -> Result<Permit, Failure> {
        let admission = self.ingress.admission();
        if self.partial.is_empty() {
            admission.admit(size).await
        } else {
            admission.try_admit(size)
        }
    }

    async fn submit(&self, arrival: Arrival, permit: Permit) {
        self.ingress.submit(arrival, permit, Reply::Stream(self.answers.clone())).await;
    }

    fn refuse(&self, arrival: &Arrival, failure: Failure, permit: Permit) {
        let receipt = self.ingress.refuse(arrival, failure);
        // Fails when the receiver of receipts has gone, who then does not miss this one.
        let _ = self.answers.send(Answer { receipt, permit });
    }

    /// Passes over the chunks of a refused object that are still to come.
    fn skip(&mut self, more: bool, arrival: Arrival) {
        if more && self.skipped.len() < MAX_PARTIAL {
            self.skipped.insert(arrival.id);
        }
    }
}

impl Stream for Receipts {
    type Item = Result<pb::Receipt, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match self.answers.poll_recv(cx) {
            // The permit is given back here, where the receipt goes to the connection.
            Poll::Ready(Some(answer)) => Poll::Ready(Some(Ok(convert::receipt(answer.receipt)))),
            Poll::Pending => Poll::Pending,
            Poll::Ready(None) => {
                // All objects have ended, so reading has: how, is the end of the stream.
                let Some(reading) = self.reading.as_mut() else { return Poll::Ready(None) };
                let ended = std::task::ready!(Pin::new(reading).poll(cx));
                self.reading = None;
                match ended {
                    Ok(Err(status)) => Poll::Ready(Some(Err(status))),
                    Ok(Ok(())) | Err(_) => Poll::Ready(None),
                }
            }
        }
    }
}

impl Drop for Receipts {
    fn drop(&mut self) {
        // The sender has gone; what it sent whole is still stored.
        if let Some(reading) = &self.reading {
            reading.abort();
        }
    }
}
