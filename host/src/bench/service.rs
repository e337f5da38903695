//! A service over bare HTTP/2 on a loopback port, which takes a millisecond for every answer:
//! what is measured is who asks it.

use super::{
    failed,
    proto::{PlaceResponse, Placement, Verdict, verdict},
};
use crate::{Result, driver::http::BoxError};
use bytes::{BufMut as _, Bytes, BytesMut};
use futures::stream;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, header};
use http_body::{Body, Frame};
use http_body_util::{BodyExt as _, Either, Empty, StreamBody};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use prost::Message as _;
use std::{convert::Infallible, net::SocketAddr, time::Duration};
use tokio::net::TcpListener;

/// How long the service takes.
const TAKES: Duration = Duration::from_millis(1);

/// The service; it ends with this.
pub(super) struct Service {
    pub(super) address: SocketAddr,
    serving: tokio::task::JoinHandle<()>,
}

impl Service {
    pub(super) async fn start() -> Result<Self> {
        let refused = |source| failed("start the service").with_source(source);
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let placement = placement();
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // Without it answers may wait for others.
                let _ = stream.set_nodelay(true);
                let placement = placement.clone();
                tokio::spawn(async move {
                    let service = service_fn(|request| answer(request, placement.clone()));
                    let server = auto::Builder::new(TokioExecutor::new()).http2_only();
                    // It ends with the client's connection.
                    let _ = server.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Ok(Self { address, serving })
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// Answers `GET` with a 200, and a call of gRPC with a placement where the sender said.
async fn answer(
    request: Request<Incoming>,
    placement: Bytes,
) -> Result<Response<impl Body<Data = Bytes, Error = BoxError>>, Infallible> {
    let is_call = request.method() == Method::POST;
    // A call that breaks off is answered for nobody.
    let _ = request.into_body().collect().await;
    tokio::time::sleep(TAKES).await;
    if !is_call {
        return Ok(Response::new(Either::Left(Empty::new())));
    }
    let status = (HeaderName::from_static("grpc-status"), HeaderValue::from_static("0"));
    let status = HeaderMap::from_iter([status]);
    let frames = [Ok::<_, Infallible>(Frame::data(placement)), Ok(Frame::trailers(status))];
    let mut response = Response::new(Either::Right(StreamBody::new(stream::iter(frames))));
    let grpc = HeaderValue::from_static("application/grpc");
    response.headers_mut().insert(header::CONTENT_TYPE, grpc);
    Ok(response)
}

/// The placement of one object as it is sent: whether it is compressed, how long it is, and
/// itself.
fn placement() -> Bytes {
    let place = verdict::Verdict::Place(Placement::default());
    let answer = PlaceResponse { verdicts: vec![Verdict { verdict: Some(place) }] };
    let message = answer.encode_to_vec();
    let mut sent = BytesMut::new();
    sent.put_u8(0);
    sent.put_u32(u32::try_from(message.len()).unwrap_or_default());
    sent.put_slice(&message);
    sent.freeze()
}
