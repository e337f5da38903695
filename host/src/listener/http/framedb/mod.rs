//! `/framedb/objects` and `/framedb/streams`: the routing service of existing clients.
//!
//! Follows section 4 of the wire contract: clients that write data themselves register where it
//! is, ask where it is, and record copies. In reading order: [`name`] finds keys in URLs,
//! [`fields`] reads bodies, [`document`] says how a route looks; then the handlers.

mod name;

mod fields;

mod document;

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
use framedb_core::Kind;
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

/// What a path is about. A key is in one of the two: asked for in the other one, it is absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Collection {
    Objects,
    Streams,
}

impl Collection {
    fn of(uri: &Uri) -> Self {
        let second = uri.path().trim_start_matches('/').split('/').nth(1);
        if second == Some("streams") { Self::Streams } else { Self::Objects }
    }

    /// Whether routes of a kind are in it.
    fn has(self, kind: Kind) -> bool {
        (self == Self::Streams) == (kind == Kind::Stream)
    }

    /// The same as a function, for changes that wait.
    fn wanted(self) -> fn(Kind) -> bool {
        match self {
            Self::Objects => |kind| Self::Objects.has(kind),
            Self::Streams => |kind| Self::Streams.has(kind),
        }
    }

    /// What clients call an entry's id, and what the reference does.
    fn id_names(self) -> &'static [&'static str] {
        match self {
            Self::Objects => &["object_id", "_id"],
            Self::Streams => &["queue_name", "_id"],
        }
    }

    /// What an entry is called in answers.
    fn entry(self) -> &'static str {
        match self {
            Self::Objects => "Object",
            Self::Streams => "Stream",
        }
    }
}

/// An answer that says what was done.
fn done(message: impl Into<String>) -> Json<Value> {
    Json(json!({ "success": true, "message": message.into() }))
}
