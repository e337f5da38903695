//! `Turn`: whether a guest computes, or waited, or its thread did.

use super::engine::{Epochs, TICK};
use rustix::time::{ClockId, clock_gettime};
use std::{
    cell::Cell,
    future::poll_fn,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use wasmtime::UpdateDeadline;

thread_local! {
    /// CPU time of this thread when an epoch was last counted on it.
    static COUNTED: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

/// The epoch in which the runtime went on with a guest. A guest that waits for the host finds, when
/// it goes on, that its deadline has passed; the epochs that ended meanwhile are no CPU time of its.
/// Cheap to clone.
#[derive(Clone)]
pub(super) struct Turn {
    epochs: Epochs,
    began: Arc<AtomicU64>,
}

impl Turn {
    pub(super) fn new(epochs: Epochs) -> Self {
        let began = Arc::new(AtomicU64::new(epochs.now()));
        Self { epochs, began }
    }

    /// Goes on with a guest whenever it can, each time in a turn of its own.
    pub(super) async fn each<F: Future>(&self, guest: F) -> F::Output {
        let mut guest = pin!(guest);
        poll_fn(|cx| {
            self.began.store(self.epochs.now(), Ordering::Relaxed);
            guest.as_mut().poll(cx)
        })
        .await
    }

    /// Counts an epoch, by `count`, if one has ended in the present turn, and the thread has
    /// computed for as long: on a busy machine others do meanwhile.
    ///
    /// # Errors
    ///
    /// Those of `count`.
    pub(super) fn tick(
        &self,
        count: impl FnOnce() -> wasmtime::Result<UpdateDeadline>,
    ) -> wasmtime::Result<UpdateDeadline> {
        if self.epochs.now() == self.began.load(Ordering::Relaxed) {
            return Ok(UpdateDeadline::Continue(1));
        }
        let used = thread_cpu_time();
        if used < COUNTED.get() + TICK {
            return Ok(UpdateDeadline::Yield(1));
        }
        COUNTED.set(used);
        count()
    }
}

/// CPU time that this thread has used.
fn thread_cpu_time() -> Duration {
    // It is not negative.
    clock_gettime(ClockId::ThreadCPUTime).try_into().unwrap_or_default()
}
