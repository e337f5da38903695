//! Components made of several: what they need of each other, and chains beside pipelines.

use framedb_core::Stage;
use framedb_host::{
    compose::{Plug, chain, interface, plug},
    plugin::{Engine, Inspection},
    registry::Query,
};
use framedb_tests::{Build, Describe, TestNode, arrival, component, fixture};

/// A chain of components.
fn chained(plugins: &[(&str, bytes::Bytes)]) -> framedb_host::Result<Vec<u8>> {
    let plugins: Vec<_> = plugins.iter().map(|(name, bytes)| (*name, &bytes[..])).collect();
    chain(&plugins)
}

/// A node with these ingest plugins, each of which may have settings of `bad-settings`.
fn node(plugins: &[(&str, bytes::Bytes)]) -> Build {
    let names = plugins.iter().map(|(name, _)| (*name).to_owned()).collect();
    let build = TestNode::build().pipeline("default", |pipeline| pipeline.ingest = names);
    plugins.iter().fold(build, |build, (name, bytes)| {
        build.plugin(name, bytes.clone(), |plugin| {
            plugin.settings.insert("strict_level".into(), 5.into());
        })
    })
}

/// What becomes of objects: how each ended, and all that is stored.
async fn outcome(build: Build) -> Vec<String> {
    let node = build.start().await;
    let mut seen = Vec::new();
    for order in ["accept", "changed", "split", "drop", "reject"] {
        let receipt = node.ingest(arrival(order).id(order).order("ingest", order)).await;
        // A failure names its plugin, which for a chain is the chain.
        seen.push(format!("{order}: {}", receipt.outcome.as_str()));
    }
    let query = Query { limit: 1000, ..Query::default() };
    for (key, route) in node.reader().list(&query).await.unwrap() {
        let found = node.found(key.as_str()).await.unwrap();
        let data = String::from_utf8_lossy(&found.data).into_owned();
        seen.push(format!("{key} {:?} {:?} {data}", route.content_type, route.attributes));
    }
    seen
}

#[tokio::test]
async fn a_chain_does_what_a_pipeline_of_its_plugins_does() {
    let plugins = [
        ("ingest-inspect", component("ingest-inspect")),
        ("misbehave", fixture("misbehave")),
        ("bad-settings", fixture("bad-settings")),
    ];
    let whole = chained(&plugins).unwrap();
    let chain = outcome(node(&[("chain", whole.into())])).await;
    let pipeline = outcome(node(&plugins)).await;
    assert_eq!(chain, pipeline);
    assert!(pipeline.iter().any(|line| line.starts_with("split/2 ")), "{pipeline:?}");
    assert!(pipeline.iter().any(|line| line.contains("level")), "{pipeline:?}");
}

#[tokio::test]
async fn a_chain_exports_the_stage_and_imports_what_its_plugins_import() {
    let plugins = [
        ("ingest-dedup", component("ingest-dedup")),
        ("ingest-inspect", component("ingest-inspect")),
    ];
    let whole = chained(&plugins).unwrap();
    let engine = Engine::new(None).unwrap();
    let inspection = Inspection::load(&engine, "chain", whole.clone().into()).await.unwrap();
    inspection.check("chain").unwrap();
    assert_eq!(inspection.exports, ["framedb:edge/ingest@0.1.0"]);
    assert!(inspection.wanted().contains_key("key-value"), "{inspection:?}");
    // It may be a part of another one.
    let more = chained(&[("chain", whole.into()), ("inspect", component("ingest-inspect"))]);
    let inspection = Inspection::load(&engine, "more", more.unwrap().into()).await.unwrap();
    inspection.check("more").unwrap();
}

#[tokio::test]
async fn a_chain_says_which_of_its_plugins_refuses_its_settings() {
    let plugins = [
        ("ingest-inspect", component("ingest-inspect")),
        ("ingest-inspect", component("ingest-inspect")),
        ("bad-settings", fixture("bad-settings")),
    ];
    let whole = chained(&plugins).unwrap();
    let build = TestNode::build().plugin("chain", whole, |_| {});
    let error = build
        .pipeline("default", |pipeline| pipeline.ingest = vec!["chain".into()])
        .try_start()
        .await
        .unwrap_err();
    assert!(error.chain().contains("plugin 3 of the chain: "), "{}", error.chain());
}

#[tokio::test]
async fn chains_that_are_together_too_much_for_a_node_are_refused() {
    let inspect = ("ingest-inspect", component("ingest-inspect"));
    let whole = bytes::Bytes::from(chained(&vec![inspect; 9]).unwrap());
    let start = async |instances| {
        let build = TestNode::build()
            .plugin("chain", whole.clone(), |plugin| plugin.limits.instances = instances)
            .pipeline("default", |pipeline| pipeline.ingest = vec!["chain".into()]);
        build.try_start().await
    };
    let error = start(800).await.unwrap_err();
    let message = "linear memories together, and a node has room for 3600: set \
                   plugins.*.limits.instances";
    assert!(error.chain().contains(message), "{}", error.chain());
    let hint = error.hint().unwrap_or_default();
    assert!(hint.starts_with("an instance of `chain` has 1"), "{hint}");
    start(100).await.unwrap().ingest(arrival("a")).await;
}

#[test]
fn what_cannot_be_composed_is_refused_with_what_is_there_and_what_is_not() {
    let refused = |plugins: &[(&str, bytes::Bytes)]| chained(plugins).unwrap_err().chain();
    let inspect = ("ingest-inspect", component("ingest-inspect"));
    let error = refused(&[inspect.clone(), ("serialize-lz4", component("serialize-lz4"))]);
    assert!(
        error.contains("`serialize-lz4` does not export `framedb:edge/ingest@0.1.0`"),
        "{error}"
    );
    assert!(error.contains("it exports `framedb:edge/serialize@0.1.0`"), "{error}");
    let error = refused(&[inspect.clone(), ("other-version", fixture("other-version"))]);
    assert!(error.contains("does not export"), "{error}");
    let error = refused(&[("text", bytes::Bytes::from_static(b"no component"))]);
    assert!(error.contains("`text` is not a WebAssembly component"), "{error}");
    assert!(chained(&[]).is_err());

    let import = interface(Stage::Ingest).unwrap();
    let worker = component("edge-worker");
    let fill = |name, bytes, export| Plug { import: &import, export, name, bytes };
    let lz4 = component("serialize-lz4");
    let error = plug("edge-worker", &worker, &[fill("lz4", &lz4, None)]).unwrap_err().chain();
    assert!(error.contains("`lz4` does not export `framedb:edge/ingest@0.1.0`"), "{error}");
    let export = Some("framedb:edge/serialize@0.1.0");
    let error = plug("edge-worker", &worker, &[fill("lz4", &lz4, export)]).unwrap_err().chain();
    assert!(error.contains("does not fit"), "{error}");
    let twice = [fill("a", &inspect.1, None), fill("b", &inspect.1, None)];
    let error = plug("edge-worker", &worker, &twice).unwrap_err().chain();
    assert!(error.contains("two plugins are given"), "{error}");
    let error = plug("lz4", &lz4, &[fill("a", &inspect.1, None)]).unwrap_err().chain();
    assert!(error.contains("`lz4` does not import `framedb:edge/ingest@0.1.0`"), "{error}");
}
