//! `Live`: the calls that run in a shared instance at present, and whose fault it is when it
//! ends.

use super::{budget::Budget, failure::Broken, usage::CpuLimit};
use parking_lot::Mutex;
use std::{collections::HashMap, sync::Arc, time::Duration};
use tokio::{
    sync::{Notify, oneshot},
    time::{Instant, sleep_until},
};
use wasmtime::{UpdateDeadline, component::GuestTaskId};

/// How long after a call's time the instance is ended from outside. A guest that runs, or waits
/// as it should, is found before that.
const GRACE: Duration = Duration::from_secs(1);

/// The calls of one shared instance. Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Live(Arc<Inner>);

#[derive(Default)]
struct Inner {
    // Held for a look or a change; never across an await.
    calls: Mutex<Calls>,
    began: Notify,
}

#[derive(Default)]
struct Calls {
    running: HashMap<GuestTaskId, Running>,
    /// What work uses that belongs to no call: guests may leave some behind.
    rest: Option<CpuLimit>,
}

/// A call that runs.
pub(super) struct Running {
    cpu: CpuLimit,
    budget: Budget,
    until: Instant,
    /// Tells the caller that the call was at fault. When it is dropped, it was not.
    pub(super) blamed: oneshot::Sender<Broken>,
}

impl Running {
    pub(super) fn new(budget: Budget, until: Instant, blamed: oneshot::Sender<Broken>) -> Self {
        Self { cpu: CpuLimit::new(budget.cpu), budget, until, blamed }
    }
}

impl Live {
    pub(super) fn begin(&self, call: GuestTaskId, running: Running) {
        self.0.calls.lock().running.insert(call, running);
        self.0.began.notify_one();
    }

    /// Ids are used again, so a call that has ended must not stay.
    pub(super) fn end(&self, call: GuestTaskId) -> Option<Running> {
        self.0.calls.lock().running.remove(&call)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.calls.lock().running.is_empty()
    }

    /// Counts an epoch for the call that was computing, if one was.
    ///
    /// # Errors
    ///
    /// When that was its last one.
    pub(super) fn tick(
        &self,
        call: Option<GuestTaskId>,
        cpu: Duration,
    ) -> wasmtime::Result<UpdateDeadline> {
        let mut calls = self.0.calls.lock();
        let Calls { running, rest } = &mut *calls;
        match call.and_then(|call| running.get_mut(&call)) {
            Some(running) => running.cpu.tick(),
            None => rest.get_or_insert_with(|| CpuLimit::new(cpu)).tick(),
        }
    }

    /// Ends when some call is overdue by so much that the instance must be stuck.
    pub(super) async fn stuck(&self) {
        loop {
            let earliest = self.0.calls.lock().running.values().map(|call| call.until).min();
            match earliest {
                None => self.0.began.notified().await,
                Some(until) if until + GRACE <= Instant::now() => return,
                Some(until) => sleep_until(until + GRACE).await,
            }
        }
    }

    /// The instance has ended because of this call: its caller is told why, by what is made of
    /// its budget; all others, that they may be made again. Answers whether there was such a
    /// call.
    pub(super) fn blame(
        &self,
        culprit: Option<GuestTaskId>,
        why: impl FnOnce(Budget) -> Broken,
    ) -> bool {
        let mut running = std::mem::take(&mut self.0.calls.lock().running);
        let Some(culprit) = culprit.and_then(|culprit| running.remove(&culprit)) else {
            return false;
        };
        // A caller that is gone needs no answer.
        let _ = culprit.blamed.send(why(culprit.budget));
        true
    }
}
