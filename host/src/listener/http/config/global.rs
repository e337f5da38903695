//! `/global/framedb/…`: the instances of the whole site (contract 5.1).

use super::{Subject, answer, fields, filter, found, list, refused, registration, subject};
use crate::{listener::http::problem::Problem, node::Node};
use axum::{
    body::Body,
    extract::State,
    http::{Method, StatusCode, Uri},
    response::Response,
};
use serde_json::{Map, Value};
use std::sync::Arc;

/// Registers a server that already runs, after it has answered.
pub(super) async fn create(
    State(node): State<Arc<Node>>,
    uri: Uri,
    body: Body,
) -> Result<Response, Problem> {
    let Subject { family, .. } = subject(&uri);
    let record = registration::read(family, &fields(&node, body).await?, None)?;
    node.instances.register(record).await.map_err(|error| refused(&error))?;
    Ok(answer::message("Instance created in global registry", Map::new()))
}

/// One record, `cluster/<id>` or `cluster/<id>/node/<id>`.
pub(super) async fn get(State(node): State<Arc<Node>>, uri: Uri) -> Result<Response, Problem> {
    let Subject { family, segments } = subject(&uri);
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let is = |record: &Value, name: &str, id: &str| record.get(name).is_some_and(|own| own == id);
    match segments.as_slice() {
        ["cluster", cluster] => list(&node, family, |r| is(r, "cluster_id", cluster)).await,
        ["cluster", cluster, "node", machine] => {
            let fits = |r: &Value| is(r, "cluster_id", cluster) && is(r, "node_id", machine);
            list(&node, family, fits).await
        }
        _ => found(&node, family, &segments.join("/")).await,
    }
}

/// Removes an instance from the registry; its server goes on running.
pub(super) async fn remove(
    State(node): State<Arc<Node>>,
    uri: Uri,
    body: Body,
) -> Result<Response, Problem> {
    // Documented as 404; clients meet 400.
    let unknown = |_: &str| {
        let status = StatusCode::BAD_REQUEST;
        Problem::new(status, "not-found", "Instance not found in global registry")
    };
    super::remove(&node, &uri, body, "Removed from global registry", unknown).await
}

/// The records that a filter matches, at `…/query`.
pub(super) async fn query(
    State(node): State<Arc<Node>>,
    uri: Uri,
    body: Body,
) -> Result<Response, Problem> {
    let Subject { family, segments } = subject(&uri);
    match segments.as_slice() {
        [name] if name == "query" => {}
        [_] => return Err(Problem::wrong_method(&Method::POST, uri.path())),
        _ => return Err(Problem::no_such_path(uri.path())),
    }
    let filter = filter(&node, body).await?;
    list(&node, family, |record| filter.fits(record)).await
}
