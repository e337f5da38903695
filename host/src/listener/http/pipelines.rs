//! `/admin/pipelines`: which pipelines there are, and whether they take objects.

use super::{path, problem::Problem, query};
use crate::node::Node;
use axum::{Json, extract::State, http::Uri};
use serde_json::{Value, json};
use std::sync::Arc;

/// Every pipeline in the order in which they are tried.
pub(super) async fn list(State(node): State<Arc<Node>>) -> Json<Value> {
    let pipelines = node.pipelines.iter();
    let pipelines = pipelines.map(|p| json!({ "name": p.name(), "halted": p.halted() }));
    Json(json!({ "success": true, "pipelines": pipelines.collect::<Vec<_>>() }))
}

/// Lets a halted pipeline take objects again.
pub(super) async fn resume(
    State(node): State<Arc<Node>>,
    uri: Uri,
) -> Result<Json<Value>, Problem> {
    let query::Nothing {} = query::parse(&uri)?;
    let rest = uri.path().trim_start_matches("/admin/pipelines/");
    let Some(name) = rest.strip_suffix("/resume") else {
        return Err(Problem::no_such_path(uri.path()));
    };
    let name = path::decode(name);
    let name = String::from_utf8_lossy(&name);
    let Some(pipeline) = node.pipelines.iter().find(|pipeline| pipeline.name() == name) else {
        let name: String = name.chars().take(80).collect();
        return Err(Problem::not_found(format_args!("there is no pipeline {name:?}")));
    };
    let resumed = pipeline.resume();
    Ok(Json(json!({ "success": true, "name": name, "resumed": resumed })))
}
