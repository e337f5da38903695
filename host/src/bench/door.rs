//! 1 KiB objects over the streaming door into `memory:`: native identity, three sandboxed
//! stages that do nothing, and a bare tonic service that echoes the same messages.

use super::{
    Effort, Report, cpu_seconds,
    echo::{self, Echo},
    median,
};
use crate::{
    Error, ErrorKind, Result, Worker,
    config::{Address, Config, DEFAULT_PIPELINE},
    listener::grpc::edge_v1::{self as pb, ingest_client::IngestClient},
    pipeline::PipelineConfig,
};
use bytes::Bytes;
use std::{net::SocketAddr, path::Path, time::Instant};
use tokio::sync::{mpsc, oneshot};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming, transport::Channel};

/// Flow control windows of both ends, those of the node's door.
pub(super) const STREAM_WINDOW: u32 = 1 << 20;
pub(super) const CONNECTION_WINDOW: u32 = 8 << 20;

/// Bytes of a payload.
const SIZE: usize = 1 << 10;

/// Keys that are written over and over, so that memory stays flat.
const KEYS: usize = 1 << 16;

/// Puts under way at once.
const WINDOW: usize = 4096;

/// The plugin of the sandboxed stages.
const PASS: &str = "pass-through";

/// The side that is not a node.
const ECHO: &str = "echo";

/// One side of the comparison.
struct Side {
    name: &'static str,
    channel: Channel,
    rates: Vec<f64>,
    cpu: Vec<f64>,
}

pub(super) async fn measure(scratch: &Path, effort: Effort, report: &mut Report) -> Result<()> {
    let stages = PipelineConfig {
        ingest: vec![PASS.into()],
        resolve: Some(PASS.into()),
        serialize: Some(PASS.into()),
        ..PipelineConfig::default()
    };
    let native = Running::start(scratch, "native", PipelineConfig::default()).await?;
    let sandboxed = Running::start(scratch, "sandboxed", stages).await?;
    let echo = Echo::start().await?;
    let mut sides = [
        Side::connect("native", native.address).await?,
        Side::connect("sandboxed", sandboxed.address).await?,
        Side::connect(ECHO, echo.address).await?,
    ];
    for side in &mut sides {
        side.round(KEYS.min(effort.objects)).await?;
        side.rates.clear();
        side.cpu.clear();
    }
    for _ in 0..effort.rounds {
        for side in &mut sides {
            side.round(effort.objects).await?;
        }
    }
    native.stop().await;
    sandboxed.stop().await;
    echo.stop();
    let [native, sandboxed, echo] = sides;
    let ratios =
        |a: &Side, b: &Side| median(a.rates.iter().zip(&b.rates).map(|(a, b)| a / b).collect());
    let taxes = sandboxed.cpu.iter().zip(&native.cpu).map(|(s, n)| (s - n) * 1e6).collect();
    report.add("sandbox-tax", ratios(&sandboxed, &native), "ratio");
    report.add("door-vs-echo", ratios(&native, &echo), "ratio");
    report.add("sandbox-us", median(taxes), "µs CPU an object, three stages");
    for side in [native, sandboxed, echo] {
        report.add(format!("rate-{}", side.name), median(side.rates), "objects/s");
        report.add(
            format!("cpu-{}", side.name),
            median(side.cpu) * 1e6,
            "µs CPU an object, client included",
        );
    }
    Ok(())
}

impl Side {
    async fn connect(name: &'static str, address: SocketAddr) -> Result<Self> {
        let endpoint = tonic::transport::Endpoint::from_shared(format!("http://{address}"))
            .map_err(|source| failed("connect to the door").with_source(source))?
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .tcp_nodelay(true);
        let channel = endpoint
            .connect()
            .await
            .map_err(|source| failed("connect to the door").with_source(source))?;
        Ok(Self { name, channel, rates: Vec::new(), cpu: Vec::new() })
    }

    /// Sends `objects` puts over one stream and waits for all receipts.
    async fn round(&mut self, objects: usize) -> Result<()> {
        let (puts, waiting) = mpsc::channel(WINDOW);
        let payload = Bytes::from(vec![7; SIZE]);
        let started = Instant::now();
        let cpu = cpu_seconds();
        let sending = tokio::spawn(async move {
            for n in 0..objects {
                let put = pb::PutRequest {
                    id: n.to_string(),
                    key: Bytes::from(format!("bench/{}", n % KEYS)),
                    kind: pb::Kind::InMemory.into(),
                    framedb_id: "memory".into(),
                    data: payload.clone(),
                    ..pb::PutRequest::default()
                };
                let message = Some(pb::stream_request::Message::Put(put));
                if puts.send(pb::StreamRequest { message }).await.is_err() {
                    return;
                }
            }
        });
        let puts = ReceiverStream::new(waiting);
        let answered = if self.name == ECHO {
            count(echoed(self.channel.clone(), puts).await?, |_| Ok(())).await?
        } else {
            let receipts = IngestClient::new(self.channel.clone()).stream(puts).await;
            let receipts =
                receipts.map_err(|source| failed("open a stream").with_source(source))?;
            count(receipts.into_inner(), stored).await?
        };
        let _ = sending.await;
        if answered != objects {
            let message = format!("{answered} answers came for {objects} objects");
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        self.cpu.push((cpu_seconds() - cpu) / objects as f64);
        self.rates.push(objects as f64 / started.elapsed().as_secs_f64());
        Ok(())
    }
}

/// Sends messages to the echo.
async fn echoed(
    channel: Channel,
    puts: ReceiverStream<pb::StreamRequest>,
) -> Result<Streaming<pb::StreamRequest>> {
    let refused = |source: Status| failed("open a stream to the echo").with_source(source);
    let mut client = tonic::client::Grpc::new(channel);
    client.ready().await.map_err(|source| failed("reach the echo").with_source(source))?;
    let codec = tonic_prost::ProstCodec::<pb::StreamRequest, pb::StreamRequest>::default();
    let path = http::uri::PathAndQuery::from_static(echo::PATH);
    let response = client.streaming(tonic::Request::new(puts), path, codec).await;
    Ok(response.map_err(refused)?.into_inner())
}

/// Reads a stream to its end, checking each message; how many there were.
async fn count<T>(mut messages: Streaming<T>, check: impl Fn(T) -> Result<()>) -> Result<usize> {
    let mut count = 0;
    loop {
        let message = messages.message().await;
        match message.map_err(|source| failed("read the answers").with_source(source))? {
            Some(message) => check(message)?,
            None => return Ok(count),
        }
        count += 1;
    }
}

fn stored(receipt: pb::Receipt) -> Result<()> {
    if receipt.outcome == i32::from(pb::Outcome::Stored) {
        return Ok(());
    }
    let message = format!("the bench's object was not stored: {}", receipt.message);
    Err(Error::new(ErrorKind::Invalid, message))
}

pub(super) fn failed(what: &str) -> Error {
    Error::new(ErrorKind::Unavailable, format!("cannot {what}"))
}

/// A node that serves in this process.
struct Running {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    served: tokio::task::JoinHandle<Result<()>>,
}

impl Running {
    async fn start(scratch: &Path, name: &str, pipeline: PipelineConfig) -> Result<Self> {
        let config = Config {
            data_dir: scratch.join(name),
            cache_dir: Some(scratch.join("cache")),
            grpc: Address(Some(SocketAddr::from(([127, 0, 0, 1], 0)))),
            http: Address(None),
            pipelines: [(DEFAULT_PIPELINE.to_owned(), pipeline)].into(),
            ..Config::default()
        };
        let worker = Worker::new(config).await?.open().await?;
        let address = worker.addresses().0.ok_or_else(|| failed("find the gRPC door"))?;
        let (stop, stopped) = oneshot::channel::<()>();
        let served = tokio::spawn(worker.serve(async {
            let _ = stopped.await;
        }));
        Ok(Self { address, stop, served })
    }

    async fn stop(self) {
        let _ = self.stop.send(());
        let _ = self.served.await;
    }
}
