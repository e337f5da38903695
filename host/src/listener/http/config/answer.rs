//! Instances as clients of the config service see them.

use crate::{InstanceRecord, listener::http::problem::Problem};
use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::{Map, Value, json};
use url::Url;

/// A record with every field of contract 5.1: clients index `cluster_id` and both URLs, which
/// are `public` and `local`.
pub(super) fn record(record: &InstanceRecord, public: &str, local: &str) -> Value {
    let mut fields = record.more.clone();
    fields.insert("framedb_id".into(), (*record.framedb_id).into());
    fields.insert("node_id".into(), record.node_id.as_str().into());
    fields.insert("cluster_id".into(), record.cluster_id.as_str().into());
    fields.insert("metadata".into(), record.metadata.clone());
    fields.insert("public_url".into(), public.into());
    fields.insert("local_url".into(), local.into());
    fields.entry("status").or_insert("Running".into());
    if !fields.contains_key("port") {
        let port = Url::parse(public).ok().and_then(|url| url.port());
        fields.insert("port".into(), port.into());
    }
    Value::Object(fields)
}

/// `{"success": true, "data": …}`.
pub(super) fn data(data: impl Into<Value>) -> Response {
    Json(json!({ "success": true, "data": data.into() })).into_response()
}

/// `{"success": true, "message": …}`, and what else is said.
pub(super) fn message(message: &str, more: Map<String, Value>) -> Response {
    let mut answer = more;
    answer.insert("success".into(), true.into());
    answer.insert("message".into(), message.into());
    Json(answer).into_response()
}

/// What a client that asks for an instance inside of the node is told.
pub(super) fn embedded(framedb_id: &str) -> Problem {
    let error = format!(
        "the instance `{framedb_id}` is inside of the node, and direct clients cannot reach it: \
         use the object service"
    );
    Problem::new(StatusCode::NOT_FOUND, "embedded", error)
        .with_hint("write and read its objects over gRPC, or over /objects and /streams")
}
