//! One object or one queue: where it is, changes to that, and its end.

use super::{Collection, copies, document, done, fields::Fields, name};
use crate::{Error, ErrorKind, listener::http::problem::Problem, node::Node, registrar::Change};
use axum::{
    Json,
    body::Body,
    extract::State,
    http::{Method, Uri},
    response::{IntoResponse, Response},
};
use framedb_core::{
    Key, Route,
    http::framedb::{absent, document::Found},
};
use serde_json::Value;
use std::sync::Arc;

/// Where it is; or whether it has a copy in an instance.
pub(super) async fn read(State(node): State<Arc<Node>>, uri: Uri) -> Result<Response, Problem> {
    let (collection, raw) = (Collection::of(&uri), name::rest(&uri));
    if collection == Collection::Objects
        && let Some((key, framedb_id)) = name::copy_exists(&raw)
    {
        return copies::exists(&node, key, &framedb_id).await;
    }
    let key = name::key(&raw).ok_or_else(absent)?;
    let route = route(&node, collection, &key).await?.ok_or_else(absent)?;
    let data = document(&node, key, &route).await?;
    Ok(Json(Found { success: true, data }).into_response())
}

/// Does what the last segment says.
pub(super) async fn act(
    State(node): State<Arc<Node>>,
    uri: Uri,
    body: Body,
) -> Result<Json<Value>, Problem> {
    let (collection, raw) = (Collection::of(&uri), name::rest(&uri));
    match (name::action(&raw), collection) {
        (Some((key, "update")), _) => update(&node, collection, key, body).await,
        (Some((key, "add-copy")), Collection::Objects) => copies::add(&node, key, body).await,
        (Some((key, "remove-copy")), Collection::Objects) => copies::remove(&node, key, body).await,
        _ => Err(Problem::wrong_method(&Method::POST, uri.path())),
    }
}

/// Removes it, with its data and its copies (defect D37).
pub(super) async fn delete(
    State(node): State<Arc<Node>>,
    uri: Uri,
) -> Result<Json<Value>, Problem> {
    let collection = Collection::of(&uri);
    let deleted = match name::key(&name::rest(&uri)) {
        Some(key) => node.registrar.delete(&key, collection.wanted()).await?,
        None => false,
    };
    if !deleted {
        return Err(Problem::not_found("No document found to delete"));
    }
    Ok(done(format!("{} deleted", collection.entry())))
}

/// The route of a key, where that is in the collection.
///
/// # Errors
///
/// When the registry fails, or does not answer before the deadline.
pub(super) async fn route(
    node: &Node,
    collection: Collection,
    key: &Key,
) -> crate::Result<Option<Route>> {
    let found = tokio::time::timeout(node.config.limits.deadline, node.reader.route(key)).await;
    let found = found.map_err(|_| {
        let message = format!("cannot look `{key}` up: the registry took too long");
        Error::new(ErrorKind::Timeout, message)
    })??;
    Ok(found.filter(|route| collection.has(route.kind)))
}

/// Changes the fields that the body has; an entry that is not there is not made, because it
/// would be half of one (defect D25).
async fn update(
    node: &Node,
    collection: Collection,
    raw: &str,
    body: Body,
) -> Result<Json<Value>, Problem> {
    let fields = Fields::of(node, body).await?;
    let key = name::key(raw);
    let mut change = Change::default();
    let mut changes = 0;
    for field in fields.names() {
        match (field, collection) {
            ("framedb_id", _) => change.framedb_id = fields.framedb_id()?,
            ("framedb_type", Collection::Objects) => change.kind = fields.kind()?,
            ("size", Collection::Objects) => change.size = fields.size()?,
            ("copies", Collection::Objects) => {
                change.copies = Some(fields.copies()?.unwrap_or_default());
            }
            ("metadata", _) => change.metadata = Some(fields.metadata()?.unwrap_or_default()),
            (field, _) if collection.id_names().contains(&field) => {
                if fields.text(field)?.as_deref() != key.as_ref().map(Key::as_str) {
                    return Err(Problem::refused(format_args!("`{field}` cannot be changed")));
                }
                continue;
            }
            (field, _) => match field.strip_prefix("metadata.") {
                Some(path) if !path.split('.').any(str::is_empty) => {
                    change.within.push((path.to_owned(), fields.value(field)?));
                }
                _ => return Err(unknown_field(field, collection)),
            },
        }
        changes += 1;
    }
    if changes == 0 {
        return Err(Problem::refused("the body has no field to update"));
    }
    let updated = match &key {
        Some(key) => node.registrar.update(key, collection.wanted(), change).await?,
        None => false,
    };
    if !updated {
        return Err(Problem::refused("No document found to update"));
    }
    Ok(done("Fields updated"))
}

fn unknown_field(field: &str, collection: Collection) -> Problem {
    let field: String = field.chars().take(80).collect();
    let known = match collection {
        Collection::Objects => "`framedb_id`, `framedb_type`, `copies`, `size` and `metadata`",
        Collection::Streams => "`framedb_id` and `metadata`",
    };
    Problem::refused(format_args!("there is no field {field:?} to update: entries have {known}"))
}
