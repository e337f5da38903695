//! What grants, limits and accounting cost: a pipeline whose plugin asks a real Redis for every
//! batch, under narrow grants and the default limits, against the same one under wildcards.

use super::{
    Effort, Report, failed, median,
    running::{PASS, Running},
    sender::{Keys, Load, connect, store},
    server::Server,
};
use crate::{
    Config, InstanceConfig, Result,
    grants::GrantsConfig,
    pipeline::PipelineConfig,
    plugin::{Limits, PluginConfig},
};
use bytesize::ByteSize;
use serde_json::json;
use std::{
    path::Path,
    time::{Duration, Instant},
};
use tonic::transport::Channel;

/// The plugin that asks.
const ROUTER: &str = "resolve-redis-table";

/// The label and the instance of the Redis.
const LABEL: &str = "hot";

/// Keys that are written over and over, so that memory stays flat.
const KEYS: usize = 1 << 16;

pub(super) async fn measure(scratch: &Path, effort: Effort, report: &mut Report) -> Result<()> {
    let server = Server::redis(scratch).await?;
    let start = async |name: &str, grants: &str, limits: Limits| -> Result<_> {
        let config = config(&server.url, grants, limits)?;
        let node = Running::start(scratch, name, stages(), config).await?;
        let channel = connect(node.address).await?;
        Ok((node, channel))
    };
    let (guarded, to_guarded) = start("guarded", NARROW, Limits::default()).await?;
    let (open, to_open) = start("open", WIDE, unlimited()).await?;
    round(&to_guarded, effort.objects / 4).await?;
    round(&to_open, effort.objects / 4).await?;
    let (mut taxes, mut rates) = (Vec::new(), Vec::new());
    for _ in 0..effort.rounds {
        let with = round(&to_guarded, effort.objects).await?;
        let without = round(&to_open, effort.objects).await?;
        taxes.push(1.0 - with / without);
        rates.push(with);
    }
    guarded.stop().await;
    open.stop().await;
    server.stop().await;
    report.add("guard-tax", median(taxes), "ratio");
    report.add("guarded-rate", median(rates), "objects/s, a Redis asked for each batch");
    Ok(())
}

/// Objects a second.
async fn round(channel: &Channel, objects: usize) -> Result<f64> {
    let started = Instant::now();
    // Without an instance, so that the table is asked.
    let load = Load { framedb_id: "", objects, keys: Keys::InTurn(KEYS) };
    store(channel.clone(), load).await?;
    Ok(objects as f64 / started.elapsed().as_secs_f64())
}

fn stages() -> PipelineConfig {
    PipelineConfig {
        ingest: vec![PASS.into()],
        resolve: Some(ROUTER.into()),
        serialize: Some(PASS.into()),
        ..PipelineConfig::default()
    }
}

fn config(url: &str, grants: &str, limits: Limits) -> Result<Config> {
    let read = toml::from_str::<GrantsConfig>(grants);
    let grants = read.map_err(|source| failed("read the bench's grants").with_source(source))?;
    let settings = [
        ("redis_table_address", json!(LABEL)),
        ("redis_table_hash", json!("bench:routes")),
        ("redis_table_fallback", json!("memory in-memory")),
        // Nothing is remembered, so every batch asks.
        ("redis_table_time_to_live_ms", json!(0)),
    ];
    let settings = settings.map(|(name, value)| (name.to_owned(), value)).into();
    let router = PluginConfig { settings, grants, limits: limits.clone(), ..Default::default() };
    let pass = PluginConfig { limits, ..PluginConfig::default() };
    let mut config = Config::default();
    config.instances.insert(LABEL.into(), InstanceConfig::at(url));
    config.plugins.extend([(ROUTER.to_owned(), router), (PASS.to_owned(), pass)]);
    Ok(config)
}

/// What the plugin needs and no more, and rates that nobody reaches.
const NARROW: &str = "
    [redis.hot]
    instance = 'hot'
    keys = ['bench:*']
    commands = ['read']
    rate = { calls = 4_000_000_000, bytes = '1 TiB' }
";

/// Everything.
const WIDE: &str = "
    [redis.hot]
    instance = 'hot'
    keys = ['*']
    commands = ['*']
";

/// Limits that nothing reaches.
fn unlimited() -> Limits {
    let (hour, all) = (Duration::from_secs(3600), ByteSize::gib(1));
    Limits {
        time: hour,
        batch_time: hour,
        cpu: hour,
        batch_cpu: hour,
        output_ratio: 0,
        host_calls: u64::MAX,
        batch_host_calls: u64::MAX,
        log: all,
        batch_log: all,
        handles: 1_000_000,
        ..Limits::default()
    }
}
