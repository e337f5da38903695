//! The component: the two plugins are called, and what they answer is converted.

use crate::{
    bindings::{
        exports::framedb::edge::ingest as exported,
        framedb::{
            chain::second,
            edge::{ingest as first, types},
        },
    },
    chain::Between,
    name,
};
use bytes::Bytes;
use framedb_core::{self as rules, Child, Columns, Ingested, Object, Retry};
use std::time::Duration;

/// The component.
pub(crate) struct Component;

impl exported::Guest for Component {
    async fn describe() -> Result<types::Description, String> {
        let one = first::describe().await.map_err(|error| name::first_refuses(&error))?;
        let two = second::describe().await;
        let two = two.map_err(|error| name::second_refuses(&one.name, &error))?;
        Ok(types::Description {
            name: name::joined(&one.name, &two.name),
            version: name::joined(&one.version, &two.version),
        })
    }

    async fn process(batch: types::Objects) -> Vec<exported::Verdict> {
        // What does not fit is answered by no verdicts at all, which whoever called takes for
        // what it is: a plugin that broke its contract.
        judge(batch).await.unwrap_or_default().into_iter().map(exported::Verdict::from).collect()
    }
}

async fn judge(batch: types::Objects) -> Option<Vec<Ingested>> {
    let types::Objects { envelopes, payloads } = batch;
    let objects = objects(columns(&envelopes), Bytes::copy_from_slice(&payloads));
    let Some(objects) = objects else {
        println!("ERROR the batch has columns that do not fit");
        return None;
    };
    let verdicts = first::process(types::Objects { envelopes, payloads }).await;
    let count = verdicts.len();
    let (between, next) = Between::new(objects, verdicts.into_iter().map(Ingested::from).collect())
        .or_else(|| miscounted("first", count))?;
    let seconds = match next.is_empty() {
        true => Vec::new(),
        false => second::process(packed(next)).await,
    };
    let count = seconds.len();
    let seconds = seconds.into_iter().map(Ingested::from).collect();
    between.verdicts(seconds).or_else(|| miscounted("second", count))
}

fn miscounted<T>(which: &str, count: usize) -> Option<T> {
    println!("ERROR the {which} plugin answered {count} verdicts, not one for each object");
    None
}

/// The rows of a batch; none where its columns do not fit.
fn objects(
    columns: Columns<rules::Attribute, rules::Kind>,
    mut payloads: Bytes,
) -> Option<Vec<Object>> {
    let sizes = columns.sizes.clone();
    let object = |(envelope, size)| {
        let size = usize::try_from(size).ok().filter(|size| *size <= payloads.len())?;
        Some(Object { envelope, data: payloads.split_to(size) })
    };
    columns.unpack()?.into_iter().zip(sizes).map(object).collect()
}

fn columns(envelopes: &types::Envelopes) -> Columns<rules::Attribute, rules::Kind> {
    Columns {
        text: envelopes.text.clone(),
        text_ends: envelopes.text_ends.clone(),
        attributes: envelopes.attributes.iter().cloned().map(Into::into).collect(),
        attribute_ends: envelopes.attribute_ends.clone(),
        attempts: envelopes.attempts.clone(),
        kinds: envelopes.kinds.iter().map(|kind| kind.map(Into::into)).collect(),
        sizes: envelopes.sizes.clone(),
    }
}

/// A batch of these objects.
fn packed(batch: Vec<Object>) -> types::Objects {
    let rows = batch.iter().map(|object| (&object.envelope, object.data.len() as u64));
    let Columns { text, text_ends, attributes, attribute_ends, attempts, kinds, sizes } =
        Columns::pack(rows);
    let envelopes =
        types::Envelopes { text, text_ends, attributes, attribute_ends, attempts, kinds, sizes };
    let payloads: Vec<_> = batch.into_iter().map(|object| object.data).collect();
    types::Objects { envelopes, payloads: payloads.concat() }
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
        attribute.clone().into()
    }
}

impl From<rules::Attribute> for types::Attribute {
    fn from(attribute: rules::Attribute) -> Self {
        let value = match attribute.value {
            rules::Value::Text(text) => types::Value::Text(text),
            rules::Value::Integer(number) => types::Value::Integer(number),
            rules::Value::Real(number) => types::Value::Real(number),
            rules::Value::Boolean(truth) => types::Value::Boolean(truth),
        };
        Self { name: attribute.name, value }
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

/// Attributes as the other side has them.
fn all<A, B: From<A>>(attributes: Vec<A>) -> Vec<B> {
    attributes.into_iter().map(B::from).collect()
}

impl From<first::Verdict> for Ingested {
    fn from(verdict: first::Verdict) -> Self {
        match verdict {
            first::Verdict::Accept(accepted) => Self::Accept {
                content_type: accepted.content_type,
                attributes: all(accepted.attributes),
            },
            first::Verdict::Changed(changed) => Self::Changed {
                data: changed.data.into(),
                content_type: changed.content_type,
                attributes: all(changed.attributes),
            },
            first::Verdict::Split(children) => {
                let child = |child: first::Child| Child {
                    key: child.key,
                    data: child.data.into(),
                    content_type: child.content_type,
                    attributes: all(child.attributes),
                };
                Self::Split(children.into_iter().map(child).collect())
            }
            first::Verdict::Drop(reason) => Self::Drop(reason),
            first::Verdict::Reject(reason) => Self::Reject(reason),
            first::Verdict::Retry(retry) => Self::Retry(Retry {
                reason: retry.reason,
                after: retry.after.map(Duration::from_nanos),
            }),
        }
    }
}

impl From<Ingested> for exported::Verdict {
    fn from(verdict: Ingested) -> Self {
        match verdict {
            Ingested::Accept { content_type, attributes } => {
                Self::Accept(exported::Accepted { content_type, attributes: all(attributes) })
            }
            Ingested::Changed { data, content_type, attributes } => {
                let (data, attributes) = (data.into(), all(attributes));
                Self::Changed(exported::Changed { data, content_type, attributes })
            }
            Ingested::Split(children) => {
                let child = |child: Child| exported::Child {
                    key: child.key,
                    data: child.data.into(),
                    content_type: child.content_type,
                    attributes: all(child.attributes),
                };
                Self::Split(children.into_iter().map(child).collect())
            }
            Ingested::Drop(reason) => Self::Drop(reason),
            Ingested::Reject(reason) => Self::Reject(reason),
            Ingested::Retry(Retry { reason, after }) => {
                let after = after.map(|after| u64::try_from(after.as_nanos()).unwrap_or(u64::MAX));
                Self::Retry(types::Retry { reason, after })
            }
        }
    }
}
