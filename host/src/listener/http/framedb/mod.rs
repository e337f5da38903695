//! `/framedb/objects` and `/framedb/streams`: the routing service of existing clients.
//!
//! Follows section 4 of the wire contract: clients that write data themselves register where it
//! is, ask where it is, and record copies. How keys are named in URLs and how a route looks is
//! [`framedb_core::http::framedb`]; [`fields`] reads bodies; then the handlers.

mod fields;

mod collection;
mod copies;
mod entry;
mod listing;

use crate::node::Node;
use axum::{
    Json,
    http::Uri,
    routing::{MethodRouter, get},
};
use framedb_core::{
    Key, Route,
    http::framedb::{
        Collection,
        document::{self, Document},
        name,
    },
};
use serde_json::{Value, json};
use std::sync::Arc;

/// For fuzzing: what a request of the service names and says.
pub(super) fn fuzz(uri: &Uri, body: &[u8]) {
    let raw = name::rest(uri);
    drop(name::key(&raw));
    drop(name::action(&raw).map(|(raw, _)| name::key(raw)));
    drop(name::copy_exists(&raw).map(|(raw, _)| name::key(raw)));
    fields::fuzz(body);
}

/// The paths, as the description writes them.
pub(super) fn routes() -> Vec<(&'static str, MethodRouter<Arc<Node>>)> {
    let collection = || get(collection::list).post(collection::register);
    let entry = || get(entry::read).post(entry::act).delete(entry::delete);
    vec![
        ("/framedb/objects", collection()),
        ("/framedb/objects/{key}", entry()),
        ("/framedb/streams", collection()),
        ("/framedb/streams/{queue}", entry()),
    ]
}

/// How a route looks to clients, with the cluster of each copy by which they choose one (defect
/// D7); empty where it has none, or nobody knows the instance.
///
/// # Errors
///
/// When the registry cannot be asked about the instances of copies.
async fn document(node: &Node, key: Key, route: &Route) -> crate::Result<Document> {
    let mut clusters = Vec::with_capacity(route.copies.len());
    for copy in route.copies.iter() {
        let record = node.instances.record(&copy.framedb_id).await?;
        clusters.push(record.map(|record| record.cluster_id.clone()).unwrap_or_default());
    }
    Ok(document::document(key, route, clusters))
}

/// An answer that says what was done.
fn done(message: impl Into<String>) -> Json<Value> {
    Json(json!({ "success": true, "message": message.into() }))
}
