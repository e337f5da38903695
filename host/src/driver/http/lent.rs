//! `Lent`: what sends requests for plugins, over HTTP/1.1 and HTTP/2.
//!
//! Connections wait for the next request. They are one grant's alone: an address that passed
//! the check of one grant may be refused by another one.

use super::{
    connector::{BoxError, Connector},
    resolver::Check,
};
use crate::Result;
use bytes::Bytes;
use http::{Request, Response};
use hyper::body::{Body, Incoming};
use hyper_util::{
    client::legacy::{self, Client},
    rt::{TokioExecutor, TokioTimer},
};
use std::{fmt, path::Path, sync::Arc, time::Duration};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Requests of a grant at once, until their answers have been read; more wait for their turn.
const REQUESTS: usize = 1024;

/// How long a connection waits for another request.
const IDLE: Duration = Duration::from_secs(15);

/// Connections to one server that wait for another request.
const IDLE_CONNECTIONS: usize = 64;

/// Headers of an answer, and their bytes: what servers and proxies commonly send at most.
const HEADERS: usize = 100;
const HEADER_BYTES: u32 = 32 << 10;

/// Bytes of an answer that the node reads ahead of a plugin, and of all answers on a connection.
const WINDOW: u32 = 256 << 10;
const CONNECTION_WINDOW: u32 = 4 << 20;

/// How servers are spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Speaks {
    /// Over TLS, whose handshake chooses HTTP/2 or HTTP/1.1.
    Tls,
    /// In the clear, HTTP/1.1.
    Http1,
    /// In the clear, HTTP/2.
    Http2,
}

/// The body of an answer, which comes while it is read.
pub(crate) type AnswerBody = Incoming;

/// Sends the requests of one grant.
pub(crate) struct Lent<B> {
    client: Client<Connector, B>,
    room: Arc<Semaphore>,
}

impl<B> Lent<B>
where
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<BoxError>,
{
    /// Connects to addresses that pass `check`, and to nothing yet. `authorities` is a file of
    /// certificates to trust in place of the system's.
    ///
    /// # Errors
    ///
    /// When the certificates that TLS needs cannot be read.
    pub(crate) fn new(check: Check, speaks: Speaks, authorities: Option<&Path>) -> Result<Self> {
        let connector = match speaks {
            Speaks::Tls => Connector::secure(check, authorities)?,
            Speaks::Http1 | Speaks::Http2 => Connector::plain(check),
        };
        let client = Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(IDLE_CONNECTIONS)
            .http1_max_headers(HEADERS)
            .http1_max_buf_size(HEADER_BYTES as usize)
            .http2_only(speaks == Speaks::Http2)
            .http2_max_header_list_size(HEADER_BYTES)
            .http2_initial_stream_window_size(WINDOW)
            .http2_initial_connection_window_size(CONNECTION_WINDOW)
            .build(connector);
        Ok(Self { client, room: Arc::new(Semaphore::new(REQUESTS)) })
    }

    /// Sends a request as it is: redirects are its sender's affair. The permit is to be kept
    /// until the answer has been read.
    ///
    /// # Errors
    ///
    /// When no answer began; [`Fault::of`](super::Fault::of) knows why.
    pub(crate) async fn send(
        &self,
        request: Request<B>,
    ) -> Result<(Response<AnswerBody>, Option<OwnedSemaphorePermit>), legacy::Error> {
        // Nobody closes it, so there is a permit.
        let permit = self.room.clone().acquire_owned().await.ok();
        Ok((self.client.request(request).await?, permit))
    }
}

impl<B> fmt::Debug for Lent<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lent").finish_non_exhaustive()
    }
}
