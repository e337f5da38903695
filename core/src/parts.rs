//! `Parts`: the receipt of an object that was split, out of those of its parts.

use crate::{Envelope, Failure, Outcome, Receipt, StageTimes};

/// An object that was split: acknowledged when all of its parts are stored, and failed by one
/// that is not.
#[derive(Debug)]
pub struct Parts {
    envelope: Envelope,
    left: usize,
    failure: Option<Failure>,
    /// The first part that is kept as a dead letter which counts as a success.
    dead_letter: Option<Outcome>,
    stored_size: u64,
    synced: bool,
    times: StageTimes,
}

impl Parts {
    /// So many parts of an object, on which `times` were spent before it was split.
    #[must_use]
    pub fn new(envelope: Envelope, parts: usize, times: StageTimes) -> Self {
        Self {
            envelope,
            left: parts,
            failure: None,
            dead_letter: None,
            stored_size: 0,
            synced: true,
            times,
        }
    }

    /// A part ended; the object's own receipt when it was the last one. What failed in a replay
    /// out of the dead-letter queue is still there.
    pub fn ended(&mut self, receipt: Receipt, replayed: bool) -> Option<Receipt> {
        self.left = self.left.saturating_sub(1);
        self.stored_size += receipt.stored_size;
        for (stage, time) in receipt.times.iter() {
            self.times.add(stage, time);
        }
        match receipt.outcome {
            Outcome::Stored => self.synced &= receipt.synced,
            Outcome::Dropped(_) => {}
            Outcome::DeadLettered { id, reason } => {
                let reason = format!("part `{}`: {reason}", receipt.key);
                self.dead_letter.get_or_insert(Outcome::DeadLettered { id, reason });
            }
            Outcome::Failed(mut failure) => {
                let reason = format!("part `{}`: {}", receipt.key, failure.message);
                match failure.dead_letter.clone().filter(|_| replayed) {
                    // What is left of it in the queue is that part.
                    Some(id) => {
                        self.dead_letter.get_or_insert(Outcome::DeadLettered { id, reason });
                    }
                    None => {
                        failure.message = reason;
                        self.failure.get_or_insert(failure);
                    }
                }
            }
        }
        if self.left > 0 {
            return None;
        }
        let failed = self.failure.take().map(Outcome::Failed);
        let outcome = failed.or_else(|| self.dead_letter.take()).unwrap_or(Outcome::Stored);
        Some(Receipt {
            id: self.envelope.id.clone(),
            key: self.envelope.key.shared(),
            outcome,
            framedb_id: receipt.framedb_id,
            kind: receipt.kind,
            stored_size: self.stored_size,
            codec: receipt.codec,
            attributes: self.envelope.attributes.clone(),
            synced: self.synced,
            times: self.times,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FailureClass, Key, Stage};

    fn receipt(key: &str, outcome: Outcome) -> Receipt {
        Receipt {
            id: key.into(),
            key: key.into(),
            outcome,
            framedb_id: None,
            kind: None,
            stored_size: 2,
            codec: None,
            attributes: [].into(),
            synced: true,
            times: StageTimes::default(),
        }
    }

    fn parts(count: usize) -> Parts {
        let envelope = Envelope {
            id: "7".into(),
            attempt: 1,
            key: Key::new("k").unwrap(),
            source: "".into(),
            kind: None,
            framedb_id: None,
            content_type: None,
            metadata: "".into(),
            attributes: [].into(),
        };
        Parts::new(envelope, count, StageTimes::default())
    }

    #[test]
    fn an_object_is_stored_when_all_of_its_parts_are() {
        let mut parts = parts(2);
        assert_eq!(parts.ended(receipt("k/0", Outcome::Stored), false), None);
        let whole = parts.ended(receipt("k/1", Outcome::Dropped("dark".into())), false).unwrap();
        assert_eq!((&*whole.key, whole.outcome, whole.stored_size), ("k", Outcome::Stored, 4));
    }

    #[test]
    fn one_part_that_fails_fails_the_object() {
        let mut parts = parts(2);
        let failure = Failure::new(FailureClass::Reject, Stage::Resolve, "no");
        parts.ended(receipt("k/0", Outcome::Failed(failure)), false);
        let whole = parts.ended(receipt("k/1", Outcome::Stored), false).unwrap();
        let Outcome::Failed(failure) = whole.outcome else { panic!("{whole:?}") };
        assert_eq!(failure.message, "part `k/0`: no");
    }
}
