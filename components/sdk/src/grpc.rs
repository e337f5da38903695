//! gRPC: a channel for the clients that tonic generates, over [`http`](crate::http).
//!
//! ```ignore
//! let channel = Channel::new("http://routes")?.timeout(Duration::from_secs(1));
//! let answer = ResolverClient::new(channel).place(request).await?;
//! ```
//!
//! `routes` is the label of a grant, `[plugins.NAME.grants.http.routes]`, with
//! `plaintext-http2 = true` where the service speaks without TLS. In `Cargo.toml`, tonic is
//! wanted without its own transport: `tonic = { default-features = false, features =
//! ["codegen"] }`. Calls of one message each and streams of answers work as everywhere; a
//! stream of requests is sent as the service takes it.

use crate::http::{self as requests, Error, Incoming, Timeout};
use http::{
    Request, Response, Uri,
    uri::{Authority, PathAndQuery, Scheme},
};
use std::{
    error,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

/// A service's address; cheap to clone. Connections are the node's.
#[derive(Debug, Clone)]
pub struct Channel {
    scheme: Scheme,
    authority: Authority,
    timeout: Option<Timeout>,
}

impl Channel {
    /// A service at `http://host[:port]` or `https://host[:port]`; the host may be the label of
    /// a grant, whose host and port then count.
    ///
    /// # Errors
    ///
    /// Says what was expected.
    pub fn new(address: &str) -> Result<Self, String> {
        let wrong = || format!("{address:?} is not an address such as `http://routes`");
        let uri = address.parse::<Uri>().map_err(|_| wrong())?.into_parts();
        let bare = |path: Option<PathAndQuery>| path.is_none_or(|path| path.as_str() == "/");
        match (uri.scheme, uri.authority) {
            (Some(scheme), Some(authority))
                if (scheme == Scheme::HTTP || scheme == Scheme::HTTPS)
                    && bare(uri.path_and_query) =>
            {
                Ok(Self { scheme, authority, timeout: None })
            }
            _ => Err(wrong()),
        }
    }

    /// How long an answer may take to begin, and its next part to follow.
    #[must_use]
    pub fn timeout(mut self, time: Duration) -> Self {
        self.timeout = Some(Timeout(time));
        self
    }
}

impl<B> tower_service::Service<Request<B>> for Channel
where
    B: http_body::Body + 'static,
    B::Data: Into<Vec<u8>>,
    B::Error: Into<Box<dyn error::Error + Send + Sync>>,
{
    type Response = Response<Incoming>;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Error>>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let Self { scheme, authority, timeout } = self.clone();
        if let Some(timeout) = timeout {
            request.extensions_mut().insert(timeout);
        }
        Box::pin(async move {
            let mut parts = request.uri().clone().into_parts();
            parts.scheme = Some(scheme);
            parts.authority = Some(authority);
            *request.uri_mut() = Uri::from_parts(parts).map_err(Error::other)?;
            requests::send(request).await
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_scheme_and_a_host() {
        for address in ["http://routes", "https://routes.example:443/"] {
            assert!(Channel::new(address).is_ok(), "{address}");
        }
        for address in ["routes", "ftp://routes", "http://", "http://routes/path", ""] {
            assert!(Channel::new(address).is_err(), "{address}");
        }
    }
}
