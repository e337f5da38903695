//! 1 KiB objects over HTTP into a Redis with their routes, through three plugins that do nothing:
//! the worker that runs on Spin, under this node's runtime, beside the node itself.

use super::{
    Effort, Report, failed, median,
    running::{PASS, Running, pass_through},
    sender::SIZE,
    server::Server,
};
use crate::{
    Config, Error, ErrorKind, InstanceConfig, Result, SpinDoor, builtin,
    compose::{Plug, interface, plug},
    grants::{Addresses, AllowedHosts},
    plugin::{
        Engine,
        spin::{Application, Component},
    },
    registry::RegistryConfig,
};
use bytes::Bytes;
use framedb_core::{
    Stage,
    spin::{ALLOWED_HOSTS, INSTANCES, REGISTRY, instance_variable},
};
use futures::future::try_join_all;
use http::{Request, header::HOST};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use std::{net::SocketAddr, path::Path, sync::Arc, time::Instant};
use tokio::{net::TcpStream, sync::oneshot};

/// The instance's FrameDB id.
const ID: &str = "redis";

/// Connections at once, each of which sends one request after the other.
const CONNECTIONS: usize = 16;

/// Keys of a connection, written over and over.
const KEYS: usize = 1000;

/// The part of an effort's objects that are sent in a round: each is a request of its own.
const PART: usize = 10;

pub(super) async fn measure(scratch: &Path, effort: Effort, report: &mut Report) -> Result<()> {
    let server = Server::redis(scratch).await?;
    let (worker, stop) = serve(scratch, &server.url).await?;
    let mut config = Config::default();
    config.instances.insert(ID.into(), InstanceConfig::at(&server.url));
    config.registry = RegistryConfig { url: server.url.clone(), ..RegistryConfig::default() };
    let node = Running::start(scratch, "spin-node", pass_through(), config).await?;
    let objects = effort.objects / PART;
    let (mut native, mut spin) = (Vec::new(), Vec::new());
    for round in 0..=effort.engine_rounds {
        let rates = [rate(node.http, objects).await?, rate(worker, objects).await?];
        // What the first one measures is not kept.
        if round > 0 {
            native.push(rates[0]);
            spin.push(rates[1]);
        }
    }
    let _ = stop.send(());
    node.stop().await;
    server.stop().await;
    let ratios = spin.iter().zip(&native).map(|(spin, native)| spin / native).collect();
    report.add("spin-vs-native", median(ratios), "ratio");
    report.add("spin-rate", median(spin), "objects/s, through the worker");
    report.add("native-rate", median(native), "objects/s, through the node's HTTP door");
    Ok(())
}

/// Serves the worker: where it is, and what ends it.
async fn serve(scratch: &Path, redis: &str) -> Result<(SocketAddr, oneshot::Sender<()>)> {
    let missing = || failed("find the worker and its plugins in this build");
    let worker = builtin::part("edge-worker").ok_or_else(missing)?;
    let nothing = builtin::component(PASS).ok_or_else(missing)?;
    let stages = [Stage::Ingest, Stage::Resolve, Stage::Serialize];
    let imports: Vec<_> = stages.into_iter().filter_map(interface).collect();
    let plugs: Vec<_> = imports
        .iter()
        .map(|import| Plug { import, export: None, name: PASS, bytes: &nothing })
        .collect();
    let bytes = plug("edge-worker", &worker, &plugs)?;
    let host = redis.parse().map_err(|cause| failed("allow the Redis").with_source(cause))?;
    let variables = [
        (INSTANCES.to_owned(), ID),
        (instance_variable(ID), redis),
        (REGISTRY.to_owned(), redis),
        (ALLOWED_HOSTS.to_owned(), redis),
    ];
    let component = Component {
        name: "edge-worker".into(),
        variables: variables.into_iter().map(|(name, value)| (name, value.to_owned())).collect(),
        addresses: Addresses { hosts: AllowedHosts::new([host]), stores: Vec::new() },
        data: scratch.join("spin"),
        ..Component::default()
    };
    let engine = Engine::new(Some(&scratch.join("cache")))?;
    let application = Application::load(&engine, bytes.into(), component).await?;
    let door = SpinDoor::open(([127, 0, 0, 1], 0).into(), Arc::new(application)).await?;
    let address = door.address().ok_or_else(|| failed("find the worker's door"))?;
    let (stop, stopped) = oneshot::channel();
    tokio::spawn(door.serve(async {
        let _ = stopped.await;
    }));
    Ok((address, stop))
}

/// Objects that a door takes in a second, over all connections.
async fn rate(door: SocketAddr, objects: usize) -> Result<f64> {
    let each = (objects / CONNECTIONS).max(1);
    let started = Instant::now();
    try_join_all((0..CONNECTIONS).map(|n| tokio::spawn(send(door, n, each))).map(async |task| {
        task.await.map_err(|cause| failed("send objects").with_source(cause))?
    }))
    .await?;
    Ok((each * CONNECTIONS) as f64 / started.elapsed().as_secs_f64())
}

/// Sends objects over one connection, each when the one before it is stored.
async fn send(door: SocketAddr, connection: usize, objects: usize) -> Result<()> {
    let lost = |cause: Box<dyn std::error::Error + Send + Sync>| {
        failed("send an object").with_source(cause)
    };
    let stream = TcpStream::connect(door).await.map_err(|cause| lost(cause.into()))?;
    stream.set_nodelay(true).map_err(|cause| lost(cause.into()))?;
    let shaken = http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, driver) = shaken.map_err(|cause| lost(cause.into()))?;
    // It ends with the sender.
    tokio::spawn(driver);
    let payload = Bytes::from(vec![7; SIZE]);
    for n in 0..objects {
        let key = n % KEYS;
        let path = format!("/objects/bench-{connection}-{key}?framedb_id={ID}&type=in-memory");
        let request = Request::put(path).header(HOST, "bench").body(Full::new(payload.clone()));
        let request = request.map_err(|cause| lost(cause.into()))?;
        sender.ready().await.map_err(|cause| lost(cause.into()))?;
        let answer = sender.send_request(request).await.map_err(|cause| lost(cause.into()))?;
        let status = answer.status();
        let body = answer.into_body().collect().await.map_err(|cause| lost(cause.into()))?;
        if !status.is_success() {
            let said = String::from_utf8_lossy(&body.to_bytes()).into_owned();
            let message = format!("the bench's object was not stored: {status} {said}");
            return Err(Error::new(ErrorKind::Invalid, message));
        }
    }
    Ok(())
}
