//! `Pool`: instances of one plugin in one pipeline, leased to calls, and the isolation of the
//! objects that make calls fail.

use super::{
    bindings as wit,
    breaker::Breaker,
    budget::Budget,
    call::{Call, Decode, Encode, Place, Process},
    component::Plugin,
    config::Isolation,
    failure::{Broken, Fault},
    instance::Instance,
    record::Record,
    shared::{Ended, Shared},
    tape::Tape,
};
use crate::{events::Events, telemetry::PoolMetrics};
use bytesize::ByteSize;
use framedb_core::{
    Decoded, Encoded, Failure, FailureClass, Format, Ingested, Judge, Key, Object, Resolved, Stage,
    miscounted,
};
use futures::{StreamExt, stream};
use std::{
    fmt,
    ops::Range,
    sync::{Arc, Mutex, PoisonError},
    thread::{self, ThreadId},
    time::Instant,
};
use tokio::sync::{Semaphore, SemaphorePermit};

/// How often a call is made again that was lost with a shared instance, before it is made alone.
const LOSSES: usize = 3;

/// Parts that a group of objects is replayed in when its call failed. Two would do, but a call
/// that fails is dearer by far than one that succeeds: sixteen fail a fourth as often.
const PARTS: usize = 16;

/// One answer per object: the plugin's verdict, or what the host has to say instead.
pub(crate) type Verdicts<T> = Vec<Result<T, Box<Fault>>>;

/// The instances of one plugin in one pipeline.
///
/// Each is leased to one call at a time and put back after success; none ever serves another
/// pipeline. A call that fails costs its instance, and its batch is tried again by sixteenths in
/// younger instances until the failing objects are alone, each in an instance of its own: they
/// get the failure, their neighbours their verdicts. What the plugin is told while an object is
/// alone is recorded.
pub(crate) struct Pool {
    plugin: Arc<Plugin>,
    breaker: Option<Arc<Breaker>>,
    /// What answers the plugin in place of the node.
    tape: Option<Arc<Tape>>,
    isolation: Isolation,
    /// Where calls share an instance.
    shared: Option<Shared>,
    max_object: u64,
    // Held to push or pop; never across an await.
    idle: Mutex<Vec<(ThreadId, Instance)>>,
    permits: Semaphore,
    metrics: Arc<PoolMetrics>,
    failures: Events,
}

impl Pool {
    pub(crate) fn new(
        plugin: Arc<Plugin>,
        isolation: Isolation,
        max_object: u64,
        metrics: PoolMetrics,
    ) -> Self {
        let permits = Semaphore::new(plugin.limits().instances());
        let metrics = Arc::new(metrics);
        let whole = Budget::whole(plugin.limits(), max_object);
        let shared = || Shared::new(plugin.clone(), metrics.clone(), whole);
        Self {
            breaker: None,
            tape: None,
            isolation,
            shared: (isolation == Isolation::Shared).then(shared),
            max_object,
            idle: Mutex::default(),
            permits,
            metrics,
            failures: Events::default(),
            plugin,
        }
    }

    /// Leaves the plugin alone while this breaker is open. Reads, which `decode`, ask anyway.
    pub(crate) fn with_breaker(mut self, breaker: Arc<Breaker>) -> Self {
        self.breaker = Some(breaker);
        self
    }

    /// Answers the plugin from a record, for the one object that it is given then.
    pub(crate) fn answered_by(mut self, tape: Arc<Tape>) -> Self {
        self.tape = Some(tape);
        self
    }

    pub(crate) fn metrics(&self) -> &PoolMetrics {
        &self.metrics
    }

    pub(crate) fn plugin(&self) -> &Arc<Plugin> {
        &self.plugin
    }

    /// The ingest stage over a batch.
    pub(crate) async fn ingest(&self, batch: &[&Object]) -> Verdicts<Ingested> {
        let input = |group| wit::Objects::pack(part(batch, group));
        let verdicts = self.judge_admitted::<Process>(batch, input).await;
        let check = |verdict: Ingested, object: &Object| -> Result<Ingested, Box<Fault>> {
            let sizes: Vec<usize> = match &verdict {
                Ingested::Changed { data, .. } => vec![data.len()],
                Ingested::Split(children) => children.iter().map(|c| c.data.len()).collect(),
                _ => return Ok(verdict),
            };
            self.check_answer(Stage::Ingest, sizes.iter().sum(), object)?;
            match sizes.into_iter().find(|size| *size as u64 > self.max_object) {
                Some(size) => Err(self
                    .judge_in(Stage::Ingest)
                    .too_large(size, self.max_object, "limits.max-object")
                    .into()),
                None => Ok(verdict),
            }
        };
        verdicts
            .into_iter()
            .zip(batch)
            .map(|(verdict, object)| check(verdict?.into(), object))
            .collect()
    }

    /// The resolve stage over a batch, of which it sees the envelopes.
    pub(crate) async fn resolve(&self, batch: &[&Object]) -> Verdicts<Resolved> {
        let input = |group| wit::Envelopes::pack(part(batch, group));
        let verdicts = self.judge_admitted::<Place>(batch, input).await;
        let named = batch.iter().map(|object| object.envelope.framedb_id.as_ref());
        let resolved = |(verdict, named): (Result<wit::ResolveVerdict, _>, _)| {
            verdict.map(|verdict| verdict.into_resolved(named))
        };
        verdicts.into_iter().zip(named).map(resolved).collect()
    }

    /// The serialize stage over a batch.
    pub(crate) async fn encode(&self, batch: &[&Object]) -> Verdicts<Encoded> {
        let input = |group| wit::Objects::pack(part(batch, group));
        let verdicts = self.judge_admitted::<Encode>(batch, input).await;
        let check =
            |verdict: wit::SerializeVerdict, object: &Object| -> Result<Encoded, Box<Fault>> {
                let judge = self.judge_in(Stage::Serialize);
                let encoded = verdict.declared(judge, self.plugin.writes())?;
                if let Encoded::Bytes { data, .. } = &encoded {
                    self.check_answer(Stage::Serialize, data.len(), object)?;
                }
                Ok(encoded)
            };
        verdicts.into_iter().zip(batch).map(|(verdict, object)| check(verdict?, object)).collect()
    }

    /// Decodes one stored object.
    pub(crate) async fn decode(
        &self,
        key: Arc<str>,
        format: &Format,
        data: bytes::Bytes,
    ) -> Result<Decoded, Failure> {
        let stored = wit::Stored { key, format: format.to_string(), data };
        match self.judge::<Decode>(1, Arc::default(), |_| vec![stored.clone()]).await.pop() {
            Some(verdict) => verdict.map(Into::into).map_err(|fault| fault.failure),
            None => Err(self.judge_in(Stage::Serialize).broke_contract("it answered nothing")),
        }
    }

    /// As [`Pool::judge`], unless the plugin is left alone at present.
    async fn judge_admitted<C: Call>(
        &self,
        batch: &[&Object],
        input: impl Fn(Range<usize>) -> C::In + Sync,
    ) -> Verdicts<C::Out> {
        let Some(breaker) = &self.breaker else {
            return self.judge::<C>(batch.len(), self.keys(batch), input).await;
        };
        let admitted = match breaker.admit() {
            Ok(admitted) => admitted,
            Err(failure) => return batch.iter().map(|_| Err(failure.clone().into())).collect(),
        };
        let verdicts = self.judge::<C>(batch.len(), self.keys(batch), input).await;
        match verdicts.last() {
            // No call was made.
            Some(Err(fault)) if fault.failure.class == FailureClass::Unavailable => {}
            Some(Err(fault)) if verdicts.iter().all(Result::is_err) => {
                let keys = batch.iter().map(|object| &object.envelope.key);
                admitted.failed(keys, &fault.failure.message);
            }
            _ => admitted.succeeded(),
        }
        verdicts
    }

    /// One answer per input: the whole batch in one call, or what is left of it after the
    /// objects that make calls fail were found.
    ///
    /// `input` makes the input of a part of the batch; it is asked again in a replay, so that
    /// a batch that does not fail is packed once. `keys` are those that wait for the whole batch.
    async fn judge<C: Call>(
        &self,
        count: usize,
        keys: Arc<[Key]>,
        input: impl Fn(Range<usize>) -> C::In + Sync,
    ) -> Verdicts<C::Out> {
        match self.isolation {
            Isolation::Pipeline | Isolation::Shared => {
                self.judge_group::<C>(&input, &keys, 0..count, count, None).await
            }
            Isolation::Object => {
                let at_once = self.plugin.limits().instances();
                let alone = || Some(Replay { since: Instant::now(), recorded: true });
                stream::iter(0..count)
                    .map(|n| self.judge_group::<C>(&input, &keys, n..n + 1, 1, alone()))
                    .buffered(at_once)
                    .concat()
                    .await
            }
        }
    }

    /// Judges a group of a batch of `whole` objects, and its parts if that fails, down to the one
    /// object that fails alone and is then recorded.
    async fn judge_group<C: Call>(
        &self,
        input: &(impl Fn(Range<usize>) -> C::In + Sync),
        keys: &Arc<[Key]>,
        group: Range<usize>,
        whole: usize,
        replay: Option<Replay>,
    ) -> Verdicts<C::Out> {
        let budget = self.budget(group.len(), whole);
        let since = replay.map(|replay| replay.since);
        let tape = match &self.tape {
            Some(tape) => Some(tape.clone()),
            None => replay.filter(|replay| replay.recorded).map(|_| self.recording(budget)),
        };
        let last = tape.is_some();
        let called = match self.shared.as_ref().filter(|_| since.is_none() && !last) {
            Some(shared) => {
                self.call_beside::<C>(shared, || input(group.clone()), budget, group.len()).await
            }
            None => {
                let batch = input(group.clone());
                self.call::<C>(batch, group.len(), keys.clone(), budget, since, tape).await
            }
        };
        let broken = match called {
            Ok(verdicts) => return verdicts.into_iter().map(Ok).collect(),
            Err(broken) => broken,
        };
        self.metrics.failed(C::STAGE, broken.cause());
        // Of a batch that fails five times, the first failure and the culprit are news; who
        // asks for a reproduction is shown the failure anyway.
        if self.tape.is_none()
            && (last || group.len() == whole)
            && let Some(untold) = self.failures.tell()
        {
            tracing::warn!(
                plugin = self.plugin.name(),
                stage = %C::STAGE,
                objects = group.len(),
                cause = self.plugin.secrets().text(&broken.to_string()),
                untold,
                "plugin call failed",
            );
        }
        if last || broken.had_no_room() {
            let (name, secrets) = (self.plugin.name(), self.plugin.secrets());
            let fault = Box::new(broken.into_fault(name, C::STAGE, secrets));
            return group.map(|_| Err(fault.clone())).collect();
        }
        // The parts run side by side, as far as the pool's instances go. A failure that took
        // its time would take it again at every step, so that each object is then alone and
        // recorded at once: a fresh instance costs less than that.
        let recorded = broken.took_its_time() || group.len() <= 1;
        let step = if recorded { 1 } else { group.len().div_ceil(PARTS) };
        let replay = Some(Replay { since: since.unwrap_or_else(Instant::now), recorded });
        stream::iter(group.clone().step_by(step))
            .map(|start| {
                let part = start..(start + step).min(group.end);
                Box::pin(self.judge_group::<C>(input, keys, part, whole, replay))
            })
            .buffered(self.plugin.limits().instances().max(2))
            .concat()
            .await
    }

    /// One call in one instance; `expected` is how many answers there should be.
    async fn call<C: Call>(
        &self,
        batch: C::In,
        expected: usize,
        keys: Arc<[Key]>,
        budget: Budget,
        since: Option<Instant>,
        tape: Option<Arc<Tape>>,
    ) -> Result<Vec<C::Out>, Broken> {
        let recorded = |broken: Broken| match &tape {
            Some(tape) => broken.with_record(tape.end()),
            None => broken,
        };
        let mut lease = self.lease(budget, since, tape.clone()).await.map_err(recorded)?;
        lease.instance.judges(keys);
        let called = lease.instance.call(C::function, (batch,), budget).await;
        let (verdicts,) = called.map_err(recorded)?;
        let verdicts = counted(verdicts, expected).map_err(recorded)?;
        match tape {
            // Its time and its random numbers are the tape's.
            Some(_) if self.isolation == Isolation::Object => self.metrics.retired("isolation"),
            Some(_) => self.metrics.retired("recorded"),
            None => self.put_back(lease),
        }
        Ok(verdicts)
    }

    /// One call beside others in the shared instance.
    async fn call_beside<C: Call>(
        &self,
        shared: &Shared,
        input: impl Fn() -> C::In + Sync,
        budget: Budget,
        expected: usize,
    ) -> Result<Vec<C::Out>, Broken> {
        for _ in 0..LOSSES {
            let permit = self.permits.acquire().await.ok();
            let batch = input();
            let bytes = C::bytes(&batch);
            let called = shared.call(C::function, batch, bytes, budget).await;
            drop(permit);
            match called {
                Ok(verdicts) => return counted(verdicts, expected),
                Err(Ended::Failed(broken)) => return Err(broken),
                Err(Ended::Lost) => {}
            }
        }
        // Alone it is lost by nobody's fault but its own.
        self.call::<C>(input(), expected, Arc::default(), budget, Some(Instant::now()), None).await
    }

    /// An instance for one call: made `since` then, if that matters, and a new one for a tape.
    async fn lease(
        &self,
        budget: Budget,
        since: Option<Instant>,
        tape: Option<Arc<Tape>>,
    ) -> Result<Lease<'_>, Broken> {
        // The semaphore is never closed; were it, the call would go on unbounded rather than
        // fail.
        let permit = self.permits.acquire().await.ok();
        let idle = if tape.is_some() { None } else { self.take_idle(since) };
        let instance = match idle {
            Some(instance) => instance,
            None => {
                self.make_room();
                self.metrics.created();
                Instance::new(&self.plugin, budget, tape).await?
            }
        };
        Ok(Lease { instance, _permit: permit })
    }

    /// Drops the instances that have been idle longest, as many as there are too many beside those
    /// that are leased: one more of these is about to be made.
    fn make_room(&self) {
        let mut idle = self.idle();
        let surplus = idle.len().saturating_sub(self.permits.available_permits());
        let dropped: Vec<_> = idle.drain(..surplus).collect();
        drop(idle);
        dropped.iter().for_each(|_| self.metrics.retired("surplus"));
    }

    /// An idle instance that was made `since` then: the last one that this thread used, because its
    /// memory is in this core's cache, or else the last one that any did.
    fn take_idle(&self, since: Option<Instant>) -> Option<Instance> {
        let here = thread::current().id();
        let mut idle = self.idle();
        let young = |instance: &Instance| since.is_none_or(|since| instance.born() >= since);
        let own = idle.iter().rposition(|(thread, one)| *thread == here && young(one));
        let found = own.or_else(|| idle.iter().rposition(|(_, one)| young(one)))?;
        Some(idle.remove(found).1)
    }

    fn put_back(&self, lease: Lease<'_>) {
        let limits = self.plugin.limits();
        let worn = match self.isolation {
            // A shared instance is not leased; what is, replays.
            Isolation::Object | Isolation::Shared => Some("isolation"),
            Isolation::Pipeline => lease.instance.worn(limits.max_calls, limits.max_age),
        };
        match worn {
            Some(cause) => self.metrics.retired(cause),
            None => self.idle().push((thread::current().id(), lease.instance)),
        }
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<(ThreadId, Instance)>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A tape for a call within a budget.
    fn recording(&self, budget: Budget) -> Arc<Tape> {
        let mut limits = self.plugin.limits().clone();
        (limits.time, limits.cpu) = (budget.time, budget.cpu);
        (limits.host_calls, limits.log) = (budget.host_calls, ByteSize::b(budget.log));
        let secrets = self.plugin.secrets();
        let settings = self.plugin.settings();
        let shown = settings.iter().map(|(name, value)| (name.clone(), secrets.text(value)));
        let record = Record {
            settings: shown.collect(),
            limits,
            max_object: self.max_object,
            ..Record::default()
        };
        Tape::recording(record, secrets.clone())
    }

    fn budget(&self, group: usize, batch: usize) -> Budget {
        Budget::of(self.plugin.limits(), self.max_object, group, batch)
    }

    /// The keys of a batch, for a plugin that could write them itself.
    fn keys(&self, batch: &[&Object]) -> Arc<[Key]> {
        if !self.plugin.writes_keys() {
            return Arc::default();
        }
        batch.iter().map(|object| object.envelope.key.clone()).collect()
    }

    /// The plugin as failures in a stage name it.
    pub(crate) fn judge_in(&self, stage: Stage) -> Judge<'_> {
        Judge { plugin: self.plugin.name(), stage }
    }

    /// Refuses an answer that is larger than the plugin may give for an object.
    fn check_answer(&self, stage: Stage, answered: usize, object: &Object) -> Result<(), Failure> {
        let limits = self.plugin.limits();
        let (most, setting) = limits.answer_for(object.data.len() as u64, self.max_object);
        if answered as u64 <= most {
            return Ok(());
        }
        let name = self.plugin.name();
        let settings = match setting {
            "output" => format!("plugins.{name}.limits.output, limits.max-object"),
            "output-ratio" => format!(
                "{} times its size, 1 MiB at least: plugins.{name}.limits.output-ratio",
                limits.output_ratio
            ),
            setting => format!("plugins.{name}.limits.{setting}"),
        };
        Err(self.judge_in(stage).too_large(answered, most, &settings))
    }
}

/// What came back, if there is one answer for each object.
fn counted<T>(verdicts: Vec<T>, expected: usize) -> Result<Vec<T>, Broken> {
    if verdicts.len() == expected {
        return Ok(verdicts);
    }
    Err(Broken::trap(miscounted(verdicts.len(), expected)))
}

/// A group of a batch.
fn part<'a, 'b>(batch: &'a [&'b Object], group: Range<usize>) -> &'a [&'b Object] {
    batch.get(group).unwrap_or_default()
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("plugin", &self.plugin).finish_non_exhaustive()
    }
}

/// How a group of objects is judged again after a failure.
#[derive(Clone, Copy)]
struct Replay {
    /// When the first call failed: only instances made since then are asked.
    since: Instant,
    /// Whether what the plugin is told is recorded, which takes an instance of its own. It is the
    /// last attempt.
    recorded: bool,
}

struct Lease<'a> {
    instance: Instance,
    // Given back after the instance is gone or idle again.
    _permit: Option<SemaphorePermit<'a>>,
}
