//! Which pipeline an object takes.

use framedb_core::Kind;
use framedb_host::pipeline::{Arrival, MatchConfig};
use framedb_tests::{Build, Describe, TestNode, arrival, stored};

/// Adds a pipeline for what matches.
fn with(build: Build, name: &str, priority: i32, matches: MatchConfig) -> Build {
    build.pipeline(name, |pipeline| {
        pipeline.priority = priority;
        pipeline.matches = matches;
    })
}

fn matching() -> MatchConfig {
    MatchConfig::default()
}

/// The pipeline that stores an object.
async fn taken_by(node: &TestNode, object: Arrival) -> String {
    let names = node.node().pipelines.iter().map(|pipeline| pipeline.name().to_owned());
    let count = |name: &str| {
        node.counted("framedb_objects_total", &format!("pipeline=\"{name}\",outcome=\"stored\""))
    };
    let before: Vec<_> = names.map(|name| (count(&name), name)).collect();
    let _ = stored(node.ingest(object).await);
    let mut taken = before.into_iter().filter(|(before, name)| count(name) == before + 1);
    let (_, name) = taken.next().expect("a pipeline counted the object");
    assert!(taken.next().is_none());
    name
}

#[tokio::test]
async fn objects_go_to_the_pipeline_whose_every_condition_they_fit() {
    let mut build = TestNode::build();
    for (name, matches) in [
        ("cams", MatchConfig { source: Some("cam-*".into()), ..matching() }),
        ("queues", MatchConfig { kind: Some(Kind::Stream), ..matching() }),
        ("pictures", MatchConfig { content_type: Some("image/*".into()), ..matching() }),
        ("named", MatchConfig { framedb_id: Some("memory".into()), ..matching() }),
    ] {
        build = with(build, name, 0, matches);
    }
    let both = MatchConfig {
        source: Some("cam-?".into()),
        content_type: Some("text/plain".into()),
        ..matching()
    };
    let node = with(build, "both", -1, both).start().await;
    let object = || arrival("a");
    for (object, expected) in [
        (object(), "default"),
        (object().source("cam-17"), "cams"),
        (object().source("cam"), "default"),
        (arrival("q").kind(Kind::Stream), "queues"),
        (object().content_type("image/png"), "pictures"),
        (object().content_type("application/octet-stream"), "default"),
        (object().to("memory"), "named"),
        (object().source("cam-1").content_type("text/plain"), "both"),
        (object().source("cam-17").content_type("text/plain"), "cams"),
        (object().source("x").content_type("text/plain"), "default"),
        // A frame key has its source in front.
        (arrival("cam-9?1?0__5"), "cams"),
    ] {
        assert_eq!(taken_by(&node, object.clone()).await, expected, "{object:?}");
    }
}

#[tokio::test]
async fn of_several_that_fit_the_lowest_priority_value_and_then_the_name_decides() {
    let everything = || MatchConfig { source: Some("*".into()), ..matching() };
    let build = with(TestNode::build(), "b", 5, everything());
    let node = with(with(build, "c", -5, everything()), "a", -5, everything()).start().await;
    assert_eq!(taken_by(&node, arrival("a").source("s")).await, "a");
    let node = with(TestNode::build(), "z", 0, everything()).start().await;
    assert_eq!(taken_by(&node, arrival("a").source("s")).await, "z");
}

#[tokio::test]
async fn the_default_pipeline_comes_last_whatever_its_priority() {
    let everything = MatchConfig { source: Some("*".into()), ..matching() };
    let build = with(TestNode::build(), "other", 100, everything);
    let node = with(build, "default", -100, matching()).start().await;
    assert_eq!(taken_by(&node, arrival("a").source("s")).await, "other");
}
