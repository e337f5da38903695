//! The config service: which instances there are (sections 5.1 and 5.2 of the wire contract).
//!
//! [`global`] has the paths of the whole site, [`local`] those of one cluster; both speak of the
//! same records, which [`registration`] reads and [`answer`] shows. [`directives`] changes a
//! server's settings. What only Kubernetes can do is answered as such by [`absent`].

mod absent;
mod answer;
mod directives;
mod global;
mod local;
mod registration;

use super::{json, problem::Problem};
use crate::{Error, ErrorKind, Family, InstanceRecord, node::Node, registry::Query};
use axum::{
    body::Body,
    http::{StatusCode, Uri},
    response::Response,
    routing::{MethodRouter, get, post},
};
use framedb_core::http::filter::Filter;
use futures::future::join_all;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};
use std::sync::Arc;

/// Every path of the service. Both families have the same handlers, which tell them apart by
/// the path.
pub(super) fn routes() -> Vec<(&'static str, MethodRouter<Arc<Node>>)> {
    let of_site = || get(global::get).delete(global::remove).post(global::query);
    let of_cluster = || get(local::get).delete(local::remove).post(local::change);
    vec![
        ("/global/framedb/instances", post(global::create)),
        ("/global/framedb/instances/{id}", of_site()),
        ("/global/framedb/persistent-instances", post(global::create)),
        ("/global/framedb/persistent-instances/{id}", of_site()),
        ("/global/framedb/set-config", post(directives::set)),
        ("/framedb-config/{action}", post(absent::kubernetes).delete(absent::kubernetes)),
        ("/framedb/instances", get(local::list).post(local::create)),
        ("/framedb/instances/{id}", of_cluster()),
        ("/framedb/persistent-instances", get(local::list).post(local::create)),
        ("/framedb/persistent-instances/{id}", of_cluster()),
    ]
}

/// For fuzzing: reads what a request says of an instance.
pub(super) fn fuzz(fields: &Map<String, Value>) {
    for family in [Family::InMemory, Family::Persistent] {
        for cluster in [None, Some("c")] {
            if let Ok(mut record) = registration::read(family, fields, cluster) {
                // What was taken is taken again, and changes nothing.
                assert!(matches!(registration::change(&mut record, fields), Ok(false)));
                drop(registration::created(&record));
            }
        }
    }
}

/// What a path is about.
struct Subject {
    family: Family,
    /// The decoded segments behind the name of the family.
    segments: Vec<String>,
}

/// Reads a path of one of the families.
fn subject(uri: &Uri) -> Subject {
    let (before, behind) = uri.path().split_once("instances").unwrap_or_default();
    let family = match before.ends_with("persistent-") {
        true => Family::Persistent,
        false => Family::InMemory,
    };
    let behind = behind.trim_start_matches('/');
    let decode = |segment: &str| percent_decode_str(segment).decode_utf8_lossy().into_owned();
    Subject { family, segments: behind.split('/').map(decode).collect() }
}

/// A record of the family; an instance inside of the node is one that clients cannot reach.
async fn find(node: &Node, family: Family, id: &str) -> Result<Option<InstanceRecord>, Problem> {
    let found = node.instances.record(id).await?;
    match found.filter(|record| record.family == family) {
        Some(record) if record.is_embedded() => Err(answer::embedded(id)),
        found => Ok(found.map(|record| (*record).clone())),
    }
}

/// The records of a family that fit, but for those that clients cannot reach.
async fn list(
    node: &Node,
    family: Family,
    fits: impl Fn(&Value) -> bool,
) -> Result<Response, Problem> {
    let records = node.instances.records().await?;
    let records = records.iter().filter(|r| r.family == family && !r.is_embedded());
    let shown = join_all(records.map(async |record| match shown(node, record).await {
        Ok(shown) => shown,
        Err(error) => {
            // One whose servers cannot be found hides none of the others.
            let (framedb_id, error) = (&*record.framedb_id, error.chain());
            tracing::warn!(framedb_id, error, "an instance is listed without its URLs");
            answer::record(record, "", "")
        }
    }));
    let shown: Vec<Value> = shown.await.into_iter().filter(fits).collect();
    Ok(answer::data(shown))
}

/// One record as clients see it.
async fn found(node: &Node, family: Family, id: &str) -> Result<Response, Problem> {
    match find(node, family, id).await? {
        Some(record) => Ok(answer::data(shown(node, &record).await?)),
        None => Err(Problem::not_found("No document found")),
    }
}

/// A record with URLs that clients can use.
async fn shown(node: &Node, record: &InstanceRecord) -> crate::Result<Value> {
    let public = node.instances.client_url(&record.public_url).await?;
    let local = match &record.local_url {
        Some(local) => node.instances.client_url(local).await?,
        None => public.clone(),
    };
    Ok(answer::record(record, &public, &local))
}

/// The fields of a body, which there must be.
async fn fields(node: &Node, body: Body) -> Result<Map<String, Value>, Problem> {
    let read = json::read(node, body).await?;
    let (fields, _) =
        read.ok_or_else(|| Problem::refused("the body is empty: it should be a JSON object"))?;
    Ok(fields)
}

/// The filter of a body; one that is empty lets everything through.
async fn filter(node: &Node, body: Body) -> Result<Filter, Problem> {
    let read: Option<(Map<String, Value>, _)> = json::read(node, body).await?;
    Filter::parse(read.map(|(filter, _)| filter).unwrap_or_default()).map_err(Problem::refused)
}

/// Removes an instance that no route leads to any more, or any if `force` says so.
///
/// Its server goes on running. The answer is `removed`, or that of `unknown` where there is none.
async fn remove(
    node: &Node,
    uri: &Uri,
    body: Body,
    removed: &str,
    unknown: impl FnOnce(&str) -> Problem,
) -> Result<Response, Problem> {
    let Subject { family, segments } = subject(uri);
    let id = segments.join("/");
    match remove_instance(node, uri, family, &id, body).await? {
        true => Ok(answer::message(removed, Map::new())),
        false => Err(unknown(&id)),
    }
}

async fn remove_instance(
    node: &Node,
    uri: &Uri,
    family: Family,
    id: &str,
    body: Body,
) -> Result<bool, Problem> {
    let known = node.instances.record(id).await?;
    if known.is_none_or(|record| record.family != family) {
        return Ok(false);
    }
    let said: Option<(Map<String, Value>, _)> = json::read(node, body).await?;
    let said = said.map(|(said, _)| said).unwrap_or_default();
    let forced = said.get("force") == Some(&Value::Bool(true))
        || uri.query().is_some_and(|query| query.split('&').any(|pair| pair == "force=true"));
    if !forced {
        let query = Query { framedb_id: Some(id.to_owned()), limit: 1, ..Query::default() };
        if let Some((key, _)) = node.registry.list(&query).await?.first() {
            let error = format!("the instance `{id}` still holds objects, `{key}` for one");
            return Err(Problem::conflict(error)
                .with_hint("delete or move them, or send `{\"force\": true}`"));
        }
    }
    node.instances.remove(id).await.map_err(|error| refused(&error))
}

/// A refusal of these services: 400 whatever the cause, but for what the node itself cannot do.
fn refused(error: &Error) -> Problem {
    let status = match error.kind() {
        ErrorKind::Conflict => StatusCode::CONFLICT,
        _ => StatusCode::BAD_REQUEST,
    };
    let problem = Problem::new(status, "refused", error.chain());
    match error.hint() {
        Some(hint) => problem.with_hint(hint),
        None => problem,
    }
}
