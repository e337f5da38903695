//! `/framedb/…`: the instances of the node's own cluster (contract 5.2).

use super::{
    Subject, answer, directives, fields, filter, find, found, list as list_records, refused,
    registration, subject,
};
use crate::{Family, listener::http::problem::Problem, node::Node};
use axum::{
    body::Body,
    extract::State,
    http::{Method, StatusCode, Uri},
    response::Response,
};
use serde_json::{Map, Value};
use std::sync::Arc;

/// Registers a server that already runs, after it has answered. Repeating a registration
/// changes nothing; another one with the same id is refused.
pub(super) async fn create(
    State(node): State<Arc<Node>>,
    uri: Uri,
    body: Body,
) -> Result<Response, Problem> {
    let Subject { family, .. } = subject(&uri);
    let fields = fields(&node, body).await?;
    let record = registration::read(family, &fields, Some(&node.config.cluster_id))?;
    let known = node.instances.record(&record.framedb_id).await?;
    if known.is_some_and(|known| *known != record) {
        let error = format!("framedb with the ID {} already exists", record.framedb_id);
        return Err(Problem::new(StatusCode::BAD_REQUEST, "conflict", error));
    }
    let more = registration::created(&record);
    node.instances.register(record).await.map_err(|error| refused(&error))?;
    Ok(answer::message("Instance created", more))
}

/// The records of the node's own cluster that a filter in the body matches; all that do where
/// the cluster has no name.
pub(super) async fn list(
    State(node): State<Arc<Node>>,
    uri: Uri,
    body: Body,
) -> Result<Response, Problem> {
    let Subject { family, .. } = subject(&uri);
    let filter = filter(&node, body).await?;
    let own = node.config.cluster_id.as_str();
    let here =
        |record: &Value| own.is_empty() || record.get("cluster_id").is_some_and(|id| id == own);
    list_records(&node, family, |record| here(record) && filter.fits(record)).await
}

/// One record.
pub(super) async fn get(State(node): State<Arc<Node>>, uri: Uri) -> Result<Response, Problem> {
    let Subject { family, segments } = subject(&uri);
    found(&node, family, &segments.join("/")).await
}

/// Removes an instance from the registry; its server goes on running.
pub(super) async fn remove(
    State(node): State<Arc<Node>>,
    uri: Uri,
    body: Body,
) -> Result<Response, Problem> {
    super::remove(&node, &uri, body, "Instance removed", unknown).await
}

/// `…/update` changes fields of a record, `…/config` settings of its server.
pub(super) async fn change(
    State(node): State<Arc<Node>>,
    uri: Uri,
    body: Body,
) -> Result<Response, Problem> {
    let Subject { family, segments } = subject(&uri);
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let (id, action) = match (family, segments.as_slice()) {
        (_, [id, action @ "update"]) | (Family::InMemory, [id, action @ "config"]) => (id, action),
        (_, [_]) => return Err(Problem::wrong_method(&Method::POST, uri.path())),
        _ => return Err(Problem::no_such_path(uri.path())),
    };
    let fields = fields(&node, body).await?;
    let record = find(&node, family, id).await?.ok_or_else(|| unknown(id))?;
    if *action == "config" {
        directives::apply(&node, record, &fields.into()).await?;
        return Ok(answer::message(directives::UPDATED, Map::new()));
    }
    if fields.get("framedb_id").is_some_and(|named| *named != *record.framedb_id) {
        return Err(Problem::refused("`framedb_id` cannot be changed"));
    }
    let mut changed = record;
    registration::change(&mut changed, &fields)?;
    let reached = ["public_url", "local_url", "cluster_id"];
    // Where it is reached differently, it has to answer there.
    let written = if reached.iter().any(|name| fields.contains_key(*name)) {
        node.instances.register(changed).await
    } else {
        node.instances.write(&changed).await
    };
    written.map_err(|error| refused(&error))?;
    Ok(answer::message("Fields updated", Map::new()))
}

fn unknown(id: &str) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "not-found", format_args!("Instance not found: {id}"))
}
