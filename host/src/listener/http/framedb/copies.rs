//! The copies of an object: more places that hold its bytes.

use super::{Collection, done, entry::route, fields::Fields, name};
use crate::{
    listener::http::{answer, problem::Problem},
    node::Node,
};
use axum::{Json, body::Body, response::Response};
use framedb_core::{Place, http::framedb::copy_exists};
use serde_json::Value;

/// Records a copy that a client made.
pub(super) async fn add(node: &Node, raw: &str, body: Body) -> Result<Json<Value>, Problem> {
    let fields = Fields::of(node, body).await?;
    let framedb_id =
        fields.framedb_id()?.ok_or_else(|| Problem::refused("framedb_id is required"))?;
    let kind = fields.kind()?.ok_or_else(|| Problem::refused("framedb_type is required"))?;
    let added = match name::key(raw) {
        Some(key) => node.registrar.add_copy(&key, Place { framedb_id, kind }).await?,
        None => false,
    };
    if !added {
        return Err(Problem::refused("Copy already exists or object not found"));
    }
    Ok(done("Copy added"))
}

/// Removes a copy and its bytes.
pub(super) async fn remove(node: &Node, raw: &str, body: Body) -> Result<Json<Value>, Problem> {
    let fields = Fields::of(node, body).await?;
    let framedb_id =
        fields.framedb_id()?.ok_or_else(|| Problem::refused("framedb_id is required"))?;
    let removed = match name::key(raw) {
        Some(key) => node.registrar.remove_copy(&key, framedb_id).await?,
        None => false,
    };
    if !removed {
        return Err(Problem::not_found("Copy not found"));
    }
    Ok(done("Copy removed"))
}

/// Whether an object has a copy in an instance.
pub(super) async fn exists(node: &Node, raw: &str, framedb_id: &str) -> Result<Response, Problem> {
    let found = match name::key(raw) {
        Some(key) => route(node, Collection::Objects, &key).await?,
        None => None,
    };
    let copied =
        found.is_some_and(|route| route.copies.iter().any(|copy| &*copy.framedb_id == framedb_id));
    Ok(answer(copy_exists(copied)))
}
