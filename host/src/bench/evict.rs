//! Many objects into an instance that evicts: memory and routes stay flat.

use super::{Effort, Report};
use crate::{
    Error, ErrorKind, InstanceConfig, Result, Worker,
    config::{Config, DEFAULT_PIPELINE},
    driver::Eviction,
    pipeline::{Arrival, PipelineConfig, Reply},
};
use bytes::Bytes;
use bytesize::ByteSize;
use framedb_core::{Kind, Outcome};
use std::{path::Path, time::Instant};
use tokio::sync::mpsc;

/// Objects that are submitted before their receipts are looked at.
const WINDOW: usize = 10_000;

pub(super) async fn measure(scratch: &Path, effort: Effort, report: &mut Report) -> Result<()> {
    let instance = InstanceConfig {
        // A sixteenth of what comes: 64 MiB in a full run.
        max_bytes: Some(ByteSize::kib(effort.evicted as u64 / 16)),
        eviction: Eviction::LeastFrequent,
        ..InstanceConfig::at("memory:")
    };
    let config = Config {
        data_dir: scratch.join("evict"),
        cache_dir: Some(scratch.join("cache")),
        pipelines: [(DEFAULT_PIPELINE.to_owned(), PipelineConfig::default())].into(),
        ..Config::default()
    };
    let worker = Worker::builder()
        .config(config)
        .without_network()
        .instance("memory", instance)
        .build()
        .await?;
    let payload = Bytes::from(vec![7; 1 << 10]);
    let started = Instant::now();
    let mut sent = 0;
    // The first fifth fills the instance; from there on all is to be flat.
    let mut filled = None;
    while sent < effort.evicted {
        let (answers, mut receipts) = mpsc::unbounded_channel();
        let window = WINDOW.min(effort.evicted - sent);
        for n in sent..sent + window {
            let arrival = Arrival {
                key: Bytes::from(format!("evict/{n}")),
                kind: Some(Kind::InMemory),
                data: payload.clone(),
                ..Arrival::default()
            };
            let admission = worker.ingress().admission();
            let permit = admission.admit(payload.len() as u64).await;
            let permit = permit.map_err(|f| Error::new(ErrorKind::Invalid, f.message))?;
            worker.ingress().submit(arrival, permit, Reply::Stream(answers.clone())).await;
        }
        drop(answers);
        while let Some(answer) = receipts.recv().await {
            if let Outcome::Failed(failure) = answer.receipt.outcome {
                return Err(Error::new(ErrorKind::Full, failure.message));
            }
        }
        sent += window;
        if filled.is_none() && sent >= effort.evicted / 5 {
            filled = Some((worker.node().registry.count().await?, resident()));
        }
    }
    let routes = worker.node().registry.count().await?;
    let (routes_then, resident_then) = filled.unwrap_or((routes, resident()));
    report.add("evict-objects", sent as f64, "objects of 1 KiB into a sixteenth of the room");
    report.add("evict-rate", sent as f64 / started.elapsed().as_secs_f64(), "objects/s, from code");
    report.add("evict-routes", routes as f64, "routes at the end");
    report.add(
        "evict-routes-growth",
        routes as f64 / routes_then.max(1) as f64,
        "ratio, end ÷ a fifth",
    );
    report.add("evict-memory-growth", resident() / resident_then, "ratio, end ÷ a fifth");
    worker.drain(std::time::Duration::from_secs(5)).await;
    Ok(())
}

/// Resident memory of this process in bytes.
fn resident() -> f64 {
    memory_stats::memory_stats().map_or(f64::NAN, |stats| stats.physical_mem as f64)
}
