//! Routes as the service keeps them.

use crate::{Key, Kind, Place, Route};
use serde_json::{Map, Value, json};
use std::{
    hash::{DefaultHasher, Hash, Hasher},
    str::FromStr,
    sync::Arc,
};

/// The body that registers a route. The existing service reads `_id`, its clients send
/// `object_id` and `queue_name`: both are there (defect D2).
#[must_use]
pub fn body(key: &Key, route: &Route) -> Value {
    if route.kind == Kind::Stream {
        return json!({
            "queue_name": key,
            "_id": key,
            "framedb_id": route.framedb_id,
            "metadata": metadata(route),
        });
    }
    let copies: Vec<Value> = route.copies.iter().map(copy).collect();
    json!({
        "object_id": key,
        "_id": key,
        "framedb_id": route.framedb_id,
        "framedb_type": route.kind,
        "copies": copies,
        "size": route.size,
        "metadata": metadata(route),
    })
}

/// The body that changes a route which is registered already, of the one that registers it.
#[must_use]
pub fn change(mut body: Value) -> Value {
    if let Some(fields) = body.as_object_mut() {
        fields.retain(|name, _| !matches!(name.as_str(), "_id" | "object_id" | "queue_name"));
    }
    body
}

/// A record that is no route.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the routing service's record of {key} {what}")]
pub struct RecordError {
    key: Key,
    what: &'static str,
}

/// Reads what the service answers for a key.
///
/// # Errors
///
/// When the record does not say where the object is.
pub fn read(key: &Key, is_stream: bool, data: &Value) -> Result<Route, RecordError> {
    let corrupt = |what| RecordError { key: key.clone(), what };
    let text = |name: &str| data.get(name).and_then(Value::as_str);
    let framedb_id = text("framedb_id").ok_or_else(|| corrupt("has no `framedb_id`"))?;
    let kind = match (is_stream, text("framedb_type").unwrap_or_default()) {
        (true, _) => Kind::Stream,
        (false, name) => kind(name).ok_or_else(|| corrupt("has an unknown `framedb_type`"))?,
    };
    let (metadata, metadata_is_json) = match data.get("metadata") {
        None | Some(Value::Null) => (Arc::default(), false),
        // What is sent where there is none.
        Some(Value::Object(fields)) if fields.is_empty() => (Arc::default(), false),
        Some(Value::String(text)) => (text.as_str().into(), false),
        Some(other) => (other.to_string().into(), true),
    };
    let copies = data.get("copies").and_then(Value::as_array).into_iter().flatten();
    let mut route = Route {
        framedb_id: framedb_id.into(),
        kind,
        size: data.get("size").and_then(Value::as_u64),
        metadata,
        metadata_is_json,
        copies: copies.filter_map(place).collect(),
        content_type: None,
        attributes: Arc::default(),
        codec: None,
        next: None,
        unframed: false,
        generation: 0,
        expires_at: None,
        stored_at: 0,
    };
    route.generation = generation(&route);
    Ok(route)
}

/// What stands for a generation where the service keeps none: a number that is another one for
/// another place, and below every real one. A route that was replaced meanwhile is told by it.
fn generation(route: &Route) -> u64 {
    let mut hasher = DefaultHasher::new();
    (&*route.framedb_id, route.kind.as_str()).hash(&mut hasher);
    hasher.finish() >> 32
}

fn metadata(route: &Route) -> Value {
    let text = || Value::String((*route.metadata).to_owned());
    match (&*route.metadata, route.metadata_is_json) {
        ("", _) => Value::Object(Map::new()),
        (json, true) => serde_json::from_str(json).unwrap_or_else(|_| text()),
        (_, false) => text(),
    }
}

fn copy(place: &Place) -> Value {
    json!({ "framedb_id": place.framedb_id, "framedb_type": place.kind })
}

fn place(copy: &Value) -> Option<Place> {
    let framedb_id = copy.get("framedb_id")?.as_str()?.into();
    Some(Place { framedb_id, kind: kind(copy.get("framedb_type")?.as_str()?)? })
}

/// A kind by its name on the wire, or by the one that documentation shows.
fn kind(name: &str) -> Option<Kind> {
    match name {
        "memory" => Some(Kind::InMemory),
        "persistent" => Some(Kind::Storage),
        name => Kind::from_str(name).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_comes_back_as_it_was_registered() {
        let key = Key::new("a/b").unwrap();
        let data = json!({
            "framedb_id": "r1", "framedb_type": "memory", "size": null,
            "copies": [{ "framedb_id": "r2", "framedb_type": "in-memory", "cluster_id": "c" }],
            "metadata": { "a": 1 },
        });
        let route = read(&key, false, &data).unwrap();
        assert_eq!((route.kind, route.size, route.copies.len()), (Kind::InMemory, None, 1));
        let sent = body(&key, &route);
        assert_eq!(sent["metadata"], data["metadata"]);
        assert_eq!((&sent["object_id"], &sent["_id"]), (&json!("a/b"), &json!("a/b")));
        assert_eq!(read(&key, false, &sent).unwrap(), route);
        let elsewhere = read(&key, true, &json!({ "framedb_id": "r1" })).unwrap();
        assert_ne!(elsewhere.generation, route.generation);
        assert!(read(&key, false, &json!({ "framedb_id": "r1" })).is_err());
    }
}
