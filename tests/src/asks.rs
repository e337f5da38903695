//! What the fixtures that make calls into capabilities are told, and what they answer.

use crate::{Build, Describe, TestNode, arrival, stored};
use framedb_host::pipeline::Arrival;
use serde_json::Value;

/// A node whose default pipeline has a fixture in its ingest stage, with grants as the
/// configuration has them and up to four batches at once.
#[must_use]
pub fn asking(fixture: &str, grants: &Value) -> Build {
    let grants = serde_json::from_value(grants.clone()).unwrap();
    TestNode::build()
        .fixture(fixture, |plugin| plugin.grants = grants)
        .pipeline("default", |pipeline| pipeline.ingest = vec![fixture.into()])
}

/// An object that asks for calls on a label.
#[must_use]
pub fn calls(key: &str, label: &str, calls: &Value) -> Arrival {
    arrival(key).meta(label.to_owned()).data(calls.to_string())
}

/// What the calls of an object are answered with.
pub async fn ask(node: &TestNode, label: &str, asked: &Value) -> Vec<Value> {
    let receipt = stored(node.ingest(calls("asked", label, asked)).await);
    answers(node, &receipt.key).await
}

/// The answers that became the payload of an object.
pub async fn answers(node: &TestNode, key: &str) -> Vec<Value> {
    serde_json::from_slice(&node.get(key).await).unwrap()
}

/// The text of a call that failed.
#[track_caller]
#[must_use]
pub fn error(answer: &Value) -> &str {
    answer.get("error").and_then(Value::as_str).unwrap_or_else(|| panic!("no error: {answer}"))
}
