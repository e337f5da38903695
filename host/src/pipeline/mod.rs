//! Pipelines: match, batch, the stages in order, sink, registration.
//!
//! In reading order: [`arrival`](Arrival) makes objects of what doors receive; [`Admission`]
//! bounds what is in flight; [`Order`](order::Order) keeps the order of each key; a
//! [`Pipeline`] gathers what is waiting into batches and takes them through the stages; the
//! [`Sink`](sink::Sink) makes them stored and findable; the receipt goes back. What becomes of
//! those that fail, the [policy](PolicyConfig) says.

mod admission;
mod arrival;
mod attempt;
mod busy;
mod config;
mod deadline;
mod defaults;
mod failing;
mod halt;
mod item;
pub(crate) mod order;
mod pace;
mod policy;
pub(crate) mod sink;
mod stages;
mod writing;

pub use admission::{Admission, Permit};
pub use arrival::Ingress;
pub use config::{BatchConfig, Framing, MatchConfig, PipelineConfig};
pub use defaults::Defaults;
pub use framedb_core::Arrival;
pub use item::{Answer, Reply};
pub use policy::{Action, PolicyConfig, RetriesConfig};

use crate::{
    aside::step_aside,
    codecs::Codecs,
    dead_letters::{DeadLetters, Earlier},
    events::Events,
    instances::Instances,
    plugin::Pool,
    telemetry::PipelineMetrics,
};
use busy::busy;
use framedb_core::{Failure, FailureClass, Outcome, Rule, Stage, gave_up};
use halt::Halt;
use item::{Item, Step, Written};
use order::Order;
use pace::Pace;
use sink::Sink;
use std::{
    fmt,
    sync::{Arc, atomic::AtomicU64},
    time::{Duration, Instant},
};
use tokio::sync::{Semaphore, mpsc};
use tokio_util::task::TaskTracker;
use tracing::Instrument;

/// Objects that may wait for a batch; more than that is kept out by admission long before.
const WAITING: usize = 1 << 20;

/// A named chain of plugins with the rule for which objects it is.
pub struct Pipeline {
    name: Arc<str>,
    rule: Rule,
    ingest: Vec<Arc<Pool>>,
    resolve: Option<Arc<Pool>>,
    serialize: Option<Arc<Pool>>,
    framing: Framing,
    policy: PolicyConfig,
    halt: Arc<Halt>,
    /// What becomes of the dead letter that an object has when it fails here again.
    earlier: Earlier,
    shared: Arc<Shared>,
    metrics: Arc<PipelineMetrics>,
    pace: Pace,
    /// Milliseconds of the last word in the log on what keeps objects waiting.
    complained: AtomicU64,
    /// Objects that were kept as dead letters, and that could not be, as the log is told.
    kept: Events,
    unkept: Events,
    arrivals: mpsc::Sender<Item>,
    /// Those that are tried again, beside the others: what kept them waiting once may do so again.
    repeats: mpsc::Sender<Item>,
}

/// What all pipelines of a node share.
pub(crate) struct Shared {
    pub(crate) order: Arc<Order>,
    pub(crate) instances: Arc<Instances>,
    pub(crate) defaults: Defaults,
    pub(crate) codecs: Arc<Codecs>,
    pub(crate) sink: Sink,
    pub(crate) dead_letters: Arc<DeadLetters>,
    /// Everything that was accepted and has not ended; shutdown waits for it.
    pub(crate) tasks: TaskTracker,
}

/// The plugins of a pipeline, each with its instances.
pub(crate) struct Stages {
    pub(crate) ingest: Vec<Arc<Pool>>,
    pub(crate) resolve: Option<Arc<Pool>>,
    pub(crate) serialize: Option<Arc<Pool>>,
}

impl Stages {
    /// How long a batch may take in any of them.
    fn patience(&self) -> Duration {
        let pools = self.ingest.iter().chain(&self.resolve).chain(&self.serialize);
        pools.map(|pool| pool.plugin().limits().batch_time).min().unwrap_or(Duration::MAX)
    }
}

impl Pipeline {
    /// Starts a pipeline; it ends when its last handle is dropped and its objects have ended.
    pub(crate) fn start(
        name: &str,
        rule: Rule,
        config: &PipelineConfig,
        stages: Stages,
        shared: Arc<Shared>,
        metrics: PipelineMetrics,
    ) -> Arc<Self> {
        let (arrivals, waiting) = mpsc::channel(WAITING);
        let (repeats, waiting_again) = mpsc::channel(WAITING);
        let pace = Pace::new(config.batch.time, stages.patience() / 4);
        let name: Arc<str> = name.into();
        let pipeline = Arc::new(Self {
            halt: Arc::new(Halt::new(name.clone(), metrics.telemetry().clone())),
            earlier: Earlier::Replaced,
            name,
            rule,
            ingest: stages.ingest,
            resolve: stages.resolve,
            serialize: stages.serialize,
            framing: config.framing,
            policy: config.policy.clone(),
            shared,
            metrics: Arc::new(metrics),
            pace,
            complained: AtomicU64::new(0),
            kept: Events::default(),
            unkept: Events::default(),
            arrivals,
            repeats,
        });
        for waiting in [waiting, waiting_again] {
            tokio::spawn(gather(Arc::downgrade(&pipeline), waiting, config.batch.clone()));
        }
        pipeline
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Which objects it is for.
    #[must_use]
    pub fn rule(&self) -> &Rule {
        &self.rule
    }

    /// The same pipeline with another version of one of its plugins, for a replay: in every stage
    /// that the plugin has and the version exports; `None` when there is none. It shares everything
    /// else and gathers nothing.
    pub(crate) fn with_plugin(&self, pool: &Arc<Pool>) -> Option<Arc<Self>> {
        let name = pool.plugin().name();
        let mut found = false;
        let mut replace = |stage: Stage, present: &Arc<Pool>| {
            let same = present.plugin().name() == name && pool.plugin().exports_stage(stage);
            found |= same;
            if same { pool.clone() } else { present.clone() }
        };
        let ingest = self.ingest.iter().map(|p| replace(Stage::Ingest, p)).collect();
        let resolve = self.resolve.as_ref().map(|p| replace(Stage::Resolve, p));
        let serialize = self.serialize.as_ref().map(|p| replace(Stage::Serialize, p));
        let pipeline = Self {
            name: self.name.clone(),
            rule: self.rule.clone(),
            ingest,
            resolve,
            serialize,
            framing: self.framing,
            policy: self.policy.clone(),
            halt: self.halt.clone(),
            earlier: Earlier::Stays,
            shared: self.shared.clone(),
            metrics: self.metrics.clone(),
            pace: Pace::new(Duration::ZERO, Duration::ZERO),
            complained: AtomicU64::new(0),
            kept: Events::default(),
            unkept: Events::default(),
            arrivals: self.arrivals.clone(),
            repeats: self.repeats.clone(),
        };
        found.then(|| Arc::new(pipeline))
    }

    /// Why it takes no objects, if so.
    #[must_use]
    pub fn halted(&self) -> Option<String> {
        self.halt.reason()
    }

    /// Lets it take objects again; `false` when it does already.
    pub fn resume(&self) -> bool {
        self.halt.resume()
    }

    /// Takes one item through the stages from its step on, past the batches of others, also when
    /// the pipeline is halted. It goes on when whoever asked for it has gone.
    pub(crate) fn run_alone(self: &Arc<Self>, item: Item) {
        let step = item.step;
        self.shared.tasks.spawn(self.clone().run(vec![item], step, None));
    }

    /// Accepts an item; its answer goes where the item says.
    pub(crate) async fn accept(self: &Arc<Self>, item: Item) {
        let queue = if item.is_repeated() { &self.repeats } else { &self.arrivals };
        if let Err(refused) = queue.send(item).await {
            let message = "the node is shutting down";
            let failure = Failure::new(FailureClass::Busy, Stage::Admission, message);
            self.fail(refused.0, failure);
        }
    }

    pub(crate) fn try_accept(&self, item: Item) -> Result<(), Item> {
        self.arrivals.try_send(item).map_err(|error| error.into_inner())
    }

    /// Ends an item without trying it when the pipeline takes none; otherwise it is answered.
    pub(crate) fn unless_halted(&self, item: Item) -> Option<Item> {
        match self.halt.refusal() {
            None => Some(item),
            Some(failure) => {
                self.end(item, Outcome::Failed(failure), None);
                None
            }
        }
    }

    fn ingest_pools(&self) -> &[Arc<Pool>] {
        &self.ingest
    }

    fn resolve_pool(&self) -> Option<&Pool> {
        self.resolve.as_deref()
    }

    fn serialize_pool(&self) -> Option<&Pool> {
        self.serialize.as_deref()
    }

    fn policy(&self) -> &PolicyConfig {
        &self.policy
    }

    fn frames(&self) -> bool {
        self.framing == Framing::Header
    }

    /// Whether the codec of an object is kept with its route.
    fn routes_keep_codecs(&self) -> bool {
        self.shared.sink.registry.keeps_codecs()
    }

    fn defaults(&self) -> &Defaults {
        &self.shared.defaults
    }

    fn instances(&self) -> &Instances {
        &self.shared.instances
    }

    fn codecs(&self) -> &Codecs {
        &self.shared.codecs
    }

    fn sink(&self) -> &Sink {
        &self.shared.sink
    }

    fn order(&self) -> &Arc<Order> {
        &self.shared.order
    }

    fn metrics(&self) -> &PipelineMetrics {
        &self.metrics
    }

    /// Notes how long the objects of a batch waited for it.
    fn begin(&self, batch: &mut [Item]) {
        let now = tokio::time::Instant::now();
        let mut oldest = Duration::ZERO;
        let mut bytes = 0;
        for item in batch {
            let waited = now - item.queued;
            item.spend(Stage::Admission, waited);
            oldest = oldest.max(waited);
            if !item.is_repeated() {
                bytes += item.object.data.len() as u64;
            }
        }
        self.metrics.batch(bytes, oldest);
        self.metrics.stage(Stage::Admission, oldest);
    }

    /// Takes items through the stages from `step` on, and writes those that leave them.
    async fn run(self: Arc<Self>, items: Vec<Item>, step: Step, slot: Option<Slot>) {
        let (objects, started) = (items.len(), Instant::now());
        let fresh = step == Step::Ingest(0) && !items.iter().any(|item| item.is_repeated());
        let (items, worked) = busy(self.judge(items, step)).await;
        if let Some(slot) = slot {
            if fresh {
                self.pace.note(objects, worked, started.elapsed());
            }
            // The stages are free for the next batch while this one is written; stepping aside lets
            // another thread have the one of them that this thread does not go on with.
            drop(slot);
            step_aside().await;
        }
        self.write(items).await;
    }

    /// Takes items through the stages from `step` on; answers those that leave them.
    async fn judge(self: &Arc<Self>, mut items: Vec<Item>, step: Step) -> Vec<Item> {
        for index in 0..self.ingest.len() {
            if step <= Step::Ingest(index) {
                items = self.ingest(index, items).await;
            }
        }
        if step <= Step::Resolve {
            items = self.resolve(items).await;
        }
        if step <= Step::Serialize {
            items = self.serialize(items).await;
        }
        items
    }

    /// Tries an item again from its step, after a delay and within its deadline. Meanwhile it
    /// holds back only its own key.
    fn retry(self: &Arc<Self>, item: Item, reason: String, after: Option<Duration>) {
        if self.may_complain() {
            let (pipeline, stage) = (&*self.name, item.step.stage());
            tracing::warn!(pipeline, %stage, reason, "a plugin wants objects to be tried again");
        }
        let deadline = item.deadline;
        self.retry_before(deadline, item, reason, after);
    }

    /// The same until an earlier end.
    fn retry_before(
        self: &Arc<Self>,
        end: tokio::time::Instant,
        mut item: Item,
        reason: String,
        after: Option<Duration>,
    ) {
        let stage = item.step.stage();
        let Some(delay) = item.backoff.next_before(end, after) else {
            let attempts = item.envelope().attempt;
            let failure = if item.written {
                writing::because(writing::unknown(), Some(&reason))
            } else if stage == Stage::Sink {
                writing::not_stored(attempts, end < item.deadline, &reason)
            } else {
                return self.retries_ended(item, gave_up(stage, attempts, &reason, after));
            };
            return self.fail(item, failure);
        };
        self.again(item, reason, delay);
    }

    /// Tries an item again from its step, after a delay: in a batch with others that come there,
    /// where that can do them no harm.
    fn again(self: &Arc<Self>, mut item: Item, reason: String, delay: Duration) {
        let stage = item.step.stage();
        self.metrics.retried(stage);
        tracing::debug!(key = %item.envelope().key, %stage, reason, ?delay, "trying again");
        item.object.envelope.attempt += 1;
        item.reason = Some(reason);
        let pipeline = self.clone();
        self.shared.tasks.spawn(async move {
            tokio::time::sleep(delay).await;
            let step = item.step;
            // Batches would take a replay through other plugins than those that it is held against.
            if item.suspect || item.replayed || step == Step::Write {
                return pipeline.run(vec![item], step, None).await;
            }
            item.queued = tokio::time::Instant::now();
            pipeline.accept(item).await;
        });
    }

    fn end(&self, mut item: Item, outcome: Outcome, written: Option<Written>) {
        if let Some(unclear) = item.unclear.take() {
            // Before the item gives up its place: the next one in line waits for recovery.
            self.sink().recovery.hand_over(*unclear);
        }
        let outcome = item.end(outcome, written);
        self.metrics.ended(&outcome);
    }
}

impl fmt::Debug for Pipeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pipeline").field("name", &self.name).finish_non_exhaustive()
    }
}

type Slot = tokio::sync::OwnedSemaphorePermit;

/// Gathers what is waiting into batches. The slot comes first: while all are
/// taken, objects gather by themselves, and an idle pipeline takes the first one at once. Beside
/// other batches one starts when it is full, when those have ended, or when they take longer than
/// `linger`.
async fn gather(
    pipeline: std::sync::Weak<Pipeline>,
    mut waiting: mpsc::Receiver<Item>,
    config: BatchConfig,
) {
    let at_once = config.at_once();
    let slots = Arc::new(Semaphore::new(at_once));
    let others = u32::try_from(at_once - 1).unwrap_or(u32::MAX);
    let most_bytes = config.bytes.as_u64();
    let mut gathered: Vec<Item> = Vec::new();
    loop {
        let Ok(slot) = slots.clone().acquire_owned().await else { return };
        if gathered.is_empty() && waiting.recv_many(&mut gathered, 1).await == 0 {
            return;
        }
        let Some(most) = pipeline.upgrade().map(|pipeline| pipeline.pace.objects(config.objects))
        else {
            return;
        };
        let alone = slots.available_permits() >= at_once - 1;
        if !alone && !config.linger.is_zero() {
            let deadline = tokio::time::sleep(config.linger);
            let ended = slots.acquire_many(others);
            tokio::pin!(deadline, ended);
            while let missing @ 1.. = most.saturating_sub(gathered.len()) {
                tokio::select! {
                    biased;
                    count = waiting.recv_many(&mut gathered, missing) => if count == 0 { break },
                    _ = &mut ended => break,
                    () = &mut deadline => break,
                }
            }
        }
        while gathered.len() < most
            && let Ok(item) = waiting.try_recv()
        {
            gathered.push(item);
        }
        // Those that are tried again may be at different steps.
        let Some(step) = gathered.first().map(|item| item.step) else { continue };
        let mut bytes = None;
        let batch = gathered.extract_if(.., |item| {
            if item.step != step {
                return false;
            }
            let size = item.object.data.len() as u64;
            let sum = bytes.map_or(size, |others: u64| others.saturating_add(size));
            let fits = bytes.is_none() || sum <= most_bytes;
            bytes = Some(sum);
            fits
        });
        let Some(pipeline) = pipeline.upgrade() else { return };
        // What came before the pipeline was halted is not tried either.
        let begins = |item: Item| match item.is_repeated() {
            true => Some(item),
            false => pipeline.unless_halted(item),
        };
        let mut batch: Vec<_> = batch.filter_map(begins).collect();
        if batch.is_empty() {
            continue;
        }
        pipeline.begin(&mut batch);
        let span = tracing::debug_span!("batch", pipeline = &*pipeline.name, objects = batch.len());
        let tasks = pipeline.shared.tasks.clone();
        tasks.spawn(pipeline.run(batch, step, Some(slot)).instrument(span));
    }
}
