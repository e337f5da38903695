//! `Shared`: one instance of a plugin that serves many calls at once, for a plugin with a large
//! cache inside.
//!
//! A task owns the store; callers hand it calls. What fails in a shared instance ends all that
//! run in it: the one at fault is told why, the others learn that they were lost and are made
//! again in the next instance.

use super::{
    budget::Budget,
    component::Plugin,
    config::Limits,
    failure::Broken,
    instance::{Exports, Instance, broken, late},
    live::{Live, Running},
    state::State,
};
use crate::telemetry::PoolMetrics;
use futures::{FutureExt as _, StreamExt as _, future::BoxFuture, stream::FuturesUnordered};
use parking_lot::Mutex;
use std::{
    future::poll_fn,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::Poll,
    time::{Duration, Instant as Time},
};
use tokio::{
    sync::{Semaphore, mpsc, oneshot},
    time::{Instant, timeout_at},
};
use wasmtime::{
    AsContextMut as _,
    component::{Accessor, ComponentNamedList, Lift, Lower, TypedFunc},
};

/// Part of an instance's memory that inputs under way may take: they are copied into it, and
/// the guest works beside them.
const INPUTS: u64 = 4;

/// How long a call may take whose time has no end.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// How a call in a shared instance ended without an answer.
pub(super) enum Ended {
    /// It failed.
    Failed(Broken),
    /// Another one failed, and the instance ended with it.
    Lost,
}

/// The shared instance of a pool; the next one is made when it has ended.
pub(super) struct Shared {
    plugin: Arc<Plugin>,
    metrics: Arc<PoolMetrics>,
    /// What a call with a whole batch may use.
    whole: Budget,
    /// Calls for the present instance. Held for a look or a change; never across an await.
    present: Mutex<Option<mpsc::UnboundedSender<Job>>>,
    /// KiB of inputs under way; the calls themselves are bounded by the pool.
    room: Semaphore,
    most_room: u32,
}

/// A call that waits for its start.
struct Job {
    start: Start,
    budget: Budget,
    blamed: oneshot::Sender<Broken>,
}

/// What a call is made with.
struct Inside<'a> {
    accessor: &'a Accessor<State>,
    exports: &'a Exports,
    live: &'a Live,
    /// Set when the instance takes no more calls.
    retired: &'a AtomicBool,
    budget: Budget,
    blamed: oneshot::Sender<Broken>,
}

/// Where a stage's function is.
type Function<P, R> = fn(&Exports) -> Option<TypedFunc<(P,), (R,)>>;

type Start = Box<dyn for<'a> FnOnce(Inside<'a>) -> BoxFuture<'a, ()> + Send>;

impl Shared {
    /// `whole` is what a call with a whole batch may use.
    pub(super) fn new(plugin: Arc<Plugin>, metrics: Arc<PoolMetrics>, whole: Budget) -> Self {
        let room = plugin.limits().memory.as_u64() / INPUTS / 1024;
        let most_room = u32::try_from(room).unwrap_or(u32::MAX).max(1);
        let room = Semaphore::new(usize::try_from(most_room).unwrap_or(usize::MAX));
        Self { plugin, metrics, whole, present: Mutex::default(), room, most_room }
    }

    /// Makes a call beside those that run; `bytes` is what its input takes.
    ///
    /// # Errors
    ///
    /// When it fails, or is lost.
    pub(super) async fn call<P, R>(
        &self,
        function: Function<P, R>,
        input: P,
        bytes: usize,
        budget: Budget,
    ) -> Result<R, Ended>
    where
        P: Lower + Send + Sync + 'static,
        R: Lift + Send + Sync + 'static,
        (P,): ComponentNamedList + Lower,
        (R,): ComponentNamedList + Lift,
    {
        let needed = u32::try_from(bytes / 1024 + 1).unwrap_or(u32::MAX).min(self.most_room);
        // The semaphore is never closed.
        let _room = self.room.acquire_many(needed).await.ok();
        let (answer, answered) = oneshot::channel();
        let (blamed, at_fault) = oneshot::channel();
        let start: Start = Box::new(move |inside| {
            async move {
                if let Some(verdicts) = inside.run(function, input).await {
                    // A caller that is gone needs no answer.
                    let _ = answer.send(verdicts);
                }
            }
            .boxed()
        });
        self.hand_over(Job { start, budget, blamed });
        match answered.await {
            Ok(verdicts) => Ok(verdicts),
            Err(_) => Err(at_fault.await.map_or(Ended::Lost, Ended::Failed)),
        }
    }

    /// Gives a job to the present instance, or to the next one.
    fn hand_over(&self, job: Job) {
        let mut present = self.present.lock();
        let job = match present.take() {
            None => job,
            Some(jobs) => match jobs.send(job) {
                Ok(()) => {
                    *present = Some(jobs);
                    return;
                }
                Err(mpsc::error::SendError(job)) => job,
            },
        };
        // As long as its pool has permits.
        let (jobs, waiting) = mpsc::unbounded_channel();
        // The other end is here.
        let _ = jobs.send(job);
        *present = Some(jobs);
        // It ends with the channel, after the calls that it has begun.
        tokio::spawn(serve(self.plugin.clone(), self.metrics.clone(), self.whole, waiting));
    }
}

/// Makes an instance, and the calls in it until it has failed or is worn.
async fn serve(
    plugin: Arc<Plugin>,
    metrics: Arc<PoolMetrics>,
    whole: Budget,
    mut jobs: mpsc::UnboundedReceiver<Job>,
) {
    metrics.created();
    let live = Live::default();
    let mut instance = match Instance::new(&plugin, whole, None).await {
        Ok(instance) => instance,
        Err(broken) => {
            jobs.close();
            while let Some(job) = jobs.recv().await {
                let _ = job.blamed.send(broken.clone());
            }
            return;
        }
    };
    let turn = instance.turn();
    let (store, exports) = instance.share(live.clone(), whole.cpu);
    let take =
        Take { exports, live: &live, limits: plugin.limits(), retired: AtomicBool::new(false) };
    let calls = store.run_concurrent(async |accessor| take.all(accessor, &mut jobs).await);
    let calls = turn.each(calls);
    let failed = tokio::select! {
        ended = calls => match ended {
            Ok(cause) => return metrics.retired(cause),
            Err(error) => Some(error),
        },
        () = live.stuck() => None,
    };
    let culprit = store.as_context_mut().async_call_stack().ok().and_then(Iterator::last);
    let found = live.blame(culprit, |budget| match failed {
        Some(error) => broken(store, error, budget),
        None => late(budget),
    });
    // Where one is found, the pool counts its failure.
    if !found {
        metrics.retired("lost");
    }
}

/// What calls in an instance share.
struct Take<'a> {
    exports: &'a Exports,
    live: &'a Live,
    limits: &'a Limits,
    /// Set when the instance takes no more calls.
    retired: AtomicBool,
}

impl Take<'_> {
    /// Makes the calls that come, until there will be no more, the instance is worn, or a guest
    /// works on while no call is in it; then those which are under way end, and others go to the
    /// next instance. Answers what metrics count the end as.
    async fn all(
        &self,
        accessor: &Accessor<State>,
        jobs: &mut mpsc::UnboundedReceiver<Job>,
    ) -> &'static str {
        let born = Time::now();
        let mut running = FuturesUnordered::new();
        let mut cause = "shared";
        let (mut taken, mut open) = (0, true);
        loop {
            let worn = taken >= self.limits.max_calls || born.elapsed() >= self.limits.max_age;
            if open && (worn || self.retired.load(Ordering::Relaxed)) {
                open = false;
                jobs.close();
                // Their callers go to the next instance.
                while jobs.try_recv().is_ok() {}
            }
            tokio::select! {
                job = jobs.recv(), if open => match job {
                    Some(Job { start, budget, blamed }) => {
                        taken += 1;
                        let (exports, live, retired) = (self.exports, self.live, &self.retired);
                        let inside = Inside { accessor, exports, live, retired, budget, blamed };
                        running.push(start(inside));
                    }
                    None => open = false,
                },
                Some(()) = running.next(), if !running.is_empty() => {
                    if running.is_empty() && works_on(accessor).await {
                        cause = "unfinished-work";
                        self.retired.store(true, Ordering::Relaxed);
                    }
                }
                else => return cause,
            }
        }
    }
}

impl Inside<'_> {
    /// One call; without an answer its caller was told why, or will be.
    async fn run<P, R>(self, function: Function<P, R>, input: P) -> Option<R>
    where
        P: Lower + Send + Sync + 'static,
        R: Lift + Send + Sync + 'static,
        (P,): ComponentNamedList + Lower,
        (R,): ComponentNamedList + Lift,
    {
        let Self { accessor, exports, live, retired, budget, blamed } = self;
        let Some(function) = function(exports) else {
            let _ = blamed.send(Broken::trap("it does not export this stage"));
            return None;
        };
        let until = far(budget.time);
        let started = accessor.with(|mut access| {
            access.data_mut().join(budget, live.is_empty());
            function.start_call_concurrent(access, (input,))
        });
        let call = match started {
            Ok(call) => call,
            Err(error) => {
                retired.store(true, Ordering::Relaxed);
                let _ = blamed.send(Broken::classify(error, budget.output, None));
                return None;
            }
        };
        let task = call.task();
        live.begin(task, Running::new(budget, until, blamed));
        let ended = timeout_at(until, function.finish_call_concurrent(accessor, call)).await;
        let blamed = live.end(task)?.blamed;
        let broken = match ended {
            Ok(Ok((answer,))) => {
                match accessor.with(|mut access| access.data_mut().logged_too_much()) {
                    None => return Some(answer),
                    Some(exceeded) => Broken::limit(exceeded),
                }
            }
            Ok(Err(error)) => Broken::classify(error, budget.output, None),
            Err(_) => late(budget),
        };
        // What it left behind ends with the instance, after the calls beside it.
        retired.store(true, Ordering::Relaxed);
        let _ = blamed.send(broken);
        None
    }
}

/// Whether something is left of calls that have ended.
async fn works_on(accessor: &Accessor<State>) -> bool {
    poll_fn(|cx| Poll::Ready(accessor.poll_no_interesting_tasks(cx).is_pending())).await
}

/// So far from now.
fn far(time: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(time).unwrap_or(now + LONGEST)
}
