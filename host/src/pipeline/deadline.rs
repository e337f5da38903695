//! Objects whose deadline passes before they are written.

use super::{
    Pipeline,
    item::{Item, Step},
    writing::{because, unknown},
};
use crate::plugin::{Fault, Pool, Verdicts};
use framedb_core::{Failure, FailureClass, Object, Stage, gave_up};
use futures::future::BoxFuture;
use std::sync::Arc;
use tokio::time::{Instant, timeout_at};

impl Pipeline {
    /// Ends the items whose deadline passed before `stage`; answers the others.
    pub(super) fn fail_late(self: &Arc<Self>, items: Vec<Item>, stage: Stage) -> Vec<Item> {
        let now = Instant::now();
        if items.iter().all(|item| item.deadline > now) {
            return items;
        }
        let (items, late): (Vec<_>, Vec<_>) =
            items.into_iter().partition(|item| item.deadline > now);
        for item in late {
            self.end_late(item, stage);
        }
        items
    }

    /// Asks a plugin about the items whose deadline has not passed; answers those that it judged
    /// before the last of their deadlines, each with its verdict. The call ends there: nobody
    /// waits for it any more.
    pub(super) async fn judged_in_time<T>(
        self: &Arc<Self>,
        step: Step,
        pool: &Pool,
        items: Vec<Item>,
        judge: impl for<'a> FnOnce(&'a Pool, &'a [&'a Object]) -> BoxFuture<'a, Verdicts<T>>,
    ) -> Vec<(Item, Result<T, Box<Fault>>)> {
        let stage = step.stage();
        let mut items = self.fail_late(items, stage);
        let Some(deadline) = items.iter().map(|item| item.deadline).max() else {
            return Vec::new();
        };
        let started = Instant::now();
        let objects: Vec<_> = items.iter().map(|item| &item.object).collect();
        let verdicts = timeout_at(deadline, judge(pool, &objects)).await;
        let took = started.elapsed();
        pool.metrics().stage(stage, took);
        for item in &mut items {
            item.spend(stage, took);
            item.step = step;
        }
        let Ok(verdicts) = verdicts else {
            items.into_iter().for_each(|item| self.end_late(item, stage));
            return Vec::new();
        };
        for item in &mut items {
            item.reason = None;
        }
        items.into_iter().zip(verdicts).collect()
    }

    fn end_late(self: &Arc<Self>, mut item: Item, stage: Stage) {
        let failure = match item.reason.take() {
            reason if item.written => because(unknown(), reason.as_deref()),
            // The deadline ends retries between two attempts, or within the last of them.
            Some(reason) if stage != Stage::Sink => {
                gave_up(stage, item.envelope().attempt, &reason, None)
            }
            reason => because(too_late(stage), reason.as_deref()),
        };
        self.fail(item, failure);
    }
}

/// The deadline of an object passed before it was written.
fn too_late(stage: Stage) -> Failure {
    let before = match stage {
        Stage::Sink => "before the object could be written".to_owned(),
        stage => format!("before {stage} had an answer for the object"),
    };
    let message = format!("not stored: the deadline passed {before} (limits.deadline)");
    Failure::new(FailureClass::Retry, stage, message)
}
