//! One object's path: ingest → resolve → serialize → keeper → receipt.
//!
//! As in the node, by the same rules, with a batch of the one object that a request brings, or of
//! the parts that it was split into. [`Item`] is an object on its way; [`round`] asks a stage for
//! verdicts until there is none left that asks to be tried again.

mod item;
mod round;

use crate::{keeper::Prepared, stage::Plugin, worker::Worker};
use framedb_core::{
    Arrival, Child, Codec, Encoded, Envelope, Failure, FailureClass, Ingested, Judge, Kind,
    NO_PARTS, Object, Outcome, Parts, Placement, Receipt, Resolved, Stage, assigned, cut, framed,
    instances,
};
use item::{Item, Written};
use round::{Next, Passed, Round};
use std::{rc::Rc, sync::Arc, time::Instant};

/// Takes one object in, and says what became of it.
pub async fn ingest(worker: &Worker, arrival: Arrival) -> Receipt {
    let generated = || uuid::Uuid::new_v4().to_string();
    let mut object = match arrival.object(worker.limits.max_object, generated) {
        Ok(object) => object,
        Err(failure) => return arrival.refused(failure),
    };
    drop(arrival);
    complete(worker, &mut object.envelope).await;
    let path = Path { worker, round: Round::until(Instant::now() + worker.limits.deadline) };
    path.ingest(Item::new(object)).await
}

/// A sender that names an instance and no kind means the kind that it keeps. A push that names no
/// instance joins its queue where that is.
async fn complete(worker: &Worker, envelope: &mut Envelope) {
    if let (None, Some(framedb_id)) = (envelope.kind, &envelope.framedb_id) {
        let mut instances = worker.settings.instances.iter();
        let instance = instances.find(|instance| instance.id == *framedb_id);
        envelope.kind = instance.and_then(|instance| instance.kinds.first().copied());
    }
    if envelope.kind != Some(Kind::Stream) || envelope.framedb_id.is_some() {
        return;
    }
    // Where the registry fails, the write will say so.
    if let Ok(Some(route)) = worker.keeper.route(&envelope.key).await
        && route.kind == Kind::Stream
    {
        envelope.framedb_id = Some(route.framedb_id);
    }
}

/// The path of what one request brought.
struct Path<'a> {
    worker: &'a Worker,
    round: Round,
}

impl Path<'_> {
    async fn ingest(&self, item: Item) -> Receipt {
        let stages = &self.worker.stages;
        let plugin = match stages.ingest().await {
            Ok(plugin) => plugin,
            Err(failure) => return item.failed(failure),
        };
        let ask = async |batch: &[&Object]| stages.process(batch).await;
        let judge = |item, verdict| self.ingested(plugin.judge(Stage::Ingest), item, verdict);
        let Passed { on, split, mut ended } =
            self.round.ask(Stage::Ingest, vec![item], ask, judge).await;
        for (item, children, keys) in split {
            let (mut parts, items, refused) =
                item.split(plugin.judge(Stage::Ingest), children, keys);
            for receipt in refused.into_iter().chain(self.place(items).await) {
                ended.extend(parts.ended(receipt, false));
            }
        }
        ended.extend(self.place(on).await);
        // One object came in, so that there is one receipt.
        ended.pop().unwrap_or_else(unanswered)
    }

    /// Resolve, serialize and the write, for what ingest let through.
    async fn place(&self, items: Vec<Item>) -> Vec<Receipt> {
        if items.is_empty() {
            return Vec::new();
        }
        let stages = &self.worker.stages;
        let plugin = match stages.resolve().await {
            Ok(plugin) => plugin,
            Err(failure) => return failed(items, &failure),
        };
        let ask = async |batch: &[&Object]| stages.place(batch).await;
        let judge = |item, verdict| self.resolved(plugin.judge(Stage::Resolve), item, verdict);
        let Passed { on, mut ended, .. } = self.round.ask(Stage::Resolve, items, ask, judge).await;
        ended.extend(self.serialize(on).await);
        ended
    }

    async fn serialize(&self, items: Vec<Item>) -> Vec<Receipt> {
        if items.is_empty() {
            return Vec::new();
        }
        let stages = &self.worker.stages;
        let plugin = match stages.serialize().await {
            Ok(plugin) => plugin,
            Err(failure) => return failed(items, &failure),
        };
        let ask = async |batch: &[&Object]| stages.encode(batch).await;
        let judge = |item, verdict| self.encoded(&plugin, item, verdict);
        let Passed { mut on, mut ended, .. } =
            self.round.ask(Stage::Serialize, items, ask, judge).await;
        // Parts under one key are written as they were split.
        on.sort_by_key(Item::position);
        for item in on {
            ended.push(self.write(item).await);
        }
        ended
    }

    fn ingested(&self, judge: Judge<'_>, mut item: Item, verdict: Ingested) -> Next {
        let most = self.worker.limits.max_object;
        let too_large = |size: usize| {
            let large = size as u64 > most.bytes;
            large.then(|| judge.too_large(size, most.bytes, most.setting))
        };
        let found = match verdict {
            Ingested::Accept { content_type, attributes } => {
                item.learn(judge, content_type, attributes)
            }
            Ingested::Changed { data, content_type, attributes } => match too_large(data.len()) {
                Some(failure) => Err(failure),
                None => {
                    item.learn(judge, content_type, attributes).map(|()| item.object.data = data)
                }
            },
            Ingested::Split(children) => {
                if let Some(failure) = children.iter().find_map(|child| too_large(child.data.len()))
                {
                    return Next::Ended(item.failed(failure));
                }
                if children.is_empty() {
                    return Next::Ended(item.ended(Outcome::Dropped(NO_PARTS.into())));
                }
                return match judge.part_keys(&item.object.envelope.key, &children) {
                    Ok(keys) => Next::Split(item, children, keys),
                    Err(failure) => Next::Ended(item.failed(failure)),
                };
            }
            Ingested::Drop(reason) => {
                return Next::Ended(item.ended(Outcome::Dropped(cut(&reason).into_owned())));
            }
            Ingested::Reject(reason) => Err(judge.rejected(&reason)),
            Ingested::Retry(retry) => return Next::Again(item, retry),
        };
        match found {
            Ok(()) => Next::On(item),
            Err(failure) => Next::Ended(item.failed(failure)),
        }
    }

    fn resolved(&self, judge: Judge<'_>, mut item: Item, verdict: Resolved) -> Next {
        let failure = match verdict {
            Resolved::Place(placement) => {
                let chosen = placement.is_chosen(&item.object.envelope);
                match self.accept(&mut item, placement) {
                    Ok(()) => return Next::On(item),
                    Err(failure) if chosen => judge.misplaced(failure),
                    Err(failure) => failure,
                }
            }
            Resolved::Drop(reason) => {
                return Next::Ended(item.ended(Outcome::Dropped(cut(&reason).into_owned())));
            }
            Resolved::Reject(reason) => judge.rejected(&reason),
            Resolved::Retry(retry) => return Next::Again(item, retry),
        };
        Next::Ended(item.failed(failure))
    }

    /// Holds a placement against the instances and the key rules.
    fn accept(&self, item: &mut Item, placement: Placement) -> Result<(), Failure> {
        let invalid = |message| Failure::new(FailureClass::Invalid, Stage::Resolve, message);
        let Placement { framedb_id, kind, key, .. } = &placement;
        let known = &self.worker.settings.instances;
        let Some(instance) = known.iter().find(|instance| instance.id == *framedb_id) else {
            let known = known.iter().map(|instance| &*instance.id);
            return Err(invalid(instances::no_instance(framedb_id, known)));
        };
        if !instance.kinds.contains(kind) {
            return Err(invalid(instances::keeps_others(framedb_id, instance.kinds, *kind)));
        }
        if let Some(key) = key {
            item.object.envelope.key = assigned(key)?;
        }
        item.placement = Some(placement);
        Ok(())
    }

    fn encoded(
        &self,
        plugin: &Rc<Plugin>,
        mut item: Item,
        verdict: Result<Encoded, Failure>,
    ) -> Next {
        let failure = match verdict {
            Ok(Encoded::Bytes { format, data }) => {
                let digest = self.worker.limits.serialize_digest.clone();
                item.encoded = Some((Codec { format, digest }, data));
                return Next::On(item);
            }
            Ok(Encoded::Unchanged) => return Next::On(item),
            Ok(Encoded::Reject(reason)) => plugin.judge(Stage::Serialize).rejected(&reason),
            Ok(Encoded::Retry(retry)) => return Next::Again(item, retry),
            Err(failure) => failure,
        };
        Next::Ended(item.failed(failure))
    }

    /// Stores an item and registers it.
    async fn write(&self, mut item: Item) -> Receipt {
        let settings = &self.worker.settings;
        let default = |kind| Arc::from(settings.default_instance(kind));
        let asked = || Placement::asked(&item.object.envelope, settings.default_kind, default);
        let placement = item.placement.clone().unwrap_or_else(asked);
        let Envelope { id, key, metadata, content_type, attributes, .. } =
            item.object.envelope.clone();
        let codec = item.encoded.as_ref().map(|(codec, _)| codec.clone());
        let bytes = item.encoded.as_ref().map_or(&item.object.data, |(_, data)| data);
        let data = match self.worker.keeper.frames(placement.kind) {
            true => framed(codec.as_ref(), bytes),
            false => bytes.clone(),
        };
        let stored_size = data.len() as u64;
        let size = item.object.data.len() as u64;
        let prepared = Prepared {
            id,
            key,
            placement,
            data,
            codec,
            size,
            metadata,
            content_type,
            attributes,
            unframed: false,
        };
        let started = Instant::now();
        let put = self.worker.keeper.put(prepared).await;
        item.times.add(Stage::Sink, started.elapsed());
        match put {
            Ok(route) => {
                let synced = self.worker.keeper.synced(&route.framedb_id);
                item.stored(Written { route, stored_size, synced })
            }
            Err(failure) => item.failed(failure),
        }
    }
}

impl Item {
    /// The parts that take the item's place behind the stage, and the receipts of those that
    /// break a rule.
    fn split(
        self,
        judge: Judge<'_>,
        children: Vec<Child>,
        keys: Vec<framedb_core::Key>,
    ) -> (Parts, Vec<Item>, Vec<Receipt>) {
        let parent = self.object.envelope;
        let parts = Parts::new(parent.clone(), children.len(), self.times);
        let (mut items, mut refused) = (Vec::with_capacity(children.len()), Vec::new());
        for (n, (child, key)) in children.into_iter().zip(keys).enumerate() {
            let mut part = Item::new(Object { envelope: parent.part(n, key), data: child.data });
            part.position = n;
            match part.learn(judge, child.content_type, child.attributes) {
                Ok(()) => items.push(part),
                Err(failure) => refused.push(part.failed(failure)),
            }
        }
        (parts, items, refused)
    }
}

fn failed(items: Vec<Item>, failure: &Failure) -> Vec<Receipt> {
    items.into_iter().map(|item| item.failed(failure.clone())).collect()
}

/// The receipt of an object that got lost on its way, which no verdict leads to.
fn unanswered() -> Receipt {
    let lost = Failure::new(FailureClass::Unknown, Stage::Admission, "outcome unknown");
    Arrival::default().refused(lost)
}
