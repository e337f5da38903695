//! `Document`: a route as the routing service shows it, with its id under both names.

use crate::{Key, Kind, Place, Route};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

/// The answer to a lookup. Written as it is, not by way of [`serde_json::Value`], which would
/// round numbers in metadata.
#[derive(Debug, Serialize)]
pub struct Found {
    /// Always true.
    pub success: bool,
    /// The route.
    pub data: Document,
}

/// An object's or a queue's route.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Document {
    /// An object's.
    Object {
        /// The key, as the reference calls it.
        _id: Key,
        /// The key, as the documentation calls it.
        object_id: Key,
        /// The instance.
        framedb_id: String,
        /// How it is kept there.
        framedb_type: Kind,
        /// Other places with the same bytes.
        copies: Vec<Copied>,
        /// Bytes of payload, where known.
        size: Option<u64>,
        /// As it was sent.
        metadata: Box<RawValue>,
    },
    /// A queue's.
    Stream {
        /// The name, as the reference calls it.
        _id: Key,
        /// The name, as the documentation calls it.
        queue_name: Key,
        /// The instance.
        framedb_id: String,
        /// As it was sent.
        metadata: Box<RawValue>,
    },
}

/// A copy, with the cluster by which clients choose one (defect D7).
#[derive(Debug, Serialize)]
pub struct Copied {
    framedb_id: String,
    framedb_type: Kind,
    /// Empty where nobody knows it: an absent one would be everybody's own cluster to clients
    /// that have none.
    cluster_id: String,
}

/// What is shown of a key; `clusters` are those of the route's copies, in their order, empty where
/// nobody knows them.
#[must_use]
pub fn document(key: Key, route: &Route, clusters: Vec<String>) -> Document {
    let (_id, framedb_id) = (key.clone(), route.framedb_id.to_string());
    let metadata = metadata(route);
    if route.kind == Kind::Stream {
        return Document::Stream { _id, queue_name: key, framedb_id, metadata };
    }
    let clusters = clusters.into_iter().chain(std::iter::repeat(String::new()));
    let copied = |(copy, cluster_id): (&Place, _)| Copied {
        framedb_id: copy.framedb_id.to_string(),
        framedb_type: copy.kind,
        cluster_id,
    };
    let copies = route.copies.iter().zip(clusters).map(copied).collect();
    let (framedb_type, size) = (route.kind, route.size);
    Document::Object { _id, object_id: key, framedb_id, framedb_type, copies, size, metadata }
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
