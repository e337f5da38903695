//! Changes to routes that are registered: some of their fields, and their copies.

use super::{MAX_COPIES, Metadata, Registrar, Registration};
use crate::{Error, ErrorKind, Result, instances::Remains};
use framedb_core::{Key, Kind, Place, Route, check_metadata};
use serde_json::Value;
use std::sync::Arc;

/// Some of the fields of a route; `None` leaves the field as it is.
#[derive(Debug, Default)]
pub(crate) struct Change {
    pub(crate) framedb_id: Option<Arc<str>>,
    pub(crate) kind: Option<Kind>,
    pub(crate) size: Option<Option<u64>>,
    pub(crate) metadata: Option<Metadata>,
    /// Values within metadata that is a JSON object, by their paths.
    pub(crate) within: Vec<(String, Value)>,
    pub(crate) copies: Option<Vec<Place>>,
}

impl Change {
    /// The registration of `route` with what changes.
    fn apply(self, route: &Route) -> Result<Registration> {
        let mut metadata = self.metadata.unwrap_or_else(|| Metadata {
            text: route.metadata.clone(),
            is_json: route.metadata_is_json,
        });
        if !self.within.is_empty() {
            metadata = set_within(&metadata, self.within)?;
        }
        Ok(Registration {
            place: Place {
                framedb_id: self.framedb_id.unwrap_or_else(|| route.framedb_id.clone()),
                kind: self.kind.unwrap_or(route.kind),
            },
            rewritten: self.size.is_some(),
            size: self.size.unwrap_or(route.size),
            metadata,
            copies: self.copies,
        })
    }
}

impl Registrar {
    /// Changes some fields of a route, if `wanted` accepts its kind; whether there was one.
    ///
    /// # Errors
    ///
    /// As [`Registrar::register`], and when a path leads into metadata that is no JSON object.
    pub(crate) async fn update(
        &self,
        key: &Key,
        wanted: fn(Kind) -> bool,
        change: Change,
    ) -> Result<bool> {
        let updated = key.clone();
        self.in_turn(key, move |registrar, route| async move {
            let Some(route) = route.filter(|route| wanted(route.kind)) else { return Ok(false) };
            let registration = change.apply(&route)?;
            registrar.replace(&updated, Some(route), registration).await?;
            Ok(true)
        })
        .await
    }

    /// Records another place that holds an object; `false` when there is no such object, or it
    /// is known to be there.
    ///
    /// # Errors
    ///
    /// As [`Registrar::register`], and when there are [`MAX_COPIES`].
    pub(crate) async fn add_copy(&self, key: &Key, place: Place) -> Result<bool> {
        let copied = key.clone();
        self.in_turn(key, |registrar, route| async move {
            let Some(route) = route.filter(|route| route.kind != Kind::Stream) else {
                return Ok(false);
            };
            let mut known = route.copies.iter().map(|copy| &copy.framedb_id);
            if route.framedb_id == place.framedb_id || known.any(|id| *id == place.framedb_id) {
                return Ok(false);
            }
            if route.copies.len() >= MAX_COPIES {
                let message = format!("`{copied}` has {MAX_COPIES} copies, as many as it may have");
                return Err(Error::new(ErrorKind::Invalid, message));
            }
            registrar.check(&copied, &place).await?;
            let copies = route.copies.iter().cloned().chain([place]).collect();
            let generation = registrar.generation(Some(&route));
            registrar.write(&copied, Route { copies, generation, ..route }).await?;
            Ok(true)
        })
        .await
    }

    /// Forgets a copy and deletes it; whether there was one. An instance that cannot be reached
    /// keeps its bytes: copies are removed because their instances are gone, too.
    ///
    /// # Errors
    ///
    /// When the registry fails.
    pub(crate) async fn remove_copy(&self, key: &Key, framedb_id: Arc<str>) -> Result<bool> {
        let copied = key.clone();
        self.in_turn(key, |registrar, route| async move {
            let Some(route) = route else { return Ok(false) };
            let (removed, copies): (Vec<_>, Vec<_>) =
                route.copies.iter().cloned().partition(|copy| copy.framedb_id == framedb_id);
            let Some(removed) = removed.into_iter().next() else { return Ok(false) };
            let generation = registrar.generation(Some(&route));
            let primary = route.framedb_id.clone();
            let route = Route { copies: copies.into(), generation, ..route };
            registrar.write(&copied, route).await?;
            let instances = &registrar.reader.instances;
            instances.leave(&copied, &removed, Remains::Anything, &primary, None).await;
            Ok(true)
        })
        .await
    }
}

/// Sets values within metadata; objects on the way are made where they are absent.
fn set_within(metadata: &Metadata, changes: Vec<(String, Value)>) -> Result<Metadata> {
    let text = if metadata.text.is_empty() { "{}" } else { &metadata.text };
    let mut whole: Value = serde_json::from_str(text).unwrap_or_default();
    for (path, value) in changes {
        let mut at = &mut whole;
        for name in path.split('.') {
            if at.is_null() {
                *at = Value::Object(serde_json::Map::new());
            }
            let Some(fields) = at.as_object_mut() else {
                let path: String = path.chars().take(80).collect();
                let message = format!("metadata.{path} leads into what is no JSON object");
                return Err(Error::new(ErrorKind::Invalid, message)
                    .with_hint("send the whole of `metadata`"));
            };
            at = fields.entry(name).or_insert(Value::Null);
        }
        *at = value;
    }
    let text = whole.to_string();
    check_metadata(text.as_bytes())
        .map_err(|error| Error::new(ErrorKind::Invalid, error.to_string()))?;
    Ok(Metadata { text: text.into(), is_json: metadata.is_json || metadata.text.is_empty() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn set(text: &str, path: &str, value: Value) -> Result<String> {
        let metadata = Metadata { text: text.into(), is_json: true };
        set_within(&metadata, vec![(path.into(), value)]).map(|set| set.text.to_string())
    }

    #[test]
    fn a_path_sets_a_value_within_metadata() {
        assert_eq!(set("", "a.b", json!(1)).unwrap(), r#"{"a":{"b":1}}"#);
        assert_eq!(set(r#"{"a":{"c":2}}"#, "a.b", json!([])).unwrap(), r#"{"a":{"b":[],"c":2}}"#);
        for text in ["[1]", r#"{"a":3}"#, "{'a': None}"] {
            let error = set(text, "a.b", json!(1));
            assert!(text.starts_with("{'") || error.is_err(), "{text}: {error:?}");
        }
    }

    #[test]
    fn metadata_does_not_grow_past_its_limit() {
        let error = set("{}", "a", json!("x".repeat(64 << 10))).unwrap_err();
        assert!(error.to_string().contains("65536"), "{error}");
    }
}
