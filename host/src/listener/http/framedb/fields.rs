//! `Fields`: the JSON object that a request carries, a field at a time.
//!
//! Fields that nobody asks for are ignored; `null` is as good as absent. Metadata keeps its
//! text, so that it is given back as it came.

use crate::{
    listener::http::{json, problem::Problem},
    node::Node,
    pipeline::Permit,
    registrar::{MAX_COPIES, Metadata},
};
use axum::body::Body;
use framedb_core::{Kind, Place, check_metadata, http::framedb::modern};
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use std::{collections::BTreeMap, sync::Arc};

/// Bytes that an instance's id may have.
const MAX_ID: usize = 255;

/// The fields of a JSON object.
#[derive(Debug)]
pub(super) struct Fields {
    values: Values,
    /// What they take of the node's memory, as long as they are there.
    _room: Permit,
}

type Values = BTreeMap<String, Box<RawValue>>;

impl Fields {
    /// The fields of a body, which there must be.
    pub(super) async fn of(node: &Node, body: Body) -> Result<Self, Problem> {
        let (values, permit) = json::read(node, body)
            .await?
            .ok_or_else(|| Problem::refused("the body is empty: it should be a JSON object"))?;
        Ok(Self { values, _room: permit })
    }

    /// The names of all fields, whatever their values.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.values.keys().map(String::as_str)
    }

    /// Refuses a body without these fields, by their names; each may have several.
    pub(super) fn require(&self, fields: &[&[&str]]) -> Result<(), Problem> {
        let absent = |names: &&&[&str]| names.iter().all(|name| self.get(name).is_none());
        let missing: Vec<_> =
            fields.iter().filter(absent).filter_map(|names| names.first().copied()).collect();
        match missing.as_slice() {
            [] => Ok(()),
            [one] => Err(Problem::refused(format_args!("Missing field: {one}"))),
            many => Err(Problem::refused(format_args!("Missing fields: {}", many.join(", ")))),
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
        if !self.values.contains_key("size") {
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
        check_metadata(metadata.text.as_bytes()).map_err(Problem::refused)?;
        Ok(Some(metadata))
    }

    /// Any value.
    pub(super) fn value(&self, name: &str) -> Result<serde_json::Value, Problem> {
        Ok(self.read(name, "a JSON value")?.unwrap_or_default())
    }

    /// Places that hold the same bytes; of each, only the instance and the kind are kept.
    pub(super) fn copies(&self) -> Result<Option<Vec<Place>>, Problem> {
        let copies: Option<Vec<Values>> = self.read("copies", "a list of objects")?;
        let Some(copies) = copies else { return Ok(None) };
        if copies.len() > MAX_COPIES {
            return Err(Problem::refused(format_args!(
                "`copies` has more than {MAX_COPIES} entries"
            )));
        }
        let place = |values| {
            let fields = Self { values, _room: Permit::default() };
            let (Some(framedb_id), Some(kind)) = (fields.framedb_id()?, fields.kind()?) else {
                let error = "Missing field: each of `copies` has `framedb_id` and `framedb_type`";
                return Err(Problem::refused(error));
            };
            Ok(Place { framedb_id, kind })
        };
        copies.into_iter().map(place).collect::<Result<_, _>>().map(Some)
    }

    /// A field that is there, and not null.
    fn get(&self, name: &str) -> Option<&RawValue> {
        self.values.get(name).map(|raw| &**raw).filter(|raw| raw.get() != "null")
    }

    fn read<T: DeserializeOwned>(&self, name: &str, what: &str) -> Result<Option<T>, Problem> {
        let Some(raw) = self.get(name) else { return Ok(None) };
        let read = serde_json::from_str(raw.get());
        read.map(Some).map_err(|_| Problem::refused(format_args!("`{name}` is not {what}")))
    }
}

/// For fuzzing: reads a body's fields as everything that they may be.
pub(super) fn fuzz(body: &[u8]) {
    let Ok(values) = serde_json::from_slice(body) else { return };
    let fields = Fields { values, _room: Permit::default() };
    drop(fields.require(&[&["object_id", "_id"], &["framedb_id"]]));
    drop((fields.framedb_id(), fields.kind(), fields.size(), fields.copies()));
    if let Ok(Some(metadata)) = fields.metadata() {
        assert!(check_metadata(metadata.text.as_bytes()).is_ok());
    }
}

/// The id of an instance, if it can be one.
fn framedb_id(id: &str) -> Result<Arc<str>, Problem> {
    if id.is_empty() || id.len() > MAX_ID || id.contains(char::is_control) {
        return Err(Problem::refused(format_args!(
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
            Err(Problem::refused(format_args!(
                "`framedb_type` {other:?} is neither in-memory nor storage"
            )))
        }
    }
}
