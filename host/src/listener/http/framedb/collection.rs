//! A collection: its list, and what joins it.

use super::{Collection, fields::Fields, listing};
use crate::{listener::http::problem::Problem, node::Node, registrar::Registration};
use axum::{Json, body::Body, extract::State, http::Uri, response::Response};
use framedb_core::{Key, Kind, Place};
use serde_json::{Value, json};
use std::sync::Arc;

/// Every entry, or those that fit the filter in the body.
pub(super) async fn list(
    State(node): State<Arc<Node>>,
    uri: Uri,
    body: Body,
) -> Result<Response, Problem> {
    listing::list(node, Collection::of(&uri), body).await
}

/// Registers an object or a queue, in place of an earlier one with the same id. The status is
/// 200, because clients take no other for success (defect D1).
pub(super) async fn register(
    State(node): State<Arc<Node>>,
    uri: Uri,
    body: Body,
) -> Result<Json<Value>, Problem> {
    let collection = Collection::of(&uri);
    let fields = Fields::of(&node, body).await?;
    let ids = collection.id_names();
    let kind = match collection {
        Collection::Objects => {
            fields.require(&[ids, &["framedb_id"], &["framedb_type"]])?;
            fields.kind()?
        }
        Collection::Streams => {
            fields.require(&[ids, &["framedb_id"]])?;
            Some(Kind::Stream)
        }
    };
    let mut id = None;
    for name in ids {
        id = id.or(fields.text(name)?);
    }
    // A required field is absent no more.
    let (Some(id), Some(framedb_id), Some(kind)) = (id, fields.framedb_id()?, kind) else {
        return Err(Problem::refused("the body has no id"));
    };
    let key = Key::new(&id).map_err(Problem::refused)?;
    let copies = match collection {
        // Clients that know of no copies send an empty list.
        Collection::Objects => fields.copies()?.filter(|copies| !copies.is_empty()),
        Collection::Streams => None,
    };
    let registration = Registration {
        place: Place { framedb_id, kind },
        size: match collection {
            Collection::Objects => fields.size()?.flatten(),
            Collection::Streams => None,
        },
        metadata: fields.metadata()?.unwrap_or_default(),
        copies,
        rewritten: true,
    };
    node.registrar.register(&key, registration).await?;
    let message = format!("{} inserted", collection.entry());
    Ok(Json(json!({ "success": true, "message": message, "id": key })))
}
