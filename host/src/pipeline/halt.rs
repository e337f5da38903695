//! `Halt`: whether a pipeline takes objects, and why not.

use crate::telemetry::Telemetry;
use framedb_core::{Failure, FailureClass, Stage};
use parking_lot::Mutex;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// When a refused sender should try again: somebody has to look first.
const TRY_AGAIN: Duration = Duration::from_secs(30);

/// Whether a pipeline takes objects. It lasts until an operator resumes the pipeline, or the node
/// ends.
#[derive(Debug)]
pub(super) struct Halt {
    pipeline: Arc<str>,
    telemetry: Telemetry,
    halted: AtomicBool,
    /// Held to read or change it, never across an await.
    reason: Mutex<Option<String>>,
}

impl Halt {
    pub(super) fn new(pipeline: Arc<str>, telemetry: Telemetry) -> Self {
        let (halted, reason) = (AtomicBool::new(false), Mutex::default());
        let halt = Self { pipeline, telemetry, halted, reason };
        halt.show(false);
        halt
    }

    /// Stops the pipeline; the first reason stays.
    pub(super) fn halt(&self, reason: &str) {
        let mut kept = self.reason.lock();
        if kept.is_none() {
            tracing::error!(
                pipeline = &*self.pipeline,
                reason,
                "the pipeline is halted and takes no objects until it is resumed"
            );
            *kept = Some(reason.to_owned());
            self.halted.store(true, Ordering::Release);
            self.show(true);
        }
    }

    /// Lets the pipeline take objects again; `false` when it does already.
    pub(super) fn resume(&self) -> bool {
        // Held to the end, so that it cannot be halted in between and look resumed.
        let mut kept = self.reason.lock();
        let was_halted = kept.take().is_some();
        self.halted.store(false, Ordering::Release);
        self.show(false);
        if was_halted {
            tracing::info!(pipeline = &*self.pipeline, "the pipeline is resumed");
        }
        was_halted
    }

    /// Why the pipeline takes no objects, if so.
    pub(super) fn reason(&self) -> Option<String> {
        if !self.halted.load(Ordering::Acquire) {
            return None;
        }
        self.reason.lock().clone()
    }

    /// What the senders of its objects are told, if it takes none.
    pub(super) fn refusal(&self) -> Option<Failure> {
        let message = format!("the pipeline `{}` is halted: {}", self.pipeline, self.reason()?);
        let mut failure = Failure::new(FailureClass::Unavailable, Stage::Admission, message);
        failure.retry_after = Some(TRY_AGAIN);
        Some(failure)
    }

    fn show(&self, halted: bool) {
        let gauge =
            self.telemetry.gauge("framedb_pipeline_halted", &[("pipeline", &self.pipeline)]);
        gauge.set(f64::from(u8::from(halted)));
    }
}
