//! Each stage by object size and batch size, against the same loop without a sandbox; warm and
//! cold instances; a large object against one memory copy.

use super::{Effort, Report, running::PASS};
use crate::{
    Error, ErrorKind, Result, builtin,
    plugin::{Engine, Environment, Isolation, Plugin, PluginConfig, Pool},
    telemetry::Telemetry,
};
use bytes::Bytes;
use framedb_core::{DEFAULT_MAX_OBJECT, Envelope, Ingested, Key, Kind, Object};
use std::{
    hint::black_box,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

const SIZES: [(&str, usize); 3] = [("1k", 1 << 10), ("64k", 64 << 10), ("1m", 1 << 20)];
const BATCHES: [usize; 4] = [1, 16, 64, 256];

/// Payload bytes of a batch that is worth measuring; the pipeline makes none over 8 MiB but
/// for objects that are larger themselves.
const MOST: usize = 16 << 20;

pub(super) async fn measure(scratch: &Path, effort: Effort, report: &mut Report) -> Result<()> {
    let config = PluginConfig::default();
    let warm = load(scratch, PASS, Isolation::Pipeline, &config).await?;
    let cold = load(scratch, PASS, Isolation::Object, &config).await?;
    let mut worst: f64 = 0.0;
    for (size_name, size) in SIZES {
        for objects in BATCHES.into_iter().filter(|objects| objects * size <= MOST) {
            let batch = batch(objects, size)?;
            for stage in [Stage::Ingest, Stage::Resolve, Stage::Encode] {
                let native = time(effort, objects, async || stage.native(&batch)).await;
                let sandboxed =
                    time(effort, objects, async || stage.call(&warm, &batch).await).await;
                let more = micros(sandboxed) - micros(native);
                if (objects, size) == (64, 1 << 10) {
                    worst = worst.max(more);
                }
                let name = format!("stage-{}-us-b{objects}-{size_name}", stage.name());
                report.add(name, more, "µs an object more than native");
            }
        }
    }
    report.add("stage-us-b64-1k", worst, "µs an object more than native, the slowest stage");
    let one = batch(1, 1 << 10)?;
    let fresh = time(effort, 1, async || Stage::Ingest.call(&cold, &one).await).await;
    let again = time(effort, 1, async || Stage::Ingest.call(&warm, &one).await).await;
    report.add("cold-us-b1-1k", micros(fresh), "µs a call, a fresh instance for each");
    report.add("warm-us-b1-1k", micros(again), "µs a call, instances used again");
    large(effort, &warm, report).await
}

/// A built-in plugin, in a pool of its own.
pub(super) async fn load(
    scratch: &Path,
    name: &str,
    isolation: Isolation,
    config: &PluginConfig,
) -> Result<Pool> {
    let engine = Engine::new(Some(&scratch.join("cache")))?;
    let component = builtin::component(name).ok_or_else(|| {
        Error::new(ErrorKind::Plugin, format!("the built-in plugin `{name}` is missing"))
    })?;
    let plugin = Plugin::load(&engine, &Environment::default(), name, component, config).await?;
    let metrics = Telemetry::new().pool("bench", name);
    Ok(Pool::new(Arc::new(plugin), isolation, DEFAULT_MAX_OBJECT, metrics))
}

/// 1 MiB through encode, against one copy of as many bytes.
async fn large(effort: Effort, pool: &Pool, report: &mut Report) -> Result<()> {
    let one = batch(1, 1 << 20)?;
    let source = vec![7u8; 1 << 20];
    let mut target = vec![0u8; 1 << 20];
    let mut ratios = Vec::new();
    for _ in 0..effort.rounds {
        let copy = time(effort, 1, async || {
            target.copy_from_slice(black_box(&source));
            black_box(&mut target);
        })
        .await;
        let encode = time(effort, 1, async || Stage::Encode.call(pool, &one).await).await;
        ratios.push(micros(encode) / micros(copy));
    }
    report.add("encode-1m-vs-copy", super::median(ratios), "ratio");
    Ok(())
}

#[derive(Clone, Copy)]
enum Stage {
    Ingest,
    Resolve,
    Encode,
}

impl Stage {
    fn name(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Resolve => "resolve",
            Self::Encode => "encode",
        }
    }

    async fn call(self, pool: &Pool, batch: &[Object]) {
        let batch: Vec<_> = batch.iter().collect();
        match self {
            Self::Ingest => drop(black_box(pool.ingest(&batch).await)),
            Self::Resolve => drop(black_box(pool.resolve(&batch).await)),
            Self::Encode => drop(black_box(pool.encode(&batch).await)),
        }
    }

    /// What the pipeline does in place of a stage that has no plugin: nothing but its answer.
    fn native(self, batch: &[Object]) {
        let verdicts: Vec<_> = black_box(batch)
            .iter()
            .map(|_| Ingested::Accept { content_type: None, attributes: Vec::new() })
            .collect();
        drop(black_box(verdicts));
    }
}

pub(super) fn batch(objects: usize, size: usize) -> Result<Vec<Object>> {
    let data = Bytes::from(vec![7; size]);
    (0..objects)
        .map(|n| {
            let key = Key::new(&format!("cam-1/frame-{n}"))
                .map_err(|source| Error::new(ErrorKind::Invalid, source.to_string()))?;
            let envelope = Envelope {
                id: n.to_string().into(),
                attempt: 1,
                key,
                source: "cam-1".into(),
                kind: Some(Kind::InMemory),
                framedb_id: Some("memory".into()),
                content_type: Some("image/jpeg".into()),
                metadata: "{\"source\":\"cam-1\"}".into(),
                attributes: [].into(),
            };
            Ok(Object { envelope, data: data.clone() })
        })
        .collect()
}

/// Mean time of an object, over calls for as long as the effort says.
pub(super) async fn time(effort: Effort, objects: usize, mut call: impl AsyncFnMut()) -> Duration {
    for _ in 0..3 {
        call().await;
    }
    let started = Instant::now();
    let mut calls = 0;
    while started.elapsed() < effort.stage {
        call().await;
        calls += 1;
    }
    started.elapsed().div_f64(f64::from(calls.max(1)) * objects as f64)
}

pub(super) fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
