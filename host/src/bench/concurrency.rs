//! What calls in flight gain: a plugin that asks a service over HTTP/2 for every object, one call
//! at a time and 256 at once.

use super::{
    Effort, Report, failed, median,
    proto::{PlaceResponse, Placement, Verdict, verdict},
    stage::{batch, load},
};
use crate::{
    Error, ErrorKind, Result,
    grants::GrantsConfig,
    plugin::{Isolation, Limits, PluginConfig, Pool},
};
use bytes::{BufMut as _, Bytes, BytesMut};
use framedb_core::Object;
use futures::{future::try_join_all, stream};
use http::{HeaderMap, HeaderValue, Request, Response, header};
use http_body::{Body, Frame};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use prost::Message as _;
use serde_json::json;
use std::{
    convert::Infallible,
    net::SocketAddr,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::net::TcpListener;

/// The plugin that asks.
const ROUTER: &str = "resolve-grpc";

/// Calls in flight.
const AT_ONCE: usize = 256;

/// How long the service takes.
const TAKES: Duration = Duration::from_millis(1);

pub(super) async fn measure(scratch: &Path, effort: Effort, report: &mut Report) -> Result<()> {
    let service = Service::start().await?;
    let config = config(service.address)?;
    let pool = Arc::new(load(scratch, ROUTER, Isolation::Pipeline, &config).await?);
    let object = Arc::new(batch(1, 1 << 10)?);
    // Connections are made, and instances, before it counts.
    rate(&pool, &object, AT_ONCE, effort.senders / 4).await?;
    let (mut gains, mut rates, mut alone) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..effort.engine_rounds {
        let one = rate(&pool, &object, 1, effort.senders).await?;
        let many = rate(&pool, &object, AT_ONCE, effort.senders).await?;
        gains.push(many / one);
        rates.push(many);
        alone.push(one);
    }
    service.serving.abort();
    report.add("concurrency-gain", median(gains), "ratio");
    report.add(
        "calls-256-rate",
        median(rates),
        "calls/s, 256 in flight, a service that takes 1 ms",
    );
    report.add("calls-1-rate", median(alone), "calls/s, one at a time");
    Ok(())
}

/// Calls a second, of so many callers.
async fn rate(
    pool: &Arc<Pool>,
    object: &Arc<Vec<Object>>,
    callers: usize,
    time: Duration,
) -> Result<f64> {
    let started = Instant::now();
    let call = |_| {
        let (pool, object) = (pool.clone(), object.clone());
        // On all threads, as pipelines call.
        tokio::spawn(async move {
            let batch: Vec<&Object> = object.iter().collect();
            let mut calls = 0_usize;
            while started.elapsed() < time {
                if let Some(Err(fault)) = pool.resolve(&batch).await.pop() {
                    return Err(Error::new(ErrorKind::Plugin, fault.failure.message));
                }
                calls += 1;
            }
            Ok(calls)
        })
    };
    let ended = try_join_all((0..callers).map(call)).await;
    let ended = ended.map_err(|source| failed("call the plugin").with_source(source))?;
    let calls: usize = ended.into_iter().sum::<Result<usize>>()?;
    Ok(calls as f64 / started.elapsed().as_secs_f64())
}

fn config(address: SocketAddr) -> Result<PluginConfig> {
    let grants = format!(
        "[http.routes]\nhost = '127.0.0.1'\nports = [{}]\nschemes = ['http']\n\
         plaintext-http2 = true\nprivate = ['127.0.0.1']\n",
        address.port()
    );
    let read = toml::from_str::<GrantsConfig>(&grants);
    let grants = read.map_err(|source| failed("read the bench's grants").with_source(source))?;
    let settings = [("grpc_address".to_owned(), json!("http://routes"))].into();
    let limits = Limits { instances: AT_ONCE, ..Limits::default() };
    Ok(PluginConfig { settings, grants, limits, ..PluginConfig::default() })
}

/// The service, on a loopback port: over bare HTTP/2, because what is measured is who asks it.
struct Service {
    address: SocketAddr,
    serving: tokio::task::JoinHandle<()>,
}

impl Service {
    async fn start() -> Result<Self> {
        let refused = |source| failed("start the service").with_source(source);
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let answer = answer();
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // Without it answers may wait for others.
                let _ = stream.set_nodelay(true);
                let answer = answer.clone();
                tokio::spawn(async move {
                    let service = service_fn(|request| place(request, answer.clone()));
                    let server = auto::Builder::new(TokioExecutor::new()).http2_only();
                    // It ends with the client's connection.
                    let _ = server.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Ok(Self { address, serving })
    }
}

/// Places the one object of a call where its sender said, after a while.
async fn place(
    request: Request<Incoming>,
    answer: Bytes,
) -> Result<Response<impl Body<Data = Bytes, Error = Infallible>>, Infallible> {
    // A call that breaks off is answered for nobody.
    let _ = request.into_body().collect().await;
    tokio::time::sleep(TAKES).await;
    let status = HeaderMap::from_iter([(
        header::HeaderName::from_static("grpc-status"),
        HeaderValue::from_static("0"),
    )]);
    let frames = [Ok(Frame::data(answer)), Ok(Frame::trailers(status))];
    let mut response = Response::new(StreamBody::new(stream::iter(frames)));
    let grpc = HeaderValue::from_static("application/grpc");
    response.headers_mut().insert(header::CONTENT_TYPE, grpc);
    Ok(response)
}

/// The answer as it is sent: whether it is compressed, how long it is, and itself.
fn answer() -> Bytes {
    let place = verdict::Verdict::Place(Placement::default());
    let answer = PlaceResponse { verdicts: vec![Verdict { verdict: Some(place) }] };
    let message = answer.encode_to_vec();
    let mut sent = BytesMut::new();
    sent.put_u8(0);
    sent.put_u32(u32::try_from(message.len()).unwrap_or_default());
    sent.put_slice(&message);
    sent.freeze()
}
