//! `Item`: an object on its way through a pipeline, with everything that ends when it ends.

use super::{admission::Permit, order::Place};
use crate::{registry::Intent, retry::Backoff};
use framedb_core::{
    Codec, Envelope, Failure, Format, Kind, Object, Outcome, Placement, Receipt, Stage, StageTimes,
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
    /// To a caller that waits for this object.
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
    pub(crate) place: Place,
    /// Where it stands, for a retry.
    pub(crate) step: Step,
    pub(crate) deadline: Instant,
    pub(crate) backoff: Backoff,
    pub(crate) times: StageTimes,
    /// Whether a write may have happened whose answer is unknown.
    pub(crate) written: bool,
    /// The intent of that write, until the next attempt goes on with it.
    pub(crate) unclear: Option<Box<Intent>>,
    /// Why it is tried again, for a sender whose deadline passes meanwhile.
    pub(crate) reason: Option<String>,
    /// When it came through the door.
    pub(crate) arrived: Instant,
    permit: Permit,
    reply: Reply,
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
        place: Place,
        arrived: Instant,
        deadline: Instant,
        permit: Permit,
        reply: Reply,
    ) -> Self {
        Self(Box::new(InFlight {
            object,
            placement: None,
            encoded: None,
            place,
            step: Step::Ingest(0),
            deadline,
            backoff: Backoff::until(deadline),
            times: StageTimes::default(),
            written: false,
            unclear: None,
            reason: None,
            arrived,
            permit,
            reply,
        }))
    }

    /// A part of an object that was split.
    pub(crate) fn part(
        object: Object,
        place: Place,
        deadline: Instant,
        parent: Arc<Parent>,
    ) -> Self {
        let now = Instant::now();
        Self::new(object, place, now, deadline, Permit::default(), Reply::Parent(parent))
    }

    pub(crate) fn envelope(&self) -> &Envelope {
        &self.object.envelope
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
    pub(crate) fn into_parent(self, parts: usize) -> (Arc<Parent>, Envelope, Place, Instant) {
        let InFlight { object, place, times, permit, reply, deadline, .. } = *self.0;
        let envelope = object.envelope.clone();
        let parent = Parent {
            envelope: object.envelope,
            state: Mutex::new(Parts {
                left: parts,
                failure: None,
                stored_size: 0,
                synced: true,
                times,
                answer: Some((permit, reply)),
            }),
        };
        (Arc::new(parent), envelope, place, deadline)
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
    envelope: Envelope,
    // Held to count a part; never across an await.
    state: Mutex<Parts>,
}

#[derive(Debug)]
struct Parts {
    left: usize,
    failure: Option<Failure>,
    stored_size: u64,
    synced: bool,
    times: StageTimes,
    answer: Option<(Permit, Reply)>,
}

impl Parent {
    fn part_ended(&self, receipt: Receipt) {
        let mut parts = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        parts.left = parts.left.saturating_sub(1);
        parts.stored_size += receipt.stored_size;
        for (stage, time) in receipt.times.iter() {
            parts.times.add(stage, time);
        }
        match receipt.outcome {
            Outcome::Stored => parts.synced &= receipt.synced,
            Outcome::Dropped(_) => {}
            Outcome::Failed(mut failure) => {
                failure.message = format!("part `{}`: {}", receipt.key, failure.message);
                parts.failure.get_or_insert(failure);
            }
        }
        if parts.left > 0 {
            return;
        }
        let Some((permit, reply)) = parts.answer.take() else { return };
        let outcome = parts.failure.take().map_or(Outcome::Stored, Outcome::Failed);
        let receipt = Receipt {
            id: self.envelope.id.clone(),
            key: self.envelope.key.shared(),
            outcome,
            framedb_id: receipt.framedb_id,
            kind: receipt.kind,
            stored_size: parts.stored_size,
            codec: receipt.codec,
            attributes: self.envelope.attributes.clone(),
            synced: parts.synced,
            times: parts.times,
        };
        drop(parts);
        reply.send(Answer { receipt, permit });
    }
}
