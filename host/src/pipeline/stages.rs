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
    Attribute, Child, Encoded, Failure, FailureClass, Findings, Ingested, Key, NO_PARTS, Object,
    Outcome, Placement, Resolved, Stage, assigned,
};
use futures::FutureExt as _;
use std::sync::Arc;

impl Pipeline {
    /// The ingest plugin with this index.
    pub(super) async fn ingest(self: &Arc<Self>, index: usize, items: Vec<Item>) -> Vec<Item> {
        let Some(pool) = self.ingest_pools().get(index) else { return items };
        let judged = self
            .judged_in_time(Step::Ingest(index), pool, items, |pool, objects| {
                pool.ingest(objects).boxed()
            })
            .await;
        let mut next = Vec::with_capacity(judged.len());
        for (mut item, verdict) in judged {
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
                Ok(Ingested::Split(children)) => {
                    let judge = pool.judge_in(Stage::Ingest);
                    match judge.part_keys(&item.envelope().key, &children) {
                        Ok(keys) => self.split(pool, item, children, keys, &mut next),
                        Err(failure) => next.extend(self.plugin_failed(item, failure).await),
                    }
                }
                Ok(Ingested::Drop(reason)) => {
                    self.end(item, Outcome::Dropped(cut(pool, &reason)), None)
                }
                Ok(Ingested::Reject(reason)) => {
                    let failure = rejected(pool, Stage::Ingest, &reason);
                    next.extend(self.plugin_failed(item, failure).await);
                }
                Ok(Ingested::Retry(retry)) => {
                    self.retry(item, cut(pool, &retry.reason), retry.after);
                }
                Err(fault) => next.extend(self.plugin_failed(item, *fault).await),
            }
        }
        next
    }

    /// The resolve plugin, or the sender's own words.
    pub(super) async fn resolve(self: &Arc<Self>, items: Vec<Item>) -> Vec<Item> {
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
        let judged = self
            .judged_in_time(Step::Resolve, pool, items, |pool, objects| {
                pool.resolve(objects).boxed()
            })
            .await;
        let mut next = Vec::with_capacity(judged.len());
        for (mut item, verdict) in judged {
            match verdict {
                Ok(Resolved::Place(placement)) => {
                    let chosen = placement.is_chosen(item.envelope());
                    match self.accept_placement(&mut item, placement).await {
                        Ok(()) => next.push(item),
                        Err(failure) => {
                            let judge = pool.judge_in(Stage::Resolve);
                            let failure = if chosen { judge.misplaced(failure) } else { failure };
                            next.extend(self.plugin_failed(item, failure).await);
                        }
                    }
                }
                Ok(Resolved::Drop(reason)) => {
                    self.end(item, Outcome::Dropped(cut(pool, &reason)), None)
                }
                Ok(Resolved::Reject(reason)) => {
                    let failure = rejected(pool, Stage::Resolve, &reason);
                    next.extend(self.plugin_failed(item, failure).await);
                }
                Ok(Resolved::Retry(retry)) => {
                    self.retry(item, cut(pool, &retry.reason), retry.after);
                }
                Err(fault) => next.extend(self.plugin_failed(item, *fault).await),
            }
        }
        next
    }

    /// The serialize plugin, or the bytes as they are.
    pub(super) async fn serialize(self: &Arc<Self>, items: Vec<Item>) -> Vec<Item> {
        let Some(pool) = self.serialize_pool() else { return items };
        let judged = self
            .judged_in_time(Step::Serialize, pool, items, |pool, objects| {
                pool.encode(objects).boxed()
            })
            .await;
        let mut next = Vec::with_capacity(judged.len());
        let changes = judged.iter().any(|(_, v)| matches!(v, Ok(Encoded::Bytes { .. })));
        // Before the first record of a codec is acknowledged, its component is kept.
        let kept = if changes { self.codecs().keep(pool.plugin()).await } else { Ok(()) };
        for (mut item, verdict) in judged {
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
                    let failure = rejected(pool, Stage::Serialize, &reason);
                    next.extend(self.plugin_failed(item, failure).await);
                }
                Ok(Encoded::Retry(retry)) => {
                    self.retry(item, cut(pool, &retry.reason), retry.after);
                }
                Err(fault) => next.extend(self.plugin_failed(item, *fault).await),
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
            return self.end(item, Outcome::Dropped(NO_PARTS.into()), None);
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
            let object = Object { envelope: envelope.part(n, key), data: child.data };
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
            let key = assigned(key)?;
            if key != item.envelope().key {
                let place = self.order().enter(&key);
                item.set_key(key, place);
            }
        }
        item.placement = Some(placement);
        Ok(())
    }
}

/// Adds what a plugin found; nothing of it where it breaks a rule.
fn annotate(
    pool: &Pool,
    item: &mut Item,
    content_type: Option<String>,
    added: Vec<Attribute>,
) -> Result<(), Failure> {
    let judge = pool.judge_in(Stage::Ingest);
    let Findings { content_type, attributes } =
        judge.findings(item.envelope(), content_type, added)?;
    if let Some(attributes) = attributes {
        item.set_attributes(attributes);
    }
    if let Some(content_type) = content_type {
        item.set_content_type(content_type);
    }
    Ok(())
}

fn rejected(pool: &Pool, stage: Stage, reason: &str) -> Failure {
    pool.judge_in(stage).rejected(&pool.plugin().secrets().text(reason))
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
    framedb_core::cut(&pool.plugin().secrets().text(reason)).into_owned()
}
