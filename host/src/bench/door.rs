//! 1 KiB objects over the streaming door into `memory:`: native identity, three sandboxed
//! stages that do nothing, and a bare tonic service that answers the same messages.

use super::{Effort, Report, cpu_seconds, median};
use crate::{
    Error, ErrorKind, Result, Worker,
    config::{Address, Config, DEFAULT_PIPELINE},
    listener::grpc::edge_v1::{
        self as pb,
        ingest_client::IngestClient,
        ingest_server::{Ingest, IngestServer},
    },
    pipeline::PipelineConfig,
};
use bytes::Bytes;
use std::{net::SocketAddr, path::Path, time::Instant};
use tokio::{
    net::TcpListener,
    sync::{mpsc, oneshot},
};
use tokio_stream::{StreamExt, wrappers::ReceiverStream};
use tonic::{
    Request, Response, Status, Streaming,
    transport::{Server, server::TcpIncoming},
};

/// Bytes of a payload.
const SIZE: usize = 1 << 10;

/// Keys that are written over and over, so that memory stays flat.
const KEYS: usize = 1 << 16;

/// Puts under way at once.
const WINDOW: usize = 4096;

/// The plugin of the sandboxed stages.
const PASS: &str = "pass-through";

/// One side of the comparison.
struct Side {
    name: &'static str,
    client: IngestClient<tonic::transport::Channel>,
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
        Side::connect("echo", echo.address).await?,
    ];
    for side in &mut sides {
        side.round(effort.objects / 10 + 1).await?;
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
            .initial_stream_window_size(1 << 20)
            .initial_connection_window_size(8 << 20)
            .tcp_nodelay(true);
        let channel = endpoint
            .connect()
            .await
            .map_err(|source| failed("connect to the door").with_source(source))?;
        Ok(Self { name, client: IngestClient::new(channel), rates: Vec::new(), cpu: Vec::new() })
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
        let receipts = self.client.stream(ReceiverStream::new(waiting)).await;
        let mut receipts =
            receipts.map_err(|source| failed("open a stream").with_source(source))?.into_inner();
        let mut stored = 0;
        while let Some(receipt) = receipts.next().await {
            let receipt = receipt.map_err(|source| failed("read receipts").with_source(source))?;
            if receipt.outcome != i32::from(pb::Outcome::Stored) {
                let message = format!("the bench's object was not stored: {}", receipt.message);
                return Err(Error::new(ErrorKind::Invalid, message));
            }
            stored += 1;
        }
        let _ = sending.await;
        if stored != objects {
            let message = format!("{stored} receipts came for {objects} objects");
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        self.cpu.push((cpu_seconds() - cpu) / objects as f64);
        self.rates.push(objects as f64 / started.elapsed().as_secs_f64());
        Ok(())
    }
}

fn failed(what: &str) -> Error {
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

/// A bare tonic service: it answers every put with a receipt that says "stored", and does
/// nothing else.
struct Echo {
    address: SocketAddr,
    serving: tokio::task::JoinHandle<()>,
}

impl Echo {
    async fn start() -> Result<Self> {
        let refused = |source| failed("start the echo").with_source(source);
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let serving = tokio::spawn(async move {
            let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
            let server = Server::builder()
                .initial_stream_window_size(1 << 20)
                .initial_connection_window_size(8 << 20)
                .add_service(IngestServer::new(EchoService));
            let _ = server.serve_with_incoming(incoming).await;
        });
        Ok(Self { address, serving })
    }

    fn stop(self) {
        self.serving.abort();
    }
}

struct EchoService;

#[tonic::async_trait]
impl Ingest for EchoService {
    type StreamStream =
        std::pin::Pin<Box<dyn tokio_stream::Stream<Item = Result<pb::Receipt, Status>> + Send>>;

    async fn stream(
        &self,
        request: Request<Streaming<pb::StreamRequest>>,
    ) -> Result<Response<Self::StreamStream>, Status> {
        let receipts = request.into_inner().map(|message| {
            let Some(pb::stream_request::Message::Put(put)) = message?.message else {
                return Err(Status::invalid_argument("the echo takes whole puts"));
            };
            Ok(pb::Receipt {
                id: put.id,
                key: put.key,
                outcome: pb::Outcome::Stored.into(),
                framedb_id: put.framedb_id,
                kind: put.kind,
                stored_size: put.data.len() as u64,
                ..pb::Receipt::default()
            })
        });
        Ok(Response::new(Box::pin(receipts)))
    }

    async fn put(&self, _: Request<pb::PutRequest>) -> Result<Response<pb::Receipt>, Status> {
        Err(Status::unimplemented("the echo streams only"))
    }

    async fn get(&self, _: Request<pb::GetRequest>) -> Result<Response<pb::GetResponse>, Status> {
        Err(Status::unimplemented("the echo streams only"))
    }

    async fn delete(
        &self,
        _: Request<pb::DeleteRequest>,
    ) -> Result<Response<pb::DeleteResponse>, Status> {
        Err(Status::unimplemented("the echo streams only"))
    }

    async fn list(
        &self,
        _: Request<pb::ListRequest>,
    ) -> Result<Response<pb::ListResponse>, Status> {
        Err(Status::unimplemented("the echo streams only"))
    }
}
