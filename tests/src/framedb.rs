//! Nodes with the fixture `uses-framedb`, and the calls that it makes.

use crate::{Build, Describe, TestNode, arrival, attribute, stored};
use framedb_core::Value;
use serde_json::{Value as Json, json};

/// Grants of everything.
#[must_use]
pub fn everything() -> Json {
    json!({
        "objects": { "all": {
            "ids": ["*"], "keys": ["*"], "verbs": ["get", "put", "delete", "list"],
        } },
        "streams": { "all": { "queues": ["*"], "verbs": ["push", "lease", "length"] } },
        "routing": true,
        "clusters": true,
    })
}

/// A node whose default pipeline has the fixture in ingest, with these grants.
#[must_use]
pub fn using_framedb(grants: &Json) -> Build {
    using_as(TestNode::build(), "uses-framedb", grants).pipeline("default", |pipeline| {
        pipeline.ingest = vec!["uses-framedb".into()];
    })
}

/// Adds the fixture as a plugin of this name, with these grants.
#[must_use]
pub fn using_as(build: Build, name: &str, grants: &Json) -> Build {
    build.plugin(name, crate::fixture("uses-framedb"), |plugin| {
        plugin.grants = serde_json::from_value(grants.clone()).unwrap();
    })
}

/// Sends an object with this key, and answers what the calls did that it ordered.
pub async fn calls_of(node: &TestNode, key: &str, source: &str, steps: Json) -> Vec<Json> {
    let orders = json!({ "steps": steps }).to_string();
    let receipt = node.ingest(arrival(key).source(source).to("memory").meta(orders)).await;
    match attribute(&stored(receipt), "answers") {
        Some(Value::Text(answers)) => serde_json::from_str(&answers).unwrap(),
        other => panic!("{other:?}"),
    }
}

/// What calls did in the default pipeline.
pub async fn calls(node: &TestNode, steps: Json) -> Vec<Json> {
    calls_of(node, "an object", "", steps).await
}

/// What one call did.
pub async fn call(node: &TestNode, step: Json) -> Json {
    calls(node, json!([step])).await.remove(0)
}

/// The text of an answer that is this case of an error.
///
/// # Panics
///
/// When it is another one.
#[track_caller]
#[must_use]
pub fn refused<'a>(answer: &'a Json, case: &str) -> &'a str {
    answer[case].as_str().unwrap_or_else(|| panic!("not {case}: {answer}"))
}
