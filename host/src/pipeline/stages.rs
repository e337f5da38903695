//! The three stages over a batch: plugins' verdicts become the items' next steps.
//!
//! Each stage takes the items that reached it and returns those that go on; all others have
//! ended, wait for another try, or were split into parts.

use super::{
    Pipeline,
    item::{Item, Step},
};
use crate::{Error, ErrorKind, plugin::Pool};
use framedb_core::{
    Attribute, Child, Encoded, Failure, FailureClass, Ingested, Key, Object, Outcome, Placement,
    Resolved, Stage, check_attributes, merge_attributes,
};
use std::{sync::Arc, time::Instant};

/// Parts that one object may be split into.
const MAX_PARTS: usize = 4096;

/// Bytes of a plugin's reason that reach senders and logs.
const MAX_REASON: usize = 1 << 10;

/// Bytes a content type may have.
const MAX_CONTENT_TYPE: usize = 255;

impl Pipeline {
    /// The ingest plugin with this index.
    pub(super) async fn ingest(self: &Arc<Self>, index: usize, items: Vec<Item>) -> Vec<Item> {
        let Some(pool) = self.ingest_pools().get(index) else { return items };
        let started = Instant::now();
        let verdicts = pool.ingest(&objects(&items)).await;
        let mut next = Vec::with_capacity(items.len());
        let took = self.took(Stage::Ingest, started);
        for (mut item, verdict) in items.into_iter().zip(verdicts) {
            item.spend(Stage::Ingest, took);
            item.step = Step::Ingest(index);
            match verdict {
                Ok(Ingested::Accept { content_type, attributes }) => {
                    match annotate(pool, &mut item, content_type, attributes) {
                        Ok(()) => next.push(item),
                        Err(failure) => next.extend(self.plugin_failed(item, failure).await),
                    }
                }
                Ok(Ingested::Changed { data, content_type, attributes }) => {
                    match annotate(pool, &mut item, content_type, attributes) {
                        Ok(()) => {
                            item.set_data(data);
                            next.push(item);
                        }
                        Err(failure) => next.extend(self.plugin_failed(item, failure).await),
                    }
                }
                Ok(Ingested::Split(children)) => match check_parts(pool, &item, &children) {
                    Ok(keys) => self.split(pool, item, children, keys, &mut next),
                    Err(failure) => next.extend(self.plugin_failed(item, failure).await),
                },
                Ok(Ingested::Drop(reason)) => {
                    self.end(item, Outcome::Dropped(cut(pool, &reason)), None)
                }
                Ok(Ingested::Reject(reason)) => {
                    let failure = rejected(pool, Stage::Ingest, reason);
                    next.extend(self.plugin_failed(item, failure).await);
                }
                Ok(Ingested::Retry(retry)) => {
                    self.retry(item, cut(pool, &retry.reason), retry.after);
                }
                Err(fault) => next.extend(self.plugin_failed(item, fault).await),
            }
        }
        next
    }

    /// The resolve plugin, or the sender's own words.
    pub(super) async fn resolve(self: &Arc<Self>, items: Vec<Item>) -> Vec<Item> {
        let started = Instant::now();
        let Some(pool) = self.resolve_pool() else {
            let mut next = Vec::with_capacity(items.len());
            for mut item in items {
                item.step = Step::Resolve;
                let placement = self.defaults().place(item.envelope());
                match self.accept_placement(&mut item, placement).await {
                    Ok(()) => next.push(item),
                    Err(failure) => self.fail(item, failure),
                }
            }
            return next;
        };
        let verdicts = pool.resolve(&objects(&items)).await;
        let mut next = Vec::with_capacity(items.len());
        let took = self.took(Stage::Resolve, started);
        for (mut item, verdict) in items.into_iter().zip(verdicts) {
            item.spend(Stage::Resolve, took);
            item.step = Step::Resolve;
            match verdict {
                Ok(Resolved::Place(placement)) => {
                    match self.accept_placement(&mut item, placement).await {
                        Ok(()) => next.push(item),
                        Err(failure) => next.extend(self.plugin_failed(item, failure).await),
                    }
                }
                Ok(Resolved::Drop(reason)) => {
                    self.end(item, Outcome::Dropped(cut(pool, &reason)), None)
                }
                Ok(Resolved::Reject(reason)) => {
                    let failure = rejected(pool, Stage::Resolve, reason);
                    next.extend(self.plugin_failed(item, failure).await);
                }
                Ok(Resolved::Retry(retry)) => {
                    self.retry(item, cut(pool, &retry.reason), retry.after);
                }
                Err(fault) => next.extend(self.plugin_failed(item, fault).await),
            }
        }
        next
    }

    /// The serialize plugin, or the bytes as they are.
    pub(super) async fn serialize(self: &Arc<Self>, items: Vec<Item>) -> Vec<Item> {
        let Some(pool) = self.serialize_pool() else { return items };
        let started = Instant::now();
        let verdicts = pool.encode(&objects(&items)).await;
        let mut next = Vec::with_capacity(items.len());
        let changes = verdicts.iter().any(|v| matches!(v, Ok(Encoded::Bytes { .. })));
        // Before the first record of a codec is acknowledged, its component is kept.
        let kept = if changes { self.codecs().keep(pool.plugin()).await } else { Ok(()) };
        let took = self.took(Stage::Serialize, started);
        for (mut item, verdict) in items.into_iter().zip(verdicts) {
            item.spend(Stage::Serialize, took);
            item.step = Step::Serialize;
            match verdict {
                Ok(Encoded::Bytes { format, data }) => match &kept {
                    Ok(()) => {
                        item.encoded = Some((pool.plugin().codec(format), data));
                        next.push(item);
                    }
                    Err(error) => self.fail(item, refused(Stage::Serialize, error)),
                },
                Ok(Encoded::Unchanged) => next.push(item),
                Ok(Encoded::Reject(reason)) => {
                    let failure = rejected(pool, Stage::Serialize, reason);
                    next.extend(self.plugin_failed(item, failure).await);
                }
                Ok(Encoded::Retry(retry)) => {
                    self.retry(item, cut(pool, &retry.reason), retry.after);
                }
                Err(fault) => next.extend(self.plugin_failed(item, fault).await),
            }
        }
        next
    }

    /// Replaces an item by its parts, which go on in its place under `keys`.
    fn split(
        self: &Arc<Self>,
        pool: &Pool,
        item: Item,
        children: Vec<Child>,
        keys: Vec<Key>,
        next: &mut Vec<Item>,
    ) {
        if children.is_empty() {
            return self.end(item, Outcome::Dropped("split into no objects".into()), None);
        }
        let behind = match item.step {
            Step::Ingest(index) => index + 1,
            _ => self.ingest_pools().len(),
        };
        let (parent, envelope, place, patience) = item.into_parent(children.len());
        // A part under the parent's own key takes over its place in line.
        let mut place = Some(place);
        for (n, (child, key)) in children.into_iter().zip(keys).enumerate() {
            let place = match place.take_if(|_| key == envelope.key) {
                Some(place) => place,
                None => self.order().enter(&key),
            };
            let mut part = envelope.clone();
            part.id = format!("{}/{n}", envelope.id).into();
            part.key = key;
            part.content_type = None;
            let object = Object { envelope: part, data: child.data };
            let mut part = Item::part(object, place, patience, parent.clone());
            part.step = Step::Ingest(behind);
            part.from = behind;
            match annotate(pool, &mut part, child.content_type, child.attributes) {
                Ok(()) => {
                    part.is_original();
                    next.push(part);
                }
                Err(failure) => self.fail(part, failure),
            }
        }
    }

    /// Holds a placement against the instances and the key rules.
    pub(super) async fn accept_placement(
        &self,
        item: &mut Item,
        placement: Placement,
    ) -> Result<(), Failure> {
        let found = self.instances().find(&placement.framedb_id, placement.kind).await;
        found.map_err(|error| refused(Stage::Resolve, &error))?;
        if let Some(key) = &placement.key {
            let key = Key::new(key).map_err(|error| {
                let message = format!("the resolve stage assigned the key {key:?}: {error}");
                Failure::new(FailureClass::Invalid, Stage::Resolve, message)
            })?;
            if key != item.envelope().key {
                let place = self.order().enter(&key);
                item.set_key(key, place);
            }
        }
        item.placement = Some(placement);
        Ok(())
    }

    fn took(&self, stage: Stage, started: Instant) -> std::time::Duration {
        let took = started.elapsed();
        self.metrics().stage(stage, took);
        took
    }
}

fn objects(items: &[Item]) -> Vec<&Object> {
    items.iter().map(|item| &item.object).collect()
}

/// The keys of the parts that a plugin split an object into, if they keep the rules.
fn check_parts(pool: &Pool, item: &Item, children: &[Child]) -> Result<Vec<Key>, Failure> {
    if children.len() > MAX_PARTS {
        let how =
            format!("it split an object into {} parts, more than {MAX_PARTS}", children.len());
        return Err(broke_contract(pool, Stage::Ingest, &how));
    }
    let key = |(n, child): (usize, &Child)| {
        let key = match &child.key {
            Some(key) => Key::new(key),
            None => Key::new(&format!("{}/{n}", item.envelope().key)),
        };
        key.map_err(|error| {
            let how = format!("part {n} has an illegal key: {error}");
            broke_contract(pool, Stage::Ingest, &how)
        })
    };
    children.iter().enumerate().map(key).collect()
}

/// Adds what a plugin found; nothing of it where it breaks a rule.
fn annotate(
    pool: &Pool,
    item: &mut Item,
    content_type: Option<String>,
    added: Vec<Attribute>,
) -> Result<(), Failure> {
    if let Some(content_type) = &content_type
        && (content_type.len() > MAX_CONTENT_TYPE || content_type.contains(char::is_control))
    {
        let how = "its content type is not one line of at most 255 bytes";
        return Err(broke_contract(pool, Stage::Ingest, how));
    }
    if !added.is_empty() {
        let mut attributes = item.envelope().attributes.to_vec();
        merge_attributes(&mut attributes, added);
        check_attributes(&attributes)
            .map_err(|error| broke_contract(pool, Stage::Ingest, &error.to_string()))?;
        item.set_attributes(attributes.into());
    }
    if let Some(content_type) = content_type {
        item.set_content_type(content_type.into());
    }
    Ok(())
}

fn rejected(pool: &Pool, stage: Stage, reason: String) -> Failure {
    let name = pool.plugin().name();
    let message = format!("plugin `{name}` refused the object in {stage}: {}", cut(pool, &reason));
    Failure::new(FailureClass::Reject, stage, message)
}

fn broke_contract(pool: &Pool, stage: Stage, how: &str) -> Failure {
    let message = format!("plugin `{}` broke its contract in {stage}: {how}", pool.plugin().name());
    Failure::new(FailureClass::Trap, stage, message)
}

/// What an error of an engine or the registry is to the sender, who may try again only where
/// that can help.
pub(super) fn refused(stage: Stage, error: &Error) -> Failure {
    let class = match error.kind() {
        ErrorKind::TooLarge => FailureClass::TooLarge,
        ErrorKind::Invalid => FailureClass::Invalid,
        ErrorKind::Conflict if !error.is_temporary() => FailureClass::Invalid,
        ErrorKind::Config | ErrorKind::Denied => FailureClass::Denied,
        ErrorKind::Unavailable if !error.is_temporary() => FailureClass::Denied,
        _ => FailureClass::Unavailable,
    };
    Failure::new(class, stage, error.chain())
}

/// A plugin's reason without its secrets, cut to what a message can carry.
fn cut(pool: &Pool, reason: &str) -> String {
    let mut reason = pool.plugin().secrets().text(reason);
    if reason.len() > MAX_REASON {
        let end = (0..=MAX_REASON).rev().find(|n| reason.is_char_boundary(*n)).unwrap_or(0);
        reason.truncate(end);
        reason.push('…');
    }
    reason
}
