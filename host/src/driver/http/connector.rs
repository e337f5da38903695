//! `Connector`: connections for the requests of plugins, TLS and HTTP's version included.

use super::resolver::{Check, Resolver};
use crate::{Error, ErrorKind, Result, driver::tls};
use futures::future::BoxFuture;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use rustls::{ClientConfig, RootCertStore};
use std::{
    io,
    path::Path,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};
use tower::{Service, ServiceExt as _};

/// How long a connection may take to open, from the lookup of its host to the end of TLS's
/// handshake.
const TO_CONNECT: Duration = Duration::from_secs(5);

/// Connections of a grant, those included that wait for another request.
const CONNECTIONS: usize = 256;

pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;

type Stream = <HttpsConnector<HttpConnector<Resolver>> as Service<http::Uri>>::Response;

/// Opens connections to addresses that pass a check, so many at most.
#[derive(Clone)]
pub(super) struct Connector {
    secure: HttpsConnector<HttpConnector<Resolver>>,
    room: Arc<Semaphore>,
}

impl Connector {
    /// Opens connections over TLS, and nothing yet. `authorities` is a file of certificates to
    /// trust, in PEM, in place of the system's.
    ///
    /// # Errors
    ///
    /// When the certificates cannot be read.
    pub(super) fn secure(check: Check, authorities: Option<&Path>) -> Result<Self> {
        Ok(Self::new(check, trust(authorities)?))
    }

    /// Opens connections in the clear, for which a machine needs no certificates.
    pub(super) fn plain(check: Check) -> Self {
        tls::install();
        let nobody = ClientConfig::builder().with_root_certificates(RootCertStore::empty());
        Self::new(check, nobody.with_no_client_auth())
    }

    fn new(check: Check, trust: ClientConfig) -> Self {
        let mut plain = HttpConnector::new_with_resolver(Resolver::new(check));
        plain.enforce_http(false);
        plain.set_nodelay(true);
        plain.set_connect_timeout(Some(TO_CONNECT));
        let secure = HttpsConnectorBuilder::new()
            .with_tls_config(trust)
            .https_or_http()
            .enable_all_versions()
            .wrap_connector(plain);
        Self { secure, room: Arc::new(Semaphore::new(CONNECTIONS)) }
    }
}

/// Which servers are believed.
fn trust(authorities: Option<&Path>) -> Result<ClientConfig> {
    let read = || -> Result<ClientConfig, BoxError> {
        let pem = authorities.map(std::fs::read).transpose()?;
        tls::trusting(pem.as_deref())
    };
    read().map_err(|cause| {
        let what = match authorities {
            Some(file) => format!("cannot read the certificates to trust from {}", file.display()),
            None => "cannot use the system's certificates".to_owned(),
        };
        Error::new(ErrorKind::Config, what)
            .with_source(cause)
            .with_hint("name a file of certificates in PEM as `ssl-ca` in the grant")
    })
}

impl Service<http::Uri> for Connector {
    type Response = Leased;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Leased, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: http::Uri) -> Self::Future {
        let Self { secure, room } = self.clone();
        Box::pin(async move {
            let room = room.acquire_owned().await?;
            let stream = timeout(TO_CONNECT, secure.oneshot(uri)).await??;
            Ok(Leased { stream, _room: room })
        })
    }
}

/// An open connection, which counts until it is closed.
pub(super) struct Leased {
    stream: Stream,
    _room: OwnedSemaphorePermit,
}

impl Connection for Leased {
    fn connected(&self) -> Connected {
        self.stream.connected()
    }
}

impl Read for Leased {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl Write for Leased {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, parts)
    }
}
