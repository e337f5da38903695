//! `Round`: a stage asked for verdicts, again and again where it says so, until a deadline.

use super::item::Item;
use framedb_core::{Backoff, Child, Failure, Key, Object, Receipt, Retry, Stage, cut, gave_up};
use spin_sdk::time::sleep;
use std::time::{Duration, Instant};

/// How long stages may ask for more tries.
#[derive(Debug, Clone, Copy)]
pub(super) struct Round {
    deadline: Instant,
}

/// What a verdict makes of an item.
pub(super) enum Next {
    /// It goes on.
    On(Item),
    /// These go on in its place, under these keys.
    Split(Item, Vec<Child>, Vec<Key>),
    /// It has ended.
    Ended(Receipt),
    /// It is to be judged again.
    Again(Item, Retry),
}

/// What became of a batch in a stage.
#[derive(Debug, Default)]
pub(super) struct Passed {
    pub(super) on: Vec<Item>,
    pub(super) split: Vec<(Item, Vec<Child>, Vec<Key>)>,
    pub(super) ended: Vec<Receipt>,
}

impl Round {
    pub(super) fn until(deadline: Instant) -> Self {
        Self { deadline }
    }

    /// Asks for verdicts on a batch, and does with each item what `judge` makes of its own.
    pub(super) async fn ask<V>(
        self,
        stage: Stage,
        items: Vec<Item>,
        ask: impl AsyncFn(&[&Object]) -> Result<Vec<V>, Failure>,
        judge: impl Fn(Item, V) -> Next,
    ) -> Passed {
        let mut passed = Passed::default();
        let mut backoff = Backoff::default();
        let mut waiting = items;
        loop {
            let started = Instant::now();
            let batch: Vec<&Object> = waiting.iter().map(|item| &item.object).collect();
            let answered = ask(&batch).await;
            let took = started.elapsed();
            let verdicts = match answered {
                Ok(verdicts) => verdicts,
                Err(failure) => {
                    let failed = |item: Item| item.failed(failure.clone());
                    passed.ended.extend(waiting.into_iter().map(failed));
                    return passed;
                }
            };
            let mut again = Vec::new();
            for (mut item, verdict) in waiting.into_iter().zip(verdicts) {
                item.times.add(stage, took);
                match judge(item, verdict) {
                    Next::On(item) => passed.on.push(item),
                    Next::Split(item, children, keys) => passed.split.push((item, children, keys)),
                    Next::Ended(receipt) => passed.ended.push(receipt),
                    Next::Again(item, retry) => again.push((item, retry)),
                }
            }
            if again.is_empty() {
                return passed;
            }
            let least = again.iter().filter_map(|(_, retry)| retry.after).max();
            let Some(delay) = backoff.next(self.left(), least, fastrand::f64()) else {
                let gave_up = |(item, retry): (Item, Retry)| {
                    let attempts = item.object.envelope.attempt;
                    item.failed(gave_up(stage, attempts, &cut(&retry.reason), retry.after))
                };
                passed.ended.extend(again.into_iter().map(gave_up));
                return passed;
            };
            sleep(delay).await;
            waiting = again.into_iter().map(|(item, _)| item).collect();
            for item in &mut waiting {
                item.object.envelope.attempt += 1;
            }
        }
    }

    fn left(self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }
}
