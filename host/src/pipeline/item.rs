//! `Item`: an object on its way through a pipeline, with everything that ends when it ends.

use super::{admission::Permit, order::Turn};
use crate::{registry::Intent, retry::Backoff};
use bytes::Bytes;
use framedb_core::{
    Attribute, Codec, Envelope, Format, Key, Kind, Object, Outcome, Parts, Placement, Receipt,
    Stage, StageTimes,
};
use std::{
    ops::{Deref, DerefMut},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    sync::{mpsc, oneshot},
    time::Instant,
};

/// A receipt with the room that its object still takes, given back when the receipt is handed
/// to the sender.
#[derive(Debug)]
pub struct Answer {
    /// What became of the object.
    pub receipt: Receipt,
    /// Held until the sender has the receipt.
    pub permit: Permit,
}

/// Where an object's answer goes.
#[derive(Debug)]
pub enum Reply {
    /// To a caller that waits for this object, and is told early when its engine cannot be
    /// reached.
    One(oneshot::Sender<Answer>),
    /// To a stream of answers; bounded by the permits that they hold.
    Stream(mpsc::UnboundedSender<Answer>),
    /// To the object of which it is a part.
    Parent(Arc<Parent>),
}

/// The step that an item takes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Step {
    /// The ingest plugin with this index.
    Ingest(usize),
    Resolve,
    Serialize,
    Write,
}

impl Step {
    pub(crate) fn stage(self) -> Stage {
        match self {
            Self::Ingest(_) => Stage::Ingest,
            Self::Resolve => Stage::Resolve,
            Self::Serialize => Stage::Serialize,
            Self::Write => Stage::Sink,
        }
    }

    /// The step behind it; one that does not exist is passed over.
    pub(crate) fn next(self) -> Self {
        match self {
            Self::Ingest(index) => Self::Ingest(index + 1),
            Self::Resolve => Self::Serialize,
            Self::Serialize | Self::Write => Self::Write,
        }
    }
}

/// How long an object is tried.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// Until when at all.
    pub(crate) deadline: Instant,
    /// Until when at an engine, or a registry, that cannot be reached, so that nothing was sent.
    pub(crate) unreachable: Instant,
}

/// An object on its way. It moves between tasks, channels and batches, so it is a pointer to
/// its state.
#[derive(Debug)]
pub(crate) struct Item(Box<InFlight>);

/// What is known of an object on its way.
#[derive(Debug)]
pub(crate) struct InFlight {
    /// The object; its key is the one under which it is stored, once it is resolved.
    pub(crate) object: Object,
    /// Where it belongs, once it is resolved.
    pub(crate) placement: Option<Placement>,
    /// The bytes to store and their codec, once it is serialized and if they changed.
    pub(crate) encoded: Option<(Codec, bytes::Bytes)>,
    /// Its place in the line of its key.
    pub(crate) place: Turn,
    /// Where it stands, for a retry.
    pub(crate) step: Step,
    pub(crate) deadline: Instant,
    /// When it is given up while its engine cannot be reached; see [`Patience`].
    pub(crate) unreachable: Instant,
    pub(crate) backoff: Backoff,
    pub(crate) times: StageTimes,
    /// Whether a write may have happened whose answer is unknown.
    pub(crate) written: bool,
    /// The intent of that write, until the next attempt goes on with it.
    pub(crate) unclear: Option<Box<Intent>>,
    /// Why it is tried again, for a sender whose deadline passes meanwhile; nothing once it went on.
    pub(crate) reason: Option<String>,
    /// Since when it waits for a batch: since it came through the door, or is to be tried again.
    pub(crate) queued: Instant,
    /// How often it was tried again because the pipeline's policy says so.
    pub(crate) tries: u32,
    /// The number of its first attempt: more than 1 in a replay.
    pub(crate) first_attempt: u32,
    /// Ingest plugins that are behind it since before it was there: those of the object of which
    /// it is a part.
    pub(crate) from: usize,
    /// Whether it comes out of the dead-letter queue.
    pub(crate) replayed: bool,
    /// Whether a plugin failed on it: it is tried again without others, which would be replayed
    /// with it.
    pub(crate) suspect: bool,
    /// What plugins have changed of it, as it was before.
    origin: Origin,
    permit: Permit,
    reply: Reply,
}

/// What plugins have changed of an object, as it was before: moved here, so that keeping it costs
/// nothing.
#[derive(Debug, Default)]
struct Origin {
    data: Option<Bytes>,
    key: Option<Key>,
    content_type: Option<Option<Arc<str>>>,
    attributes: Option<Arc<[Attribute]>>,
}

/// What the sink did with an item.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Written {
    pub(crate) size: u64,
    pub(crate) synced: bool,
}

impl Item {
    pub(crate) fn new(
        object: Object,
        place: Turn,
        queued: Instant,
        patience: Patience,
        permit: Permit,
        reply: Reply,
    ) -> Self {
        let Patience { deadline, unreachable } = patience;
        Self(Box::new(InFlight {
            first_attempt: object.envelope.attempt,
            object,
            placement: None,
            encoded: None,
            place,
            step: Step::Ingest(0),
            deadline,
            unreachable,
            backoff: Backoff::until(deadline),
            times: StageTimes::default(),
            written: false,
            unclear: None,
            reason: None,
            queued,
            tries: 0,
            from: 0,
            replayed: false,
            suspect: false,
            origin: Origin::default(),
            permit,
            reply,
        }))
    }

    /// A part of an object that was split.
    pub(crate) fn part(
        object: Object,
        place: Turn,
        patience: Patience,
        parent: Arc<Parent>,
    ) -> Self {
        let (now, replayed) = (Instant::now(), parent.replayed);
        let reply = Reply::Parent(parent);
        let mut part = Self::new(object, place, now, patience, Permit::default(), reply);
        part.replayed = replayed;
        part
    }

    /// Whether it was tried before.
    pub(crate) fn is_repeated(&self) -> bool {
        self.object.envelope.attempt != self.first_attempt
    }

    pub(crate) fn envelope(&self) -> &Envelope {
        &self.object.envelope
    }

    /// Gives the object another payload.
    pub(crate) fn set_data(&mut self, data: Bytes) {
        let before = std::mem::replace(&mut self.object.data, data);
        self.origin.data.get_or_insert(before);
    }

    /// Gives the object another key, with its place in that key's line.
    pub(crate) fn set_key(&mut self, key: Key, place: Turn) {
        self.place = place;
        let before = std::mem::replace(&mut self.object.envelope.key, key);
        self.origin.key.get_or_insert(before);
    }

    /// Gives the object another content type.
    pub(crate) fn set_content_type(&mut self, content_type: Arc<str>) {
        let before = self.object.envelope.content_type.replace(content_type);
        self.origin.content_type.get_or_insert(before);
    }

    /// Gives the object other attributes.
    pub(crate) fn set_attributes(&mut self, attributes: Arc<[Attribute]>) {
        let before = std::mem::replace(&mut self.object.envelope.attributes, attributes);
        self.origin.attributes.get_or_insert(before);
    }

    /// What the item is now is what it is from the beginning: a part, once it is whole.
    pub(crate) fn is_original(&mut self) {
        self.origin = Origin::default();
    }

    /// The object as it came.
    pub(crate) fn original(&self) -> (Envelope, Bytes) {
        let Origin { data, key, content_type, attributes } = &self.origin;
        let mut envelope = self.object.envelope.clone();
        if let Some(key) = key {
            envelope.key.clone_from(key);
        }
        if let Some(content_type) = content_type {
            envelope.content_type.clone_from(content_type);
        }
        if let Some(attributes) = attributes {
            envelope.attributes.clone_from(attributes);
        }
        (envelope, data.as_ref().unwrap_or(&self.object.data).clone())
    }

    /// Its payload, where a plugin made another of what came.
    pub(crate) fn changed_data(&self) -> Option<&Bytes> {
        self.origin.data.as_ref().map(|_| &self.object.data)
    }

    /// How the item is to be kept; known once it is resolved.
    pub(crate) fn kind(&self) -> Option<Kind> {
        self.placement.as_ref().map(|placement| placement.kind)
    }

    /// The bytes to store.
    pub(crate) fn stored_bytes(&self) -> &bytes::Bytes {
        self.encoded.as_ref().map_or(&self.object.data, |(_, data)| data)
    }

    pub(crate) fn spend(&mut self, stage: Stage, time: Duration) {
        self.times.add(stage, time);
    }

    /// The room that the item takes, which is then not given back when it ends.
    pub(crate) fn take_permit(&mut self) -> Permit {
        std::mem::take(&mut self.permit)
    }

    /// Ends the item: its successors in line may go on, and its sender learns what became of it.
    pub(crate) fn end(self, outcome: Outcome, written: Option<Written>) -> Outcome {
        let InFlight { object, placement, encoded, place, times, permit, reply, .. } = *self.0;
        let stored = matches!(outcome, Outcome::Stored);
        let format: Option<Format> = encoded.filter(|_| stored).map(|(codec, _)| codec.format);
        let receipt = Receipt {
            id: object.envelope.id,
            key: object.envelope.key.shared(),
            outcome: outcome.clone(),
            framedb_id: placement.as_ref().filter(|_| stored).map(|p| p.framedb_id.clone()),
            kind: placement.filter(|_| stored).map(|p| p.kind),
            stored_size: written.map_or(0, |written| written.size),
            codec: format,
            attributes: object.envelope.attributes,
            synced: written.is_some_and(|written| written.synced),
            times,
        };
        drop(place);
        reply.send(Answer { receipt, permit });
        outcome
    }

    /// Gives up the item in favour of the parts it was split into.
    pub(crate) fn into_parent(self, parts: usize) -> (Arc<Parent>, Envelope, Turn, Patience) {
        let InFlight {
            object, place, times, permit, reply, deadline, unreachable, replayed, ..
        } = *self.0;
        let envelope = object.envelope.clone();
        let parent = Parent {
            replayed,
            state: Mutex::new(Split {
                parts: Parts::new(object.envelope, parts, times),
                answer: Some((permit, reply)),
            }),
        };
        (Arc::new(parent), envelope, place, Patience { deadline, unreachable })
    }
}

impl Deref for Item {
    type Target = InFlight;

    fn deref(&self) -> &InFlight {
        &self.0
    }
}

impl DerefMut for Item {
    fn deref_mut(&mut self) -> &mut InFlight {
        &mut self.0
    }
}

impl Reply {
    fn send(self, answer: Answer) {
        // A sender that has gone away does not learn what became of its object; the object
        // is stored all the same.
        match self {
            Self::One(sender) => drop(sender.send(answer)),
            Self::Stream(sender) => drop(sender.send(answer)),
            Self::Parent(parent) => parent.part_ended(answer.receipt),
        }
    }
}

/// An object that was split: acknowledged when all of its parts are stored.
#[derive(Debug)]
pub struct Parent {
    /// Whether it comes out of the dead-letter queue, and its parts with it.
    replayed: bool,
    // Held to count a part; never across an await.
    state: Mutex<Split>,
}

#[derive(Debug)]
struct Split {
    parts: Parts,
    answer: Option<(Permit, Reply)>,
}

impl Parent {
    fn part_ended(&self, receipt: Receipt) {
        let mut split = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(receipt) = split.parts.ended(receipt, self.replayed) else { return };
        let Some((permit, reply)) = split.answer.take() else { return };
        drop(split);
        reply.send(Answer { receipt, permit });
    }
}
