//! 1 KiB objects over the streaming door into `memory:`: native identity, three sandboxed
//! stages that do nothing, and a bare tonic service that echoes the same messages.

use super::{
    Effort, Report, cpu_seconds,
    echo::{self, Echo},
    failed, median,
    running::{Running, pass_through},
    sender::{Keys, Load, answered, connect, puts, store},
};
use crate::{Config, Result, listener::grpc::edge_v1 as pb, pipeline::PipelineConfig};
use std::{net::SocketAddr, path::Path, time::Instant};
use tonic::{Status, Streaming, transport::Channel};

/// Keys that are written over and over, so that memory stays flat.
const KEYS: usize = 1 << 16;

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
    let start = |name, stages| Running::start(scratch, name, stages, Config::default());
    let native = start("native", PipelineConfig::default()).await?;
    let sandboxed = start("sandboxed", pass_through()).await?;
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
        let channel = connect(address).await?;
        Ok(Self { name, channel, rates: Vec::new(), cpu: Vec::new() })
    }

    /// Sends `objects` puts over one stream and waits for all receipts.
    async fn round(&mut self, objects: usize) -> Result<()> {
        let load = Load { framedb_id: "memory", objects, keys: Keys::InTurn(KEYS) };
        let started = Instant::now();
        let cpu = cpu_seconds();
        if self.name == ECHO {
            answered(echoed(self.channel.clone(), load).await?, objects, |_| Ok(())).await?;
        } else {
            store(self.channel.clone(), load).await?;
        }
        self.cpu.push((cpu_seconds() - cpu) / objects as f64);
        self.rates.push(objects as f64 / started.elapsed().as_secs_f64());
        Ok(())
    }
}

/// Sends messages to the echo.
async fn echoed(channel: Channel, load: Load) -> Result<Streaming<pb::StreamRequest>> {
    let refused = |source: Status| failed("open a stream to the echo").with_source(source);
    let mut client = tonic::client::Grpc::new(channel);
    client.ready().await.map_err(|source| failed("reach the echo").with_source(source))?;
    let codec = tonic_prost::ProstCodec::<pb::StreamRequest, pb::StreamRequest>::default();
    let path = http::uri::PathAndQuery::from_static(echo::PATH);
    let response = client.streaming(tonic::Request::new(puts(load)), path, codec).await;
    Ok(response.map_err(refused)?.into_inner())
}
