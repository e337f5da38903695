//! Loading a plugin: compiled, and taken from the cache; and a node's whole start.

#![allow(missing_docs, clippy::unwrap_used, reason = "a bench may fail loudly")]

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use framedb_host::{
    Worker, builtin,
    plugin::{Engine, Environment, Plugin, PluginConfig},
};
use tokio::runtime::Runtime;

fn load(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let component = builtin::component("serialize-lz4").unwrap();
    let config = PluginConfig::default();
    let mut group = criterion.benchmark_group("load");
    group.sample_size(20);
    for (name, cache) in [("compiled", None), ("cached", Some(folder.path().join("cache")))] {
        let engine = Engine::new(cache.as_deref()).unwrap();
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let environment = Environment::default();
                let load = Plugin::load(&engine, &environment, "lz4", component.clone(), &config);
                runtime.block_on(load).unwrap()
            });
        });
    }
    group.bench_function("node", |bencher| {
        let data = folder.path().join("node");
        bencher.iter_batched(
            || Worker::builder().data_dir(&data).without_network(),
            |builder| runtime.block_on(builder.build()).unwrap(),
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

criterion_group!(benches, load);
criterion_main!(benches);
