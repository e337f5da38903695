//! `/framedb/objects` and `/framedb/streams`: the routing service of existing clients.
//!
//! Follows section 4 of the wire contract. [`name`] finds keys in URLs, [`document`] says how a
//! route looks.

pub mod document;
pub mod name;

use super::{
    Answer, Problem,
    filter::{Filter, FilterError},
    json,
};
use crate::Kind;
use http::{StatusCode, Uri};
use serde_json::{Map, Value, json};

/// What a path is about. A key is in one of the two: asked for in the other one, it is absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Collection {
    /// Objects.
    Objects,
    /// Queues.
    Streams,
}

impl Collection {
    /// The collection of a path.
    #[must_use]
    pub fn of(uri: &Uri) -> Self {
        let second = uri.path().trim_start_matches('/').split('/').nth(1);
        if second == Some("streams") { Self::Streams } else { Self::Objects }
    }

    /// Whether routes of a kind are in it.
    #[must_use]
    pub fn has(self, kind: Kind) -> bool {
        (self == Self::Streams) == (kind == Kind::Stream)
    }

    /// The same as a function, for changes that wait.
    #[must_use]
    pub fn wanted(self) -> fn(Kind) -> bool {
        match self {
            Self::Objects => |kind| Self::Objects.has(kind),
            Self::Streams => |kind| Self::Streams.has(kind),
        }
    }

    /// What clients call an entry's id, and what the reference does.
    #[must_use]
    pub fn id_names(self) -> &'static [&'static str] {
        match self {
            Self::Objects => &["object_id", "_id"],
            Self::Streams => &["queue_name", "_id"],
        }
    }

    /// What an entry is called in answers.
    #[must_use]
    pub fn entry(self) -> &'static str {
        match self {
            Self::Objects => "Object",
            Self::Streams => "Stream",
        }
    }
}

/// The answer to a lookup of what is not there.
#[must_use]
pub fn absent() -> Problem {
    Problem::not_found("No document found")
}

/// The answer to whether an object has a copy in an instance. It has its text as `message` either
/// way, and as `error` too where every other path has it.
#[must_use]
pub fn copy_exists(exists: bool) -> Answer {
    if exists {
        return json(StatusCode::OK, &json!({ "success": true, "message": "Copy exists" }));
    }
    let text = "Copy does not exist";
    json(StatusCode::NOT_FOUND, &json!({ "success": false, "message": text, "error": text }))
}

/// The filter in the body of a listing, with documentation's names of kinds made ours.
///
/// # Errors
///
/// Names the operator or the value that filters cannot have.
pub fn filter(mut filter: Map<String, Value>) -> Result<Filter, FilterError> {
    for (name, value) in &mut filter {
        rename_in(value, name.ends_with("framedb_type"));
    }
    Filter::parse(filter)
}

fn rename_in(value: &mut Value, is_kind: bool) {
    match value {
        Value::String(text) if is_kind => *value = Value::String(modern(text).to_owned()),
        Value::Array(values) => values.iter_mut().for_each(|value| rename_in(value, is_kind)),
        Value::Object(fields) => {
            for (name, value) in fields {
                rename_in(value, is_kind || name.ends_with("framedb_type"));
            }
        }
        _ => {}
    }
}

/// The name of a kind for one of documentation's names (contract section 4, field notes).
#[must_use]
pub fn modern(kind: &str) -> &str {
    match kind {
        "memory" => "in-memory",
        "persistent" => "storage",
        other => other,
    }
}
