//! 1 KiB objects over the streaming door, through three sandboxed stages, into a real Redis with
//! their routes registered, beside what `redis-benchmark` writes to the same server.

use super::{
    Effort, Report, failed, median,
    running::{Running, pass_through},
    sender::{Keys, Load, connect, store},
    server::{Server, program},
};
use crate::{Config, Error, ErrorKind, InstanceConfig, Result};
use std::{path::Path, process::Stdio, time::Instant};
use tokio::process::Command;

/// Keys that both sides write, drawn at random.
const KEYS: usize = 1_000_000;

/// The instance's FrameDB id.
const ID: &str = "redis";

pub(super) async fn measure(
    scratch: &Path,
    effort: Effort,
    url: Option<&str>,
    report: &mut Report,
) -> Result<()> {
    // Before anything is started.
    let raw = program("redis-benchmark", "redis-tools")?;
    let server = match url {
        Some(_) => None,
        None => Some(Server::redis(scratch).await?),
    };
    let url = url.or(server.as_ref().map(|server| server.url.as_str())).unwrap_or_default();
    let mut config = Config::default();
    config.instances.insert(ID.into(), InstanceConfig::at(url));
    let node = Running::start(scratch, "redis-node", pass_through(), config).await?;
    let channel = connect(node.address).await?;
    let (mut rates, mut raws) = (Vec::new(), Vec::new());
    let load = Load { framedb_id: ID, objects: effort.objects, keys: Keys::Random(KEYS) };
    // A round of each whose rate does not count.
    benchmark(&raw, url, effort.raw / 10).await?;
    store(channel.clone(), Load { objects: effort.objects / 4, ..load }).await?;
    for _ in 0..effort.engine_rounds {
        raws.push(benchmark(&raw, url, effort.raw).await?);
        let started = Instant::now();
        store(channel.clone(), load).await?;
        rates.push(effort.objects as f64 / started.elapsed().as_secs_f64());
    }
    node.stop().await;
    if let Some(server) = server {
        server.stop().await;
    }
    let ratios = rates.iter().zip(&raws).map(|(ours, raw)| ours / raw).collect();
    report.add("redis-vs-raw", median(ratios), "ratio");
    report.add("redis-rate", median(rates), "objects/s, through the node");
    report.add("redis-raw-rate", median(raws), "values/s, redis-benchmark");
    Ok(())
}

/// What `redis-benchmark` writes in a second.
async fn benchmark(program: &Path, url: &str, values: usize) -> Result<f64> {
    let values = values.max(1).to_string();
    let mut command = Command::new(program);
    command
        .args(["-u", url, "-t", "set", "-d", "1024", "-P", "16", "-c", "16"])
        .args(["-r", &KEYS.to_string(), "-n", &values, "--csv"])
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output = command.output().await;
    let output = output.map_err(|source| failed("start redis-benchmark").with_source(source))?;
    let said = String::from_utf8_lossy(&output.stdout);
    rate(&said).ok_or_else(|| {
        // What it says may show the address, never the password.
        let message = format!("cannot read what redis-benchmark said ({})", output.status);
        Error::new(ErrorKind::Invalid, message)
    })
}

/// The rate in lines such as `"SET","190476.19","0.500",…`.
fn rate(csv: &str) -> Option<f64> {
    let line = csv.lines().find(|line| line.starts_with("\"SET\","))?;
    line.split(',').nth(1)?.trim_matches('"').parse().ok()
}

#[cfg(test)]
mod tests {
    use super::rate;

    #[test]
    fn the_rate_is_read_from_what_redis_benchmark_says() {
        let said = "\"test\",\"rps\",\"avg_latency_ms\"\n\"SET\",\"190476.19\",\"0.500\"\n";
        assert_eq!(rate(said), Some(190_476.19));
        assert_eq!(rate("Could not connect\n"), None);
    }
}
