//! The records of `framedb:edge` as Rust types, and their conversions to and from `core`.
//!
//! Declared by hand instead of generated, because generated bindings for async functions take
//! owned values: here payloads are shared, so that lowering a batch, and lowering it again in a
//! replay, copies none of them in the host.

#![allow(unsafe_code, reason = "the derives implement wasmtime's unsafe traits")]

use super::payloads::Payloads;
use bytes::Bytes;
use framedb_core::{
    self as rules, Child, Decoded, Encoded, Failure, Format, Ingested, Judge, Placement, Resolved,
};
use std::{sync::Arc, time::Duration};
use wasmtime::component::{ComponentType, Lift, Lower};

#[derive(ComponentType, Lift, Lower, Debug, Clone, Copy, PartialEq, Eq)]
#[component(enum)]
#[repr(u8)]
pub(crate) enum Kind {
    #[component(name = "in-memory")]
    InMemory,
    #[component(name = "storage")]
    Storage,
    #[component(name = "stream")]
    Stream,
}

#[derive(ComponentType, Lift, Lower, Debug, Clone)]
#[component(variant)]
pub(crate) enum Value {
    #[component(name = "text")]
    Text(String),
    #[component(name = "integer")]
    Integer(i64),
    #[component(name = "real")]
    Real(f64),
    #[component(name = "boolean")]
    Boolean(bool),
}

#[derive(ComponentType, Lift, Lower, Debug, Clone)]
#[component(record)]
pub(crate) struct Attribute {
    #[component(name = "name")]
    name: String,
    #[component(name = "value")]
    value: Value,
}

/// `types.envelopes`.
#[derive(ComponentType, Lower, Debug)]
#[component(record)]
pub(crate) struct Envelopes {
    #[component(name = "text")]
    text: Vec<u8>,
    #[component(name = "text-ends")]
    text_ends: Vec<u32>,
    #[component(name = "attributes")]
    attributes: Vec<Attribute>,
    #[component(name = "attribute-ends")]
    attribute_ends: Vec<u32>,
    #[component(name = "attempts")]
    attempts: Vec<u32>,
    #[component(name = "kinds")]
    kinds: Vec<Option<Kind>>,
    #[component(name = "sizes")]
    sizes: Vec<u64>,
}

impl Envelopes {
    /// About how many bytes it takes in a guest.
    pub(crate) fn bytes(&self) -> usize {
        self.text.len() + self.sizes.len() * 64
    }
}

/// `types.objects`, lowered from shared bytes.
#[derive(ComponentType, Lower, Debug)]
#[component(record)]
pub(crate) struct Objects {
    #[component(name = "envelopes")]
    envelopes: Envelopes,
    #[component(name = "payloads")]
    payloads: Payloads,
}

impl Objects {
    /// About how many bytes it takes in a guest.
    pub(crate) fn bytes(&self) -> usize {
        self.envelopes.bytes() + self.payloads.bytes()
    }
}

#[derive(ComponentType, Lift, Debug)]
#[component(record)]
pub(crate) struct Retry {
    #[component(name = "reason")]
    reason: String,
    #[component(name = "after")]
    after: Option<u64>,
}

#[derive(ComponentType, Lift, Debug, Clone)]
#[component(record)]
pub(crate) struct Description {
    #[component(name = "name")]
    pub(crate) name: String,
    #[component(name = "version")]
    pub(crate) version: String,
}

#[derive(ComponentType, Lift, Debug)]
#[component(record)]
pub(crate) struct Accepted {
    #[component(name = "content-type")]
    content_type: Option<String>,
    #[component(name = "attributes")]
    attributes: Vec<Attribute>,
}

#[derive(ComponentType, Lift, Debug)]
#[component(record)]
pub(crate) struct Changed {
    #[component(name = "data")]
    data: Bytes,
    #[component(name = "content-type")]
    content_type: Option<String>,
    #[component(name = "attributes")]
    attributes: Vec<Attribute>,
}

#[derive(ComponentType, Lift, Debug)]
#[component(record)]
pub(crate) struct SplitChild {
    #[component(name = "key")]
    key: Option<String>,
    #[component(name = "data")]
    data: Bytes,
    #[component(name = "content-type")]
    content_type: Option<String>,
    #[component(name = "attributes")]
    attributes: Vec<Attribute>,
}

/// `ingest.verdict`.
#[derive(ComponentType, Lift, Debug)]
#[component(variant)]
pub(crate) enum IngestVerdict {
    #[component(name = "accept")]
    Accept(Accepted),
    #[component(name = "changed")]
    Changed(Changed),
    #[component(name = "split")]
    Split(Vec<SplitChild>),
    #[component(name = "drop")]
    Drop(String),
    #[component(name = "reject")]
    Reject(String),
    #[component(name = "retry")]
    Retry(Retry),
}

#[derive(ComponentType, Lift, Debug)]
#[component(record)]
pub(crate) struct PlacementRecord {
    #[component(name = "framedb-id")]
    framedb_id: String,
    #[component(name = "kind")]
    kind: Kind,
    #[component(name = "key")]
    key: Option<String>,
    #[component(name = "time-to-live")]
    time_to_live: Option<u64>,
}

/// `resolve.verdict`.
#[derive(ComponentType, Lift, Debug)]
#[component(variant)]
pub(crate) enum ResolveVerdict {
    #[component(name = "place")]
    Place(PlacementRecord),
    #[component(name = "drop")]
    Drop(String),
    #[component(name = "reject")]
    Reject(String),
    #[component(name = "retry")]
    Retry(Retry),
}

/// `serialize.formats`.
#[derive(ComponentType, Lift, Debug, Clone)]
#[component(record)]
pub(crate) struct Formats {
    #[component(name = "writes")]
    pub(crate) writes: Vec<String>,
    #[component(name = "reads")]
    pub(crate) reads: Vec<String>,
}

#[derive(ComponentType, Lift, Debug)]
#[component(record)]
pub(crate) struct EncodedRecord {
    #[component(name = "format")]
    format: String,
    #[component(name = "data")]
    data: Bytes,
}

/// `serialize.verdict`.
#[derive(ComponentType, Lift, Debug)]
#[component(variant)]
pub(crate) enum SerializeVerdict {
    #[component(name = "bytes")]
    Bytes(EncodedRecord),
    #[component(name = "unchanged")]
    Unchanged,
    #[component(name = "reject")]
    Reject(String),
    #[component(name = "retry")]
    Retry(Retry),
}

/// `serialize.stored`.
#[derive(ComponentType, Lower, Debug, Clone)]
#[component(record)]
pub(crate) struct Stored {
    #[component(name = "key")]
    pub(crate) key: Arc<str>,
    #[component(name = "format")]
    pub(crate) format: String,
    #[component(name = "data")]
    pub(crate) data: Bytes,
}

/// `serialize.decoded`.
#[derive(ComponentType, Lift, Debug)]
#[component(variant)]
pub(crate) enum DecodedRecord {
    #[component(name = "bytes")]
    Bytes(Bytes),
    #[component(name = "reject")]
    Reject(String),
    #[component(name = "retry")]
    Retry(Retry),
}

impl From<rules::Kind> for Kind {
    fn from(kind: rules::Kind) -> Self {
        match kind {
            rules::Kind::InMemory => Self::InMemory,
            rules::Kind::Storage => Self::Storage,
            rules::Kind::Stream => Self::Stream,
        }
    }
}

impl From<Kind> for rules::Kind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::InMemory => Self::InMemory,
            Kind::Storage => Self::Storage,
            Kind::Stream => Self::Stream,
        }
    }
}

impl From<&rules::Attribute> for Attribute {
    fn from(attribute: &rules::Attribute) -> Self {
        let value = match &attribute.value {
            rules::Value::Text(text) => Value::Text(text.clone()),
            rules::Value::Integer(number) => Value::Integer(*number),
            rules::Value::Real(number) => Value::Real(*number),
            rules::Value::Boolean(truth) => Value::Boolean(*truth),
        };
        Self { name: attribute.name.clone(), value }
    }
}

impl From<Attribute> for rules::Attribute {
    fn from(attribute: Attribute) -> Self {
        let value = match attribute.value {
            Value::Text(text) => rules::Value::Text(text),
            Value::Integer(number) => rules::Value::Integer(number),
            Value::Real(number) => rules::Value::Real(number),
            Value::Boolean(truth) => rules::Value::Boolean(truth),
        };
        Self { name: attribute.name, value }
    }
}

impl Envelopes {
    /// The envelopes of a batch, by columns.
    pub(crate) fn pack(batch: &[&rules::Object]) -> Self {
        let rows = batch.iter().map(|object| (&object.envelope, object.data.len() as u64));
        let rules::Columns { text, text_ends, attributes, attribute_ends, attempts, kinds, sizes } =
            rules::Columns::pack(rows);
        Self { text, text_ends, attributes, attribute_ends, attempts, kinds, sizes }
    }
}

impl Objects {
    /// A batch with its payloads.
    pub(crate) fn pack(batch: &[&rules::Object]) -> Self {
        Self {
            envelopes: Envelopes::pack(batch),
            payloads: Payloads::new(batch.iter().map(|object| object.data.clone())),
        }
    }
}

impl From<Retry> for rules::Retry {
    fn from(retry: Retry) -> Self {
        Self { reason: retry.reason, after: retry.after.map(Duration::from_nanos) }
    }
}

fn attributes(attributes: Vec<Attribute>) -> Vec<rules::Attribute> {
    attributes.into_iter().map(Into::into).collect()
}

impl From<IngestVerdict> for Ingested {
    fn from(verdict: IngestVerdict) -> Self {
        match verdict {
            IngestVerdict::Accept(accepted) => Self::Accept {
                content_type: accepted.content_type,
                attributes: attributes(accepted.attributes),
            },
            IngestVerdict::Changed(changed) => Self::Changed {
                data: changed.data,
                content_type: changed.content_type,
                attributes: attributes(changed.attributes),
            },
            IngestVerdict::Split(children) => Self::Split(
                children
                    .into_iter()
                    .map(|child| Child {
                        key: child.key,
                        data: child.data,
                        content_type: child.content_type,
                        attributes: attributes(child.attributes),
                    })
                    .collect(),
            ),
            IngestVerdict::Drop(reason) => Self::Drop(reason),
            IngestVerdict::Reject(reason) => Self::Reject(reason),
            IngestVerdict::Retry(retry) => Self::Retry(retry.into()),
        }
    }
}

impl ResolveVerdict {
    /// The verdict; `named` is the instance that the sender named, which most plugins repeat.
    pub(crate) fn into_resolved(self, named: Option<&Arc<str>>) -> Resolved {
        match self {
            Self::Place(placement) => Resolved::Place(Placement {
                framedb_id: match named {
                    Some(named) if **named == placement.framedb_id => named.clone(),
                    _ => placement.framedb_id.into(),
                },
                kind: placement.kind.into(),
                key: placement.key,
                time_to_live: placement.time_to_live.map(Duration::from_nanos),
            }),
            Self::Drop(reason) => Resolved::Drop(reason),
            Self::Reject(reason) => Resolved::Reject(reason),
            Self::Retry(retry) => Resolved::Retry(retry.into()),
        }
    }
}

impl SerializeVerdict {
    /// The verdict, with the format looked up among those that the plugin declared.
    ///
    /// # Errors
    ///
    /// When the plugin answered with a format that it did not declare.
    pub(crate) fn declared(self, judge: Judge<'_>, writes: &[Format]) -> Result<Encoded, Failure> {
        Ok(match self {
            Self::Bytes(EncodedRecord { format, data }) => {
                Encoded::Bytes { format: judge.declared(&format, writes)?, data }
            }
            Self::Unchanged => Encoded::Unchanged,
            Self::Reject(reason) => Encoded::Reject(reason),
            Self::Retry(retry) => Encoded::Retry(retry.into()),
        })
    }
}

impl From<DecodedRecord> for Decoded {
    fn from(decoded: DecodedRecord) -> Self {
        match decoded {
            DecodedRecord::Bytes(data) => Self::Bytes(data),
            DecodedRecord::Reject(reason) => Self::Reject(reason),
            DecodedRecord::Retry(retry) => Self::Retry(retry.into()),
        }
    }
}
