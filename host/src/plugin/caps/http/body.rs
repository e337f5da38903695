//! Bodies on their way out of a guest and into it: counted, bounded, and given up in time.

use super::{
    errors,
    taped::{Code, End, fields},
};
use crate::{driver::http::AnswerBody, grants::http::Destination, plugin::tape::Heard};
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::{
    sync::OwnedSemaphorePermit,
    time::{Instant, Sleep, sleep_until},
};
use wasmtime_wasi_http::{Error, WasiBody};

/// Bytes of one body. Bodies stream, so that none of this is kept; what never ends would take a
/// plugin's time to the last.
pub(super) const MAX_BYTES: u64 = 64 << 20;

type Polled = Poll<Option<Result<Frame<Bytes>, Error>>>;

/// A request's body.
pub(crate) struct Outgoing {
    body: WasiBody,
    destination: Destination,
    gone: Arc<AtomicBool>,
    bytes: u64,
    begun: Begun,
}

/// What is known of a body before it is sent.
enum Begun {
    No,
    /// This is its first part.
    With(Frame<Bytes>),
    /// There is none.
    Empty,
}

impl Outgoing {
    pub(super) fn new(body: WasiBody, destination: Destination, gone: Arc<AtomicBool>) -> Self {
        Self { body, destination, gone, bytes: 0, begun: Begun::No }
    }

    /// Waits for the first part, so that a request without one says that it has no body.
    pub(super) async fn begin(&mut self) -> Result<(), Error> {
        self.begun = match self.frame().await {
            Some(frame) => Begun::With(frame?),
            None => Begun::Empty,
        };
        Ok(())
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Polled {
        match std::mem::replace(&mut self.begun, Begun::No) {
            Begun::No => {}
            Begun::With(frame) => return Poll::Ready(Some(Ok(frame))),
            Begun::Empty => return Poll::Ready(None),
        }
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        match &frame {
            // Half of a body must not look like a whole one.
            None if self.gone.load(Ordering::Acquire) => {
                Poll::Ready(Some(Err(Error::ConnectionTerminated)))
            }
            Some(Ok(data)) => {
                let bytes = count(data, &self.destination);
                self.bytes += bytes;
                if self.bytes > MAX_BYTES {
                    return Poll::Ready(Some(Err(Error::HttpRequestBodySize(Some(MAX_BYTES)))));
                }
                Poll::Ready(frame)
            }
            _ => Poll::Ready(frame),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self.begun {
            Begun::No => self.body.is_end_stream(),
            Begun::With(_) => false,
            Begun::Empty => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.begun {
            Begun::No => self.body.size_hint(),
            // The rest of it is not known to be all.
            Begun::With(_) => SizeHint::default(),
            Begun::Empty => SizeHint::with_exact(0),
        }
    }
}

/// An answer's body.
pub(super) struct Incoming {
    body: AnswerBody,
    /// The request counts among those under way until this is dropped.
    _permit: Option<OwnedSemaphorePermit>,
    destination: Destination,
    until: Instant,
    /// How long the next part may take, where the guest says it.
    patience: Option<Duration>,
    /// Runs while a part is waited for.
    late: Option<Pin<Box<Sleep>>>,
    bytes: u64,
    heard: Heard,
}

impl Incoming {
    pub(super) fn new(
        body: AnswerBody,
        permit: Option<OwnedSemaphorePermit>,
        destination: Destination,
        until: Instant,
        patience: Option<Duration>,
        heard: Heard,
    ) -> Self {
        Self { body, _permit: permit, destination, until, patience, late: None, bytes: 0, heard }
    }

    fn give_up_at(&self, now: Instant) -> Instant {
        let patient = self.patience.and_then(|time| now.checked_add(time));
        patient.map_or(self.until, |patient| patient.min(self.until))
    }

    /// The next part, counted and in time.
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Polled {
        let failed = |error| Poll::Ready(Some(Err(error)));
        match Pin::new(&mut self.body).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                self.late = None;
                let bytes = count(&frame, &self.destination);
                self.bytes += bytes;
                if self.bytes > MAX_BYTES {
                    return failed(Error::HttpResponseBodySize(Some(MAX_BYTES)));
                }
                if bytes > 0 && Instant::now() >= self.until {
                    return failed(Error::ConnectionReadTimeout);
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => failed(errors::of_body(&error)),
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => {
                let at = self.give_up_at(Instant::now());
                let late = self.late.get_or_insert_with(|| Box::pin(sleep_until(at)));
                ready!(late.as_mut().poll(cx));
                failed(Error::ConnectionReadTimeout)
            }
        }
    }

    /// Takes down what a part was.
    fn hear(&self, part: Option<&Result<Frame<Bytes>, Error>>) {
        match part {
            Some(Ok(frame)) => match (frame.data_ref(), frame.trailers_ref()) {
                (Some(data), _) => self.heard.items(&[&**data]),
                (None, Some(trailers)) => self.heard.end(&End::Ok(Some(fields(trailers)))),
                (None, None) => {}
            },
            Some(Err(error)) => self.heard.end(&End::Err(Code::of(error))),
            None => self.heard.end(&End::Ok(None)),
        }
    }
}

impl Body for Incoming {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Polled {
        let part = ready!(self.poll_next(cx));
        self.hear(part.as_ref());
        Poll::Ready(part)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Counts a part towards the grant's rate.
fn count(frame: &Frame<Bytes>, destination: &Destination) -> u64 {
    let bytes = frame.data_ref().map_or(0, Bytes::len);
    destination.rate().received(bytes, std::time::Instant::now());
    bytes as u64
}
