//! The whole path from code into `memory:`, native and through three sandboxed stages, by the
//! number of objects that are sent together.

#![allow(missing_docs, clippy::unwrap_used, reason = "a bench may fail loudly")]

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use framedb_host::{
    Config, DEFAULT_PIPELINE, Worker,
    pipeline::{Arrival, PipelineConfig, Reply},
};
use tokio::{runtime::Runtime, sync::mpsc};

fn worker(runtime: &Runtime, folder: &std::path::Path, stages: bool) -> Worker {
    let pass = || stages.then(|| "pass-through".to_owned());
    let pipeline = PipelineConfig {
        ingest: pass().into_iter().collect(),
        resolve: pass(),
        serialize: pass(),
        ..PipelineConfig::default()
    };
    let config = Config {
        data_dir: folder.join(if stages { "sandboxed" } else { "native" }),
        cache_dir: Some(folder.join("cache")),
        pipelines: [(DEFAULT_PIPELINE.to_owned(), pipeline)].into(),
        ..Config::default()
    };
    let builder = Worker::builder().config(config).without_network();
    runtime.block_on(builder.build()).unwrap()
}

async fn send(worker: &Worker, objects: usize, payload: &bytes::Bytes) {
    let (answers, mut receipts) = mpsc::unbounded_channel();
    for n in 0..objects {
        let arrival = Arrival {
            key: format!("bench/{n}").into(),
            framedb_id: "memory".into(),
            data: payload.clone(),
            ..Arrival::default()
        };
        let permit = worker.ingress().admission().admit(payload.len() as u64).await.unwrap();
        worker.ingress().submit(arrival, permit, Reply::Stream(answers.clone())).await;
    }
    drop(answers);
    while let Some(answer) = receipts.recv().await {
        assert!(answer.receipt.outcome.is_success());
    }
}

fn path(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    let runtime = Runtime::new().unwrap();
    let payload = bytes::Bytes::from(vec![7; 1 << 10]);
    let mut group = criterion.benchmark_group("path-1k");
    for (name, stages) in [("native", false), ("sandboxed", true)] {
        let worker = worker(&runtime, folder.path(), stages);
        for objects in [1, 16, 256] {
            group.throughput(Throughput::Elements(objects as u64));
            group.bench_function(BenchmarkId::new(name, objects), |bencher| {
                bencher.iter(|| runtime.block_on(send(&worker, objects, &payload)));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, path);
criterion_main!(benches);
