//! What becomes of objects that failed, as the pipeline's policy says.

use super::{
    Pipeline,
    item::{Item, Step},
    policy::Action,
};
use crate::{
    dead_letters::{Culprit, DeadLetter, Earlier, Evidence, Seen, letter_id},
    plugin::{Fault, Pool},
};
use framedb_core::{Failure, FailureClass, Outcome, Route};
use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

/// How long the data directory may take to keep a dead letter.
const KEPT_WITHIN: Duration = Duration::from_secs(10);

/// When to try again where dead letters find no room: somebody has to make some.
const ROOM_AFTER: Duration = Duration::from_secs(30);

impl Pipeline {
    /// A plugin failed on an item in the item's step, or refused it. Answers the item if it goes
    /// on all the same, past that plugin; otherwise it has ended, or is tried again later.
    pub(super) async fn plugin_failed(
        self: &Arc<Self>,
        mut item: Item,
        fault: impl Into<Fault>,
    ) -> Option<Item> {
        let fault = fault.into();
        let retries = &self.policy().retries;
        let mut action = self.policy().action(fault.failure.class);
        if action == Action::Retry {
            let least = fault.failure.retry_after.unwrap_or_default();
            let delay = retries.delay_after(item.tries).map(|delay| delay.max(least));
            if let Some(delay) = delay.and_then(|delay| item.backoff.next(Some(delay))) {
                item.tries += 1;
                item.suspect = true;
                self.again(item, fault.failure.message, delay);
                return None;
            }
            action = retries.then;
        }
        if action != Action::Pass {
            self.fail(item, fault);
            return None;
        }
        self.metrics().passed(fault.failure.stage, fault.failure.class);
        if item.step == Step::Resolve {
            let placement = self.defaults().place(item.envelope());
            if let Err(failure) = self.accept_placement(&mut item, placement).await {
                self.fail(item, failure);
                return None;
            }
        }
        Some(item)
    }

    /// A plugin asked for retries of an item until they ran out.
    pub(super) fn retries_ended(self: &Arc<Self>, item: Item, failure: Failure) {
        if self.policy().action(failure.class) != Action::Pass {
            return self.fail(item, failure);
        }
        let pipeline = self.clone();
        self.shared.tasks.spawn(async move {
            if let Some(item) = pipeline.plugin_failed(item, failure).await {
                let step = item.step.next();
                pipeline.run(vec![item], step, None).await;
            }
        });
    }

    /// Ends an item that failed and cannot go on.
    pub(super) fn fail(self: &Arc<Self>, item: Item, fault: impl Into<Fault>) {
        let fault = fault.into();
        let class = fault.failure.class;
        let action = match self.policy().last_action(class) {
            // What failed in a replay keeps its dead letter, with the newest reason. A node that
            // is shutting down has not tried it.
            _ if item.replayed && class != FailureClass::Busy => Action::DeadLetter,
            action => action,
        };
        match action {
            Action::DeadLetter => self.keep(item, fault),
            Action::Halt => {
                self.halt.halt(&fault.failure.message);
                self.end(item, Outcome::Failed(fault.failure), None);
            }
            Action::Answer | Action::Retry | Action::Pass => {
                self.end(item, Outcome::Failed(fault.failure), None);
            }
        }
    }

    /// Keeps an item as a dead letter, and ends it when it is there. Meanwhile it holds back its
    /// own key.
    fn keep(self: &Arc<Self>, item: Item, fault: Fault) {
        let pipeline = self.clone();
        self.shared.tasks.spawn(async move {
            let (letter, data) = pipeline.letter(&item, &fault);
            let evidence =
                fault.record.map(|record| Evidence { seen: seen(&item), record: *record });
            let ack = pipeline.policy().ack && !item.replayed;
            // An engine that fails in a replay says nothing of the plugin that had failed.
            let earlier = match &letter.plugin {
                None if item.replayed => Earlier::Stays,
                _ => pipeline.earlier,
            };
            let kept = pipeline.shared.dead_letters.keep(letter, data, evidence, earlier);
            let mut failure = fault.failure;
            let problem = match tokio::time::timeout(KEPT_WITHIN, kept).await {
                Ok(Ok(letter)) => {
                    pipeline.metrics().dead_letter(failure.class);
                    if let Some(untold) = pipeline.kept.tell() {
                        tracing::info!(
                            id = &*letter.id,
                            pipeline = &*pipeline.name,
                            key = %item.envelope().key,
                            class = %letter.class,
                            attempts = letter.attempts,
                            untold,
                            "an object is kept as a dead letter"
                        );
                    }
                    if ack {
                        let outcome =
                            Outcome::DeadLettered { id: letter.id, reason: failure.message };
                        return pipeline.end(item, outcome, None);
                    }
                    failure.dead_letter = Some(letter.id);
                    return pipeline.end(item, Outcome::Failed(failure), None);
                }
                Ok(Err(error)) => error.chain(),
                Err(_) => {
                    let waited = humantime::format_duration(KEPT_WITHIN);
                    format!(
                        "the data directory did not answer within {waited}, and may keep it later"
                    )
                }
            };
            pipeline.metrics().dead_letter_refused();
            if let Some(untold) = pipeline.unkept.tell() {
                tracing::error!(
                    pipeline = &*pipeline.name,
                    key = %item.envelope().key,
                    problem,
                    untold,
                    "an object was refused, because it could not be kept as a dead letter"
                );
            }
            failure.message =
                format!("{}; it could not be kept as a dead letter: {problem}", failure.message);
            if ack {
                // To a sender that relies on the queue this is no verdict on its object.
                failure.class = FailureClass::Unavailable;
                failure.retry_after = Some(ROOM_AFTER);
            }
            pipeline.end(item, Outcome::Failed(failure), None);
        });
    }

    /// What is kept of an item, and the bytes of its object.
    fn letter(&self, item: &Item, fault: &Fault) -> (DeadLetter, bytes::Bytes) {
        let Failure { class, stage, message, .. } = &fault.failure;
        let (envelope, data) = item.original();
        let culprit = self.pool_of(item.step).filter(|_| item.step.stage() == *stage);
        let culprit = culprit.map(|pool| Culprit {
            name: pool.plugin().name().to_owned(),
            digest: pool.plugin().digest().to_owned(),
        });
        let now = Route::millis(SystemTime::now());
        let letter = DeadLetter {
            id: letter_id(&envelope.id, &envelope.source, &self.name),
            attempts: (envelope.attempt + 1).saturating_sub(item.first_attempt).max(1),
            object: envelope.into(),
            size: data.len() as u64,
            pipeline: self.name.clone(),
            from: item.from,
            stage: *stage,
            plugin: culprit,
            class: *class,
            error: message.clone(),
            backtrace: fault.backtrace.clone(),
            recorded: None,
            first_at: now,
            last_at: now,
        };
        (letter, data)
    }

    /// The plugin of a step.
    fn pool_of(&self, step: Step) -> Option<&Pool> {
        match step {
            Step::Ingest(index) => self.ingest_pools().get(index).map(Arc::as_ref),
            Step::Resolve => self.resolve_pool(),
            Step::Serialize => self.serialize_pool(),
            Step::Write => None,
        }
    }
}

/// The object as the plugin of the item's step saw it.
fn seen(item: &Item) -> Seen {
    let envelope = item.envelope().clone();
    // Resolve plugins see no payload.
    let data = item.changed_data().filter(|_| item.step != Step::Resolve).cloned();
    Seen { attempt: envelope.attempt, envelope: envelope.into(), data }
}
