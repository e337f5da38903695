//! Writing a batch: what may be written together, and in which order.
//!
//! Items that are first in their line are written at once, grouped by instance or queue. The
//! rest wait in chains: items of one key that stand right behind each other and go to the same
//! place form one chain, so that successive pushes to a queue stay one group. Those whose key has
//! an unsettled write wait for recovery, up to their deadline.

use super::{
    Pipeline,
    attempt::Unwritten,
    item::{Item, Step, Written},
    sink::Write,
    stages::refused,
};
use crate::{Error, ErrorKind, driver::steady_millis};
use framedb_core::{Failure, FailureClass, Key, Kind, Outcome, Stage, framed};
use futures::{StreamExt, stream::FuturesUnordered};
use std::{
    collections::HashMap,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use tokio::time::Instant;

/// How long a write that was begun may take, whatever its objects' deadline.
const WRITE_WITHIN: Duration = Duration::from_secs(10);

/// Milliseconds between words in the log on engines that fail: under load every object would
/// have one.
const COMPLAIN_EVERY: u64 = 5_000;

impl Pipeline {
    /// Writes items, each in its turn, and ends them.
    pub(super) async fn write(self: &Arc<Self>, items: Vec<Item>) {
        let chains = if items.iter().all(|item| item.place.is_first()) {
            items.into_iter().map(|item| vec![item]).collect()
        } else {
            chains(items)
        };
        let recovery = &self.sink().recovery;
        let (ready, waiting): (Vec<_>, Vec<_>) = chains.into_iter().partition(|chain| {
            chain.first().is_some_and(|i| i.place.is_first() && !recovery.holds(&i.envelope().key))
        });
        let mut writes: FuturesUnordered<_> = groups(ready.into_iter().flatten())
            .into_iter()
            .map(|group| self.write_group(group))
            .collect();
        let mut turns: FuturesUnordered<_> = waiting
            .into_iter()
            .map(|chain| async {
                if let Some(head) = chain.first() {
                    head.place.come().await;
                }
                let settled = self.wait_settled(chain).await;
                self.write_group(settled).await;
            })
            .collect();
        // Those that wait may wait for those that are ready: both advance together.
        loop {
            tokio::select! {
                Some(()) = writes.next() => {}
                Some(()) = turns.next() => {}
                else => return,
            }
        }
    }

    /// Waits until no earlier write of a chain's key is unsettled; answers those items whose
    /// deadline has not passed by then.
    async fn wait_settled(self: &Arc<Self>, mut chain: Vec<Item>) -> Vec<Item> {
        let recovery = &self.sink().recovery;
        while let Some(key) = chain.first().map(|item| item.envelope().key.clone())
            && let Some(deadline) = chain.iter().map(|item| item.deadline).min()
        {
            if tokio::time::timeout_at(deadline, recovery.wait(&key)).await.is_ok() {
                break;
            }
            let reason = "an earlier write of the key has no known outcome yet, because its engine \
                          does not answer";
            for item in &mut chain {
                item.reason.get_or_insert_with(|| reason.to_owned());
            }
            chain = self.fail_late(chain, Stage::Sink);
        }
        chain
    }

    /// Writes items of one instance, or of one queue, together.
    async fn write_group(self: &Arc<Self>, items: Vec<Item>) {
        let mut items = self.fail_late(items, Stage::Sink);
        let Some(deadline) = items.iter().map(|item| item.deadline).max() else { return };
        // A write that has begun is waited for: its outcome is worth more than the deadline.
        let deadline = deadline.max(Instant::now() + WRITE_WITHIN);
        let writes: Vec<_> = items.iter_mut().filter_map(|item| self.to_write(item)).collect();
        if writes.len() != items.len() {
            // Unreachable: only resolved items get here.
            for item in items {
                let message = "the object was not resolved";
                self.fail(item, Failure::new(FailureClass::Invalid, Stage::Sink, message));
            }
            return;
        }
        for item in &mut items {
            item.step = Step::Write;
        }
        let pipeline = self.clone();
        let mut write = Box::pin(async move { pipeline.sink().write(writes).await });
        let Ok((results, times)) = tokio::time::timeout_at(deadline, &mut write).await else {
            return self.give_up(items, async { write.await.0 });
        };
        for (stage, time) in times.iter().filter(|(_, time)| !time.is_zero()) {
            self.metrics().stage(stage, time);
        }
        for (mut item, result) in items.into_iter().zip(results) {
            for (stage, time) in times.iter() {
                item.spend(stage, time);
            }
            match result {
                Ok(written) => {
                    self.metrics().stored(written.size);
                    self.end(item, Outcome::Stored, Some(written));
                }
                Err(Unwritten { error, unclear }) => {
                    item.unclear = unclear;
                    self.failed_write(item, &error);
                }
            }
        }
    }

    /// Tells senders that the outcome of their write is unknown. The write goes on to its end,
    /// because what was given to an engine cannot be taken back; until then it holds its keys, and
    /// the room of its objects.
    fn give_up(
        self: &Arc<Self>,
        items: Vec<Item>,
        write: impl Future<Output = Vec<Result<Written, Unwritten>>> + Send + 'static,
    ) {
        let recovery = self.sink().recovery.clone();
        let keys = items.iter().map(|item| item.envelope().key.clone()).collect();
        let hold = recovery.hold(keys);
        let take_permit = |mut item: Item| {
            let permit = item.take_permit();
            self.fail(item, unknown());
            permit
        };
        let permits: Vec<_> = items.into_iter().map(take_permit).collect();
        self.shared.tasks.spawn(async move {
            for unwritten in write.await.into_iter().filter_map(Result::err) {
                if let Some(unclear) = unwritten.unclear {
                    recovery.hand_over(*unclear);
                }
            }
            drop((hold, permits));
        });
    }

    fn failed_write(self: &Arc<Self>, mut item: Item, error: &Error) {
        let instance = item.placement.as_ref().map(|p| p.framedb_id.clone()).unwrap_or_default();
        // What its sender did wrong, or another node's write overtook, is the fault of no engine.
        let faultless = [ErrorKind::Invalid, ErrorKind::TooLarge, ErrorKind::Conflict];
        if !faultless.contains(&error.kind()) {
            self.metrics().engine_error(&instance, &format!("{:?}", error.kind()).to_lowercase());
            self.complain(&instance, error);
        }
        // A full engine is told to the sender at once: waiting here would make no room.
        if error.is_temporary() && error.kind() != ErrorKind::Full {
            item.written |= !error.is_untouched();
            // What may have been written is tried to the end: then its outcome is known.
            let end = match item.written {
                true => item.deadline,
                false => item.unreachable.min(item.deadline),
            };
            return self.retry_before(end, item, error.chain(), None);
        }
        let failure = match item.written {
            true => may_be_stored(error),
            false => refused(Stage::Sink, error),
        };
        self.fail(item, failure);
    }

    /// Tells the log of an engine that fails.
    fn complain(&self, framedb_id: &str, error: &Error) {
        if self.may_complain() {
            tracing::warn!(framedb_id, error = error.chain(), "an engine fails to take objects");
        }
    }

    /// Whether something that keeps objects waiting may be told to the log: once in
    /// [`COMPLAIN_EVERY`].
    pub(super) fn may_complain(&self) -> bool {
        let (now, last) = (steady_millis(), self.complained.load(Ordering::Relaxed));
        // One of those who fail at the same time says it for all.
        now.saturating_sub(last) >= COMPLAIN_EVERY
            && self
                .complained
                .compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }

    fn to_write(&self, item: &mut Item) -> Option<Write> {
        let begun = item.unclear.take();
        let placement = item.placement.as_ref()?;
        let envelope = item.envelope();
        let codec = item.encoded.as_ref().map(|(codec, _)| codec);
        let in_frames =
            self.frames() && (placement.kind == Kind::Stream || !self.routes_keep_codecs());
        let bytes = item.stored_bytes();
        let data = if in_frames { framed(codec, bytes) } else { bytes.clone() };
        Some(Write {
            id: envelope.id.clone(),
            key: envelope.key.clone(),
            framedb_id: placement.framedb_id.clone(),
            kind: placement.kind,
            size: item.object.data.len() as u64,
            data,
            metadata: envelope.metadata.clone(),
            content_type: envelope.content_type.clone(),
            attributes: envelope.attributes.clone(),
            codec: codec.cloned(),
            unframed: placement.kind == Kind::Stream && !in_frames,
            time_to_live: placement.time_to_live,
            begun,
        })
    }
}

/// The engine, or the registry, could not be used although it was asked again and again.
pub(super) fn not_stored(attempts: u32, early: bool, reason: &str) -> Failure {
    let setting = if early { "limits.unreachable" } else { "limits.deadline" };
    let times = if attempts == 1 { "attempt" } else { "attempts" };
    let message = format!("not stored: gave up after {attempts} {times} ({setting}): {reason}");
    Failure::new(FailureClass::Unavailable, Stage::Sink, message)
}

/// The deadline of an object passed while it was being written.
pub(super) fn unknown() -> Failure {
    Failure::new(
        FailureClass::Unknown,
        Stage::Sink,
        "outcome unknown: the deadline passed during the write; sending the object again with \
         the same id or key is safe",
    )
}

/// An attempt was refused, and an earlier one may have stored the object all the same.
fn may_be_stored(refusal: &Error) -> Failure {
    let message = format!(
        "outcome unknown: an earlier attempt may have stored the object, this one did not; \
         sending it again with the same id or key is safe: {}",
        refusal.chain()
    );
    Failure::new(FailureClass::Unknown, Stage::Sink, message)
}

/// A failure with what it was that went wrong before, where something did.
pub(super) fn because(mut failure: Failure, reason: Option<&str>) -> Failure {
    if let Some(reason) = reason {
        failure.message = format!("{}: {reason}", failure.message);
    }
    failure
}

/// Splits items, in order, into chains of which only the first may have to wait.
fn chains(items: Vec<Item>) -> Vec<Vec<Item>> {
    let mut chains: Vec<Vec<Item>> = Vec::new();
    let mut of_key: HashMap<Key, usize> = HashMap::new();
    for item in items {
        let first = item.place.is_first();
        if !first
            && let Some(chain) = of_key.get(&item.envelope().key).and_then(|n| chains.get_mut(*n))
            && let Some(last) = chain.last()
            && item.place.follows(&last.place)
            && target(&item) == target(last)
        {
            chain.push(item);
            continue;
        }
        of_key.insert(item.envelope().key.clone(), chains.len());
        chains.push(vec![item]);
    }
    chains
}

/// Items that one call to an engine can write: those of an instance, or of a queue.
struct Group {
    target: Option<(Arc<str>, Kind)>,
    queue: Option<Key>,
    items: Vec<Item>,
}

fn groups(items: impl Iterator<Item = Item>) -> Vec<Vec<Item>> {
    let mut groups: Vec<Group> = Vec::new();
    for item in items {
        let queue = (item.kind() == Some(Kind::Stream)).then(|| item.envelope().key.clone());
        let target = target(&item);
        match groups.iter_mut().find(|group| group.target == target && group.queue == queue) {
            Some(group) => group.items.push(item),
            None => groups.push(Group { target, queue, items: vec![item] }),
        }
    }
    groups.into_iter().map(|group| group.items).collect()
}

fn target(item: &Item) -> Option<(Arc<str>, Kind)> {
    item.placement.as_ref().map(|placement| (placement.framedb_id.clone(), placement.kind))
}
