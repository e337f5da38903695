//! What clients say of instances.

use super::answer;
use crate::{Family, InstanceRecord, listener::http::problem::Problem};
use axum::http::StatusCode;
use serde_json::{Map, Value};
use std::{borrow::Cow, fmt::Display};

/// Bytes of text that a name may have.
const MAX_NAME: usize = 255;

/// The fields that the config services keep as they came.
const KEPT: [&str; 4] = ["port", "status", "storage_size", "redis_config"];

/// A field that has to be a text.
pub(super) fn text(fields: &Map<String, Value>, name: &str) -> Result<String, Problem> {
    match fields.get(name) {
        Some(Value::String(text)) => Ok(text.clone()),
        Some(_) => Err(Problem::refused(format_args!("`{name}` is not a text"))),
        None => Err(missing(name)),
    }
}

pub(super) fn missing(name: &str) -> Problem {
    Problem::refused(format_args!("Missing field: {name}"))
}

/// The instance that a request registers: a server that already runs, at `public_url`.
pub(super) fn read(
    family: Family,
    fields: &Map<String, Value>,
    in_cluster: Option<&str>,
) -> Result<InstanceRecord, Problem> {
    let framedb_id = text(fields, "framedb_id")?;
    if framedb_id.is_empty()
        || framedb_id.len() > MAX_NAME
        || framedb_id.contains(|c: char| c.is_control() || c == '/')
    {
        return Err(Problem::refused(format_args!(
            "`framedb_id` is not a name of 1 to {MAX_NAME} bytes without slashes and control \
             characters"
        )));
    }
    if !fields.contains_key("public_url") {
        return Err(not_created(family, fields, &framedb_id, in_cluster.is_none()));
    }
    let mut record = InstanceRecord {
        framedb_id: framedb_id.into(),
        family,
        cluster_id: in_cluster.unwrap_or_default().to_owned(),
        node_id: String::new(),
        public_url: String::new(),
        local_url: None,
        metadata: Value::Object(Map::new()),
        more: Map::new(),
    };
    change(&mut record, fields)?;
    Ok(record)
}

/// Takes over what a request says; other fields are ignored. Whether anything was changed.
pub(super) fn change(
    record: &mut InstanceRecord,
    fields: &Map<String, Value>,
) -> Result<bool, Problem> {
    let before = record.clone();
    let url = |name: &str| -> Result<Option<String>, Problem> {
        match fields.get(name) {
            None | Some(Value::Null) => Ok(None),
            // There is none where an instance has only the other.
            Some(Value::String(url)) if url.is_empty() && name == "local_url" => Ok(None),
            Some(_) => {
                let wrong = |why: &dyn Display| Problem::refused(format_args!("`{name}`: {why}"));
                let url = record.family.client_url(&text(fields, name)?);
                let url = url.map_err(|error| wrong(&error))?;
                match names_a_file(&url) {
                    true => Err(wrong(&"the URL names a file of this node's machine")
                        .with_hint("an operator may write it into the node's configuration")),
                    false => Ok(Some(url)),
                }
            }
        }
    };
    let (public_url, local_url) = (url("public_url")?, url("local_url")?);
    if let Some(public_url) = public_url {
        record.public_url = public_url;
    }
    if local_url.is_some() {
        record.local_url = local_url;
    }
    if fields.contains_key("cluster_id") {
        record.cluster_id = text(fields, "cluster_id")?;
    }
    if fields.contains_key("node_id") {
        record.node_id = text(fields, "node_id")?;
    }
    if let Some(metadata) = fields.get("metadata") {
        record.metadata = metadata.clone();
    }
    for name in KEPT {
        if let Some(value) = fields.get(name) {
            record.more.insert(name.into(), value.clone());
        }
    }
    Ok(*record != before)
}

/// Whether opening a URL would open a socket or a certificate on the node's machine, which is
/// not for callers from elsewhere.
fn names_a_file(url: &str) -> bool {
    let (scheme, rest) = url.split_once("://").unwrap_or_default();
    let query = rest.split_once('?').map_or("", |(_, query)| query);
    let named = |(name, _): (Cow<'_, str>, _)| matches!(&*name, "ssl-ca" | "ssl_ca_certs");
    matches!(scheme, "unix" | "redis+unix")
        || url::form_urlencoded::parse(query.as_bytes()).any(named)
}

/// The answer to a request that wants a server made: first what it lacks, in the order of
/// contract 5.1, then that this node makes none.
fn not_created(
    family: Family,
    fields: &Map<String, Value>,
    framedb_id: &str,
    is_global: bool,
) -> Problem {
    let own = match family {
        Family::InMemory => "redis_config",
        Family::Persistent => "storage_size",
    };
    let required = ["node_id", "metadata", own];
    let required = required.into_iter().chain(is_global.then_some("cluster_id"));
    if let Some(name) = required.into_iter().find(|name| !fields.contains_key(*name)) {
        return missing(name).with_hint("add `public_url` to register a server that already runs");
    }
    let error = format!(
        "cannot create `{framedb_id}`: this node registers servers that already run, and starts none"
    );
    Problem::new(StatusCode::NOT_IMPLEMENTED, "not-implemented", error)
        .with_hint("start the server, and send the same request with its `public_url`")
}

/// The record as an answer: shared by both services.
pub(super) fn created(record: &InstanceRecord) -> Map<String, Value> {
    let shown = answer::record(record, &record.public_url, &record.public_url);
    let port = shown.get("port").cloned().unwrap_or_default();
    [("port".to_owned(), port)].into_iter().collect()
}
