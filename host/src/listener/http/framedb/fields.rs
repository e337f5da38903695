//! `Fields`: the JSON object that a request carries, a field at a time.
//!
//! Fields that nobody asks for are ignored; `null` is as good as absent. Metadata keeps its
//! text, so that it is given back as it came.

use super::refused;
use crate::{
    listener::http::{
        problem::Problem,
        small_body::{self, Unread},
    },
    registrar::{MAX_COPIES, Metadata},
};
use axum::{body::Body, http::StatusCode};
use framedb_core::{Kind, Place, check_metadata};
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use std::{collections::BTreeMap, sync::Arc};

/// Bytes that an instance's id may have.
const MAX_ID: usize = 255;

/// The fields of a JSON object.
#[derive(Debug)]
pub(super) struct Fields(BTreeMap<String, Box<RawValue>>);

/// Reads a JSON object; `None` when the body is empty.
pub(super) async fn read<T: DeserializeOwned>(body: Body) -> Result<Option<T>, Problem> {
    let bytes = small_body::read(body).await.map_err(|unread| match unread {
        Unread::TooLarge => Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", unread),
        Unread::EndedEarly | Unread::Late => refused(unread),
    })?;
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(None);
    }
    match serde_json::from_slice(&bytes) {
        Ok(read) => Ok(Some(read)),
        Err(error) => Err(refused(format_args!("the body is no JSON object: {error}"))),
    }
}

impl Fields {
    /// The fields of a body, which there must be.
    pub(super) async fn of(body: Body) -> Result<Self, Problem> {
        let fields = read(body).await?;
        fields.map(Self).ok_or_else(|| refused("the body is empty: it should be a JSON object"))
    }

    /// The names of all fields, whatever their values.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Refuses a body without these fields, by their names; each may have several.
    pub(super) fn require(&self, fields: &[&[&str]]) -> Result<(), Problem> {
        let absent = |names: &&&[&str]| names.iter().all(|name| self.get(name).is_none());
        let missing: Vec<_> =
            fields.iter().filter(absent).filter_map(|names| names.first().copied()).collect();
        match missing.as_slice() {
            [] => Ok(()),
            [one] => Err(refused(format_args!("Missing field: {one}"))),
            many => Err(refused(format_args!("Missing fields: {}", many.join(", ")))),
        }
    }

    /// A text.
    pub(super) fn text(&self, name: &str) -> Result<Option<String>, Problem> {
        self.read(name, "a text")
    }

    /// The id of an instance.
    pub(super) fn framedb_id(&self) -> Result<Option<Arc<str>>, Problem> {
        self.text("framedb_id")?.map(|id| framedb_id(&id)).transpose()
    }

    /// How an object is kept, by one of the names that clients have for it.
    pub(super) fn kind(&self) -> Result<Option<Kind>, Problem> {
        self.text("framedb_type")?.map(|text| kind(&text)).transpose()
    }

    /// Bytes of an object; the outer `None` when nothing is said, the inner one for `null`.
    pub(super) fn size(&self) -> Result<Option<Option<u64>>, Problem> {
        if !self.0.contains_key("size") {
            return Ok(None);
        }
        self.read("size", "a whole number of bytes, or null").map(Some)
    }

    /// Metadata of any JSON type.
    pub(super) fn metadata(&self) -> Result<Option<Metadata>, Problem> {
        let Some(raw) = self.get("metadata") else { return Ok(None) };
        let text: Option<String> = serde_json::from_str(raw.get()).ok();
        let metadata = match text {
            // An empty text is a value, and no text is none.
            Some(text) if !text.is_empty() => Metadata { text: text.into(), is_json: false },
            _ => Metadata { text: raw.get().into(), is_json: true },
        };
        check_metadata(metadata.text.as_bytes()).map_err(refused)?;
        Ok(Some(metadata))
    }

    /// Any value.
    pub(super) fn value(&self, name: &str) -> Result<serde_json::Value, Problem> {
        Ok(self.read(name, "a JSON value")?.unwrap_or_default())
    }

    /// Places that hold the same bytes; of each, only the instance and the kind are kept.
    pub(super) fn copies(&self) -> Result<Option<Vec<Place>>, Problem> {
        let copies: Option<Vec<BTreeMap<String, Box<RawValue>>>> =
            self.read("copies", "a list of objects")?;
        let Some(copies) = copies else { return Ok(None) };
        if copies.len() > MAX_COPIES {
            return Err(refused(format_args!("`copies` has more than {MAX_COPIES} entries")));
        }
        let place = |fields| {
            let fields = Self(fields);
            let (Some(framedb_id), Some(kind)) = (fields.framedb_id()?, fields.kind()?) else {
                let error = "Missing field: each of `copies` has `framedb_id` and `framedb_type`";
                return Err(refused(error));
            };
            Ok(Place { framedb_id, kind })
        };
        copies.into_iter().map(place).collect::<Result<_, _>>().map(Some)
    }

    /// A field that is there, and not null.
    fn get(&self, name: &str) -> Option<&RawValue> {
        self.0.get(name).map(|raw| &**raw).filter(|raw| raw.get() != "null")
    }

    fn read<T: DeserializeOwned>(&self, name: &str, what: &str) -> Result<Option<T>, Problem> {
        let Some(raw) = self.get(name) else { return Ok(None) };
        let read = serde_json::from_str(raw.get());
        read.map(Some).map_err(|_| refused(format_args!("`{name}` is not {what}")))
    }
}

/// The id of an instance, if it can be one.
fn framedb_id(id: &str) -> Result<Arc<str>, Problem> {
    if id.is_empty() || id.len() > MAX_ID || id.contains(char::is_control) {
        return Err(refused(format_args!(
            "`framedb_id` is not a text of 1 to {MAX_ID} bytes without control characters"
        )));
    }
    Ok(id.into())
}

/// How an object is kept; documentation has names of its own for both kinds.
fn kind(text: &str) -> Result<Kind, Problem> {
    match modern(text) {
        "in-memory" => Ok(Kind::InMemory),
        "storage" => Ok(Kind::Storage),
        other => {
            let other: String = other.chars().take(80).collect();
            Err(refused(format_args!("`framedb_type` {other:?} is neither in-memory nor storage")))
        }
    }
}

/// The name of a kind for one of documentation's names (contract section 4, field notes).
pub(super) fn modern(kind: &str) -> &str {
    match kind {
        "memory" => "in-memory",
        "persistent" => "storage",
        other => other,
    }
}
