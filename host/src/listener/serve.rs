//! Serving HTTP/1.1 and HTTP/2 connections until the door closes.

use axum::Router;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto, graceful::GracefulShutdown},
    service::TowerToHyperService,
};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// How long a client may take to send a request's headers; one that sends none holds no
/// connection open.
const HEADERS_WITHIN: Duration = Duration::from_secs(30);

/// Bytes of headers: metadata has up to 64 KiB, three times as much when it is percent-encoded.
/// HTTP/1.1 takes as much without being told.
const MAX_HEADERS: u32 = 256 << 10;

/// How long to wait after the operating system refused a connection, when it has too many.
const AFTER_REFUSAL: Duration = Duration::from_millis(100);

/// A door that speaks HTTP.
pub(super) struct Http {
    router: Router,
}

impl Http {
    pub(super) fn new(router: Router) -> Self {
        Self { router }
    }

    /// Serves connections until `closing`, then answers the requests under way.
    pub(super) async fn serve(self, listener: TcpListener, closing: CancellationToken) {
        let mut server = auto::Builder::new(TokioExecutor::new());
        server.http1().timer(TokioTimer::new()).header_read_timeout(HEADERS_WITHIN);
        server
            .http2()
            .timer(TokioTimer::new())
            .keep_alive_interval(HEADERS_WITHIN)
            .max_header_list_size(MAX_HEADERS);
        let graceful = GracefulShutdown::new();
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = closing.cancelled() => break,
            };
            let stream = match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "could not accept a connection");
                    tokio::time::sleep(AFTER_REFUSAL).await;
                    continue;
                }
            };
            // Small answers leave at once.
            let _ = stream.set_nodelay(true);
            let service = TowerToHyperService::new(self.router.clone());
            let connection = server.serve_connection(TokioIo::new(stream), service).into_owned();
            let connection = graceful.watch(connection);
            tokio::spawn(async move {
                if let Err(error) = connection.await {
                    tracing::debug!(error, "a connection ended with an error");
                }
            });
        }
        drop(listener);
        graceful.shutdown().await;
    }
}
