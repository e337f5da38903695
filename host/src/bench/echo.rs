//! A bare tonic service that sends back what it receives: what the streaming door is held
//! against.

use super::{failed, sender};
use crate::{Result, listener::grpc::edge_v1::StreamRequest};
use std::{
    convert::Infallible,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
};
use tokio::net::TcpListener;
use tokio_stream::Stream;
use tonic::{
    Request, Response, Status, Streaming,
    body::Body,
    codegen::{BoxFuture, Service},
    server::{Grpc, NamedService, StreamingService},
    transport::{Server, server::TcpIncoming},
};
use tonic_prost::ProstCodec;

/// The call that echoes.
pub(super) const PATH: &str = "/framedb.bench.Echo/Stream";

/// The echo, serving on a loopback port.
pub(super) struct Echo {
    pub(super) address: SocketAddr,
    serving: tokio::task::JoinHandle<()>,
}

impl Echo {
    pub(super) async fn start() -> Result<Self> {
        let refused = |source| failed("start the echo").with_source(source);
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let serving = tokio::spawn(async move {
            let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
            let server = Server::builder()
                .initial_stream_window_size(sender::STREAM_WINDOW)
                .initial_connection_window_size(sender::CONNECTION_WINDOW)
                .add_service(EchoService);
            // It ends when the bench aborts it.
            let _ = server.serve_with_incoming(incoming).await;
        });
        Ok(Self { address, serving })
    }

    pub(super) fn stop(self) {
        self.serving.abort();
    }
}

#[derive(Debug, Clone, Copy)]
struct EchoService;

type Messages = Pin<Box<dyn Stream<Item = Result<StreamRequest, Status>> + Send>>;

impl NamedService for EchoService {
    const NAME: &'static str = "framedb.bench.Echo";
}

impl Service<http::Request<Body>> for EchoService {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(async move {
            let codec = ProstCodec::<StreamRequest, StreamRequest>::default();
            Ok(Grpc::new(codec).streaming(SendBack, request).await)
        })
    }
}

struct SendBack;

impl StreamingService<StreamRequest> for SendBack {
    type Response = StreamRequest;
    type ResponseStream = Messages;
    type Future = BoxFuture<Response<Messages>, Status>;

    fn call(&mut self, request: Request<Streaming<StreamRequest>>) -> Self::Future {
        let messages: Messages = Box::pin(request.into_inner());
        Box::pin(async move { Ok(Response::new(messages)) })
    }
}
