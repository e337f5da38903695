//! Arrivals become objects: the rules of every door, in one place.

use super::{
    Admission, Answer, Permit, Pipeline, Reply,
    item::{Item, Patience, Step},
    order::Order,
};
use crate::{instances::Instances, registry::Registry};
use bytes::Bytes;
use framedb_core::{
    Envelope, Failure, FailureClass, Key, Kind, Object, Outcome, Receipt, Stage, check_metadata,
    declared,
};
use std::{fmt, sync::Arc, time::Duration};
use tokio::{sync::oneshot, time::Instant};

/// Bytes an id, a source or an instance's name may have.
const MAX_NAME: usize = 255;

/// What a door received, as it came off the wire; nothing is checked yet.
#[derive(Debug, Clone, Default)]
pub struct Arrival {
    /// The sender's id of the object; empty lets the node generate one.
    pub id: String,
    /// The key, or the queue's name; empty lets the node generate one.
    pub key: Bytes,
    /// Who produced it; empty takes it from a frame key.
    pub source: String,
    /// How to keep it; `None` leaves that to the instance, the pipeline or the defaults.
    pub kind: Option<Kind>,
    /// The instance; empty leaves that to the pipeline.
    pub framedb_id: String,
    /// As declared; empty is undeclared.
    pub content_type: String,
    /// Opaque text.
    pub metadata: Bytes,
    /// The payload.
    pub data: Bytes,
}

/// The way into the node, for doors and for code that embeds it.
#[derive(Clone)]
pub struct Ingress {
    pub(crate) pipelines: Arc<[Arc<Pipeline>]>,
    pub(crate) admission: Admission,
    pub(crate) instances: Arc<Instances>,
    pub(crate) registry: Arc<dyn Registry>,
    pub(crate) order: Arc<Order>,
    pub(crate) deadline: Duration,
    /// How long an object is tried whose engine cannot be reached and whose sender waits for it.
    pub(crate) unreachable: Duration,
}

impl Ingress {
    /// The bound on bytes in flight; a door takes its permit before it reads a payload.
    #[must_use]
    pub fn admission(&self) -> &Admission {
        &self.admission
    }

    /// Ingests one object and waits for its receipt. A full node answers *busy* at once.
    pub async fn ingest(&self, arrival: Arrival) -> Receipt {
        match self.admission.try_admit(arrival.data.len() as u64) {
            Ok(permit) => self.ingest_admitted(arrival, permit).await,
            Err(failure) => refused(&arrival, failure),
        }
    }

    /// Ingests one object for which a door holds a permit, and waits for its receipt.
    pub async fn ingest_admitted(&self, arrival: Arrival, permit: Permit) -> Receipt {
        let (sender, answer) = oneshot::channel();
        let id = arrival.id.clone();
        let key = arrival.key.clone();
        self.submit(arrival, permit, Reply::One(sender)).await;
        match answer.await {
            Ok(answer) => answer.receipt,
            // Only when the runtime ends under it.
            Err(_) => {
                let failure = Failure::new(
                    FailureClass::Unknown,
                    Stage::Admission,
                    "outcome unknown: the node ended before the object did",
                );
                refused(&Arrival { id, key, ..Arrival::default() }, failure)
            }
        }
    }

    /// Hands an object to its pipeline. The answer goes to `reply`, also when the object breaks
    /// a rule.
    pub async fn submit(&self, arrival: Arrival, permit: Permit, reply: Reply) {
        match self.object(&arrival) {
            Ok(mut object) => {
                self.complete(&mut object.envelope).await;
                let place = self.order.enter(&object.envelope.key);
                let pipeline = self.pipeline(&object);
                let now = Instant::now();
                // Who sends a stream goes on sending meanwhile, and keeps what has no receipt.
                let unreachable = match &reply {
                    Reply::Stream(_) => self.deadline,
                    _ => self.unreachable,
                };
                let patience =
                    Patience { deadline: now + self.deadline, unreachable: now + unreachable };
                let item = Item::new(object, place, now, patience, permit, reply);
                let Some(item) = pipeline.unless_halted(item) else { return };
                if let Err(item) = pipeline.try_accept(item) {
                    pipeline.accept(item).await;
                }
            }
            Err(failure) => {
                let receipt = refused(&arrival, failure);
                match reply {
                    Reply::One(sender) => drop(sender.send(Answer { receipt, permit })),
                    Reply::Stream(sender) => drop(sender.send(Answer { receipt, permit })),
                    Reply::Parent(_) => {}
                }
            }
        }
    }

    /// Sends an object through `pipeline` once more, for the `attempt`th time and past the first
    /// `from` ingest plugins, and waits for its receipt. A failure stays in the dead-letter queue.
    pub(crate) async fn replay(
        &self,
        pipeline: &Arc<Pipeline>,
        object: Object,
        from: usize,
        permit: Permit,
    ) -> Receipt {
        let (sender, answer) = oneshot::channel();
        let id = object.envelope.id.to_string();
        let place = self.order.enter(&object.envelope.key);
        let now = Instant::now();
        let deadline = now + self.deadline;
        let patience = Patience { deadline, unreachable: now + self.unreachable };
        let mut item = Item::new(object, place, now, patience, permit, Reply::One(sender));
        item.replayed = true;
        item.from = from;
        item.step = Step::Ingest(from);
        pipeline.run_alone(item);
        match answer.await {
            Ok(answer) => answer.receipt,
            // Only when the runtime ends under it.
            Err(_) => {
                let failure = Failure::new(
                    FailureClass::Unknown,
                    Stage::Admission,
                    "outcome unknown: the node ended before the object did",
                );
                refused(&Arrival { id, ..Arrival::default() }, failure)
            }
        }
    }

    /// A sender that names an instance and no kind means the kind that it keeps. A push that
    /// names no instance joins its queue where that is.
    async fn complete(&self, envelope: &mut Envelope) {
        if let (None, Some(framedb_id)) = (envelope.kind, &envelope.framedb_id) {
            envelope.kind = self.instances.natural_kind(framedb_id).await;
        }
        if envelope.kind != Some(Kind::Stream) || envelope.framedb_id.is_some() {
            return;
        }
        // Where the registry fails, the write will say so.
        if let Ok(routes) = self.registry.lookup(std::slice::from_ref(&envelope.key)).await
            && let Some(Some(route)) = routes.into_iter().next()
            && route.kind == Kind::Stream
        {
            envelope.framedb_id = Some(route.framedb_id);
        }
    }

    /// The first pipeline whose rule the object fits; the last one takes everything.
    #[allow(clippy::expect_used, reason = "a node is not built without a default pipeline")]
    fn pipeline(&self, object: &Object) -> &Arc<Pipeline> {
        let facts = object.envelope.facts(object.data.len() as u64);
        let fitting = self.pipelines.iter().find(|pipeline| pipeline.rule().matches(&facts));
        fitting.or_else(|| self.pipelines.last()).expect("the default pipeline is always there")
    }

    /// Checks an arrival against the rules of semantics that every door shares.
    fn object(&self, arrival: &Arrival) -> Result<Object, Failure> {
        let size = arrival.data.len() as u64;
        if size > self.admission.max_object() {
            return Err(self.admission.too_large(Some(size)));
        }
        let key = if arrival.key.is_empty() {
            Key::new(&uuid::Uuid::new_v4().to_string())
        } else {
            Key::from_bytes(&arrival.key)
        };
        let key = key.map_err(Failure::invalid)?;
        let metadata = check_metadata(&arrival.metadata).map_err(Failure::invalid)?;
        for (what, name) in [
            ("id", &arrival.id),
            ("source", &arrival.source),
            ("framedb id", &arrival.framedb_id),
            ("content type", &arrival.content_type),
        ] {
            if name.len() > MAX_NAME || name.contains(char::is_control) {
                return Err(Failure::invalid(format_args!(
                    "the {what} is not a text of at most {MAX_NAME} bytes without control characters"
                )));
            }
        }
        let source = match arrival.source.as_str() {
            "" => key.frame_source().unwrap_or_default().into(),
            source => source.into(),
        };
        let framedb_id = Some(arrival.framedb_id.as_str()).filter(|id| !id.is_empty());
        let id = match arrival.id.as_str() {
            "" => uuid::Uuid::new_v4().to_string().into(),
            id => id.into(),
        };
        let envelope = Envelope {
            id,
            attempt: 1,
            key,
            source,
            kind: arrival.kind,
            framedb_id: framedb_id.map(Into::into),
            content_type: declared(&arrival.content_type).map(Into::into),
            metadata: metadata.into(),
            attributes: Arc::default(),
        };
        Ok(Object { envelope, data: arrival.data.clone() })
    }
}

impl fmt::Debug for Ingress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ingress").field("pipelines", &self.pipelines).finish_non_exhaustive()
    }
}

/// The receipt of an object that did not get past the door.
pub(crate) fn refused(arrival: &Arrival, failure: Failure) -> Receipt {
    Receipt {
        id: arrival.id.as_str().into(),
        key: String::from_utf8_lossy(&arrival.key).into(),
        outcome: Outcome::Failed(failure),
        framedb_id: None,
        kind: None,
        stored_size: 0,
        codec: None,
        attributes: Arc::default(),
        synced: false,
        times: Default::default(),
    }
}
