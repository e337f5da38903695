//! Arrivals become objects, by the rules that every door shares, and go to their pipelines.

use super::{
    Admission, Answer, Permit, Pipeline, Reply,
    item::{Item, Patience, Step},
    order::Order,
};
use crate::{instances::Instances, registry::Registry, telemetry::Telemetry};
use framedb_core::{Arrival, Envelope, Failure, FailureClass, Kind, Object, Receipt, Stage};
use std::{fmt, sync::Arc, time::Duration};
use tokio::{sync::oneshot, time::Instant};

/// The way into the node, for doors and for code that embeds it.
#[derive(Clone)]
pub struct Ingress {
    pub(crate) pipelines: Arc<[Arc<Pipeline>]>,
    pub(crate) admission: Admission,
    pub(crate) instances: Arc<Instances>,
    pub(crate) registry: Arc<dyn Registry>,
    pub(crate) order: Arc<Order>,
    pub(crate) telemetry: Telemetry,
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
            Err(failure) => self.refuse(&arrival, failure),
        }
    }

    /// The receipt of an object that does not come to a pipeline.
    pub(crate) fn refuse(&self, arrival: &Arrival, failure: Failure) -> Receipt {
        self.telemetry.refused(failure.class);
        arrival.refused(failure)
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
                Arrival { id, key, ..Arrival::default() }.refused(failure)
            }
        }
    }

    /// Hands an object to its pipeline. The answer goes to `reply`, also when the object breaks
    /// a rule.
    pub async fn submit(&self, arrival: Arrival, permit: Permit, reply: Reply) {
        match arrival.object(self.admission.most(), || uuid::Uuid::new_v4().to_string()) {
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
                let receipt = self.refuse(&arrival, failure);
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
                Arrival { id, ..Arrival::default() }.refused(failure)
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
}

impl fmt::Debug for Ingress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ingress").field("pipelines", &self.pipelines).finish_non_exhaustive()
    }
}
