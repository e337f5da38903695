//! Conversions between the contract's records and the types of the rules.

use super::bindings::{ingest, resolve, serialize, types};
use framedb_core::{
    self as rules, Child, Columns, Decoded, Ingested, Object, Placement, Resolved, Retry,
};
use std::{sync::Arc, time::Duration};

/// The envelopes of a batch.
pub(super) fn envelopes(batch: &[&Object]) -> types::Envelopes {
    let rows = batch.iter().map(|object| (&object.envelope, object.data.len() as u64));
    let Columns { text, text_ends, attributes, attribute_ends, attempts, kinds, sizes } =
        Columns::pack(rows);
    types::Envelopes { text, text_ends, attributes, attribute_ends, attempts, kinds, sizes }
}

/// A batch with its payloads.
pub(super) fn objects(batch: &[&Object]) -> types::Objects {
    let payloads: Vec<_> = batch.iter().map(|object| &*object.data).collect();
    types::Objects { envelopes: envelopes(batch), payloads: payloads.concat() }
}

impl From<rules::Kind> for types::Kind {
    fn from(kind: rules::Kind) -> Self {
        match kind {
            rules::Kind::InMemory => Self::InMemory,
            rules::Kind::Storage => Self::Storage,
            rules::Kind::Stream => Self::Stream,
        }
    }
}

impl From<types::Kind> for rules::Kind {
    fn from(kind: types::Kind) -> Self {
        match kind {
            types::Kind::InMemory => Self::InMemory,
            types::Kind::Storage => Self::Storage,
            types::Kind::Stream => Self::Stream,
        }
    }
}

impl From<&rules::Attribute> for types::Attribute {
    fn from(attribute: &rules::Attribute) -> Self {
        let value = match &attribute.value {
            rules::Value::Text(text) => types::Value::Text(text.clone()),
            rules::Value::Integer(number) => types::Value::Integer(*number),
            rules::Value::Real(number) => types::Value::Real(*number),
            rules::Value::Boolean(truth) => types::Value::Boolean(*truth),
        };
        Self { name: attribute.name.clone(), value }
    }
}

impl From<types::Attribute> for rules::Attribute {
    fn from(attribute: types::Attribute) -> Self {
        let value = match attribute.value {
            types::Value::Text(text) => rules::Value::Text(text),
            types::Value::Integer(number) => rules::Value::Integer(number),
            types::Value::Real(number) => rules::Value::Real(number),
            types::Value::Boolean(truth) => rules::Value::Boolean(truth),
        };
        Self { name: attribute.name, value }
    }
}

impl From<types::Retry> for Retry {
    fn from(retry: types::Retry) -> Self {
        Self { reason: retry.reason, after: retry.after.map(Duration::from_nanos) }
    }
}

fn attributes(attributes: Vec<types::Attribute>) -> Vec<rules::Attribute> {
    attributes.into_iter().map(Into::into).collect()
}

impl From<ingest::Verdict> for Ingested {
    fn from(verdict: ingest::Verdict) -> Self {
        match verdict {
            ingest::Verdict::Accept(accepted) => Self::Accept {
                content_type: accepted.content_type,
                attributes: attributes(accepted.attributes),
            },
            ingest::Verdict::Changed(changed) => Self::Changed {
                data: changed.data.into(),
                content_type: changed.content_type,
                attributes: attributes(changed.attributes),
            },
            ingest::Verdict::Split(children) => {
                let child = |child: ingest::Child| Child {
                    key: child.key,
                    data: child.data.into(),
                    content_type: child.content_type,
                    attributes: attributes(child.attributes),
                };
                Self::Split(children.into_iter().map(child).collect())
            }
            ingest::Verdict::Drop(reason) => Self::Drop(reason),
            ingest::Verdict::Reject(reason) => Self::Reject(reason),
            ingest::Verdict::Retry(retry) => Self::Retry(retry.into()),
        }
    }
}

impl From<resolve::Verdict> for Resolved {
    fn from(verdict: resolve::Verdict) -> Self {
        match verdict {
            resolve::Verdict::Place(placement) => Self::Place(Placement {
                framedb_id: Arc::from(placement.framedb_id),
                kind: placement.kind.into(),
                key: placement.key,
                time_to_live: placement.time_to_live.map(Duration::from_nanos),
            }),
            resolve::Verdict::Drop(reason) => Self::Drop(reason),
            resolve::Verdict::Reject(reason) => Self::Reject(reason),
            resolve::Verdict::Retry(retry) => Self::Retry(retry.into()),
        }
    }
}

impl From<serialize::Decoded> for Decoded {
    fn from(decoded: serialize::Decoded) -> Self {
        match decoded {
            serialize::Decoded::Bytes(data) => Self::Bytes(data.into()),
            serialize::Decoded::Reject(reason) => Self::Reject(reason),
            serialize::Decoded::Retry(retry) => Self::Retry(retry.into()),
        }
    }
}
