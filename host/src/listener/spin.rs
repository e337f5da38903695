//! `SpinDoor`: an application of Spin behind an address, in place of Spin's own HTTP trigger.

use super::{bind, serve::Http};
use crate::{Result, plugin::spin::Application};
use axum::{Router, body::Body, extract::Request};
use std::{fmt, net::SocketAddr, sync::Arc};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// An open door that leads to an application.
pub struct SpinDoor {
    listener: TcpListener,
    application: Arc<Application>,
}

impl SpinDoor {
    /// Binds an address.
    ///
    /// # Errors
    ///
    /// When it is in use, or may not be used.
    pub async fn open(address: SocketAddr, application: Arc<Application>) -> Result<Self> {
        let listener = bind("http", "listen", Some(address)).await?;
        let listener = listener.ok_or_else(|| {
            crate::Error::new(crate::ErrorKind::Config, "the door has no address")
        })?;
        Ok(Self { listener, application })
    }

    /// Where it is.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        self.listener.local_addr().ok()
    }

    /// Serves HTTP/1.1 and HTTP/2 until `shutdown` resolves; then answers what is under way.
    pub async fn serve(self, shutdown: impl Future<Output = ()> + Send) {
        let application = self.application;
        let router = Router::new().fallback(move |request: Request| {
            let application = application.clone();
            async move { application.answer(request).await.map(Body::new) }
        });
        let closing = CancellationToken::new();
        let serving = Http::new(router).serve(self.listener, closing.clone());
        let mut serving = std::pin::pin!(serving);
        tokio::select! {
            () = &mut serving => return,
            () = shutdown => closing.cancel(),
        }
        serving.await;
    }
}

impl fmt::Debug for SpinDoor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SpinDoor").field("address", &self.address()).finish_non_exhaustive()
    }
}
