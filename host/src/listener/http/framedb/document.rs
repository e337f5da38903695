//! `Document`: a route as the routing service shows it, with its id under both names.

use crate::{Result, node::Node};
use framedb_core::{Key, Kind, Route};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

/// The answer to a lookup. Written as it is, not by way of [`serde_json::Value`], which would
/// round numbers in metadata.
#[derive(Debug, Serialize)]
pub(super) struct Found {
    pub(super) success: bool,
    pub(super) data: Document,
}

/// An object's or a queue's route.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Document {
    Object {
        _id: Key,
        object_id: Key,
        framedb_id: String,
        framedb_type: Kind,
        copies: Vec<Copied>,
        size: Option<u64>,
        metadata: Box<RawValue>,
    },
    Stream {
        _id: Key,
        queue_name: Key,
        framedb_id: String,
        metadata: Box<RawValue>,
    },
}

/// A copy, with the cluster by which clients choose one (defect D7).
#[derive(Debug, Serialize)]
pub(super) struct Copied {
    framedb_id: String,
    framedb_type: Kind,
    /// Empty where nobody knows it: an absent one would be everybody's own cluster to clients
    /// that have none.
    cluster_id: String,
}

/// What is shown of a key.
///
/// # Errors
///
/// When the registry cannot be asked about the instances of copies.
pub(super) async fn document(node: &Node, key: Key, route: &Route) -> Result<Document> {
    let (_id, framedb_id) = (key.clone(), route.framedb_id.to_string());
    let metadata = metadata(route);
    if route.kind == Kind::Stream {
        return Ok(Document::Stream { _id, queue_name: key, framedb_id, metadata });
    }
    let mut copies = Vec::with_capacity(route.copies.len());
    for copy in route.copies.iter() {
        copies.push(Copied {
            framedb_id: copy.framedb_id.to_string(),
            framedb_type: copy.kind,
            cluster_id: cluster_of(node, &copy.framedb_id).await?,
        });
    }
    let (framedb_type, size) = (route.kind, route.size);
    Ok(Document::Object { _id, object_id: key, framedb_id, framedb_type, copies, size, metadata })
}

/// Metadata as it was sent: a JSON value or a text; `{}` where there is none.
fn metadata(route: &Route) -> Box<RawValue> {
    let text = &*route.metadata;
    let json = match text {
        "" => Some("{}"),
        text => Some(text).filter(|_| route.metadata_is_json),
    };
    let json = json.and_then(|json| RawValue::from_string(json.to_owned()).ok());
    json.or_else(|| to_raw_value(text).ok()).unwrap_or_else(|| RawValue::NULL.to_owned())
}

/// The cluster of an instance; empty where it has none, or nobody knows the instance.
async fn cluster_of(node: &Node, framedb_id: &str) -> Result<String> {
    let record = node.instances.record(framedb_id).await?;
    Ok(record.map(|record| record.cluster_id.clone()).unwrap_or_default())
}
