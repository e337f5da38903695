//! `Pace`: how many objects a batch should have, so that it leaves the stages soon.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// How long a batch may be in the stages.
///
/// Much longer than what a call costs, which is what batching spares; much shorter than the
/// limits of a plugin and than what a sender would notice.
const BATCH_TIME: Duration = Duration::from_millis(20);

/// Objects of the first batch, when nothing is known yet.
const FIRST: u32 = 16;

/// The time that an object takes in the stages, as a moving average.
///
/// Quick plugins get the fullest batches that there are objects for. To slow ones a full batch
/// would be seconds of work, in which its first object waits for its last, and all of them for
/// the limit that the batch would run into.
#[derive(Debug)]
pub(super) struct Pace {
    nanos: AtomicU64,
}

impl Default for Pace {
    fn default() -> Self {
        Self { nanos: AtomicU64::new(nanos(BATCH_TIME / FIRST)) }
    }
}

impl Pace {
    /// Notes how long a batch took.
    pub(super) fn note(&self, objects: usize, took: Duration) {
        let new = nanos(took) / (objects.max(1) as u64);
        let old = self.nanos.load(Ordering::Relaxed);
        // Two batches that end together may lose one of the notes; the next one comes soon.
        self.nanos.store(old.saturating_mul(3).saturating_add(new) / 4, Ordering::Relaxed);
    }

    /// Objects of the next batch, at most `most`.
    pub(super) fn objects(&self, most: usize) -> usize {
        let objects = nanos(BATCH_TIME) / self.nanos.load(Ordering::Relaxed).max(1);
        usize::try_from(objects).unwrap_or(usize::MAX).min(most).max(1)
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quick_stages_get_full_batches() {
        let pace = Pace::default();
        assert_eq!(pace.objects(512), 16);
        for _ in 0..20 {
            pace.note(16, Duration::from_micros(50));
        }
        assert_eq!(pace.objects(512), 512);
    }

    #[test]
    fn slow_stages_get_batches_that_end_soon() {
        let pace = Pace::default();
        for _ in 0..20 {
            let objects = pace.objects(512);
            pace.note(objects, Duration::from_millis(5) * u32::try_from(objects).unwrap());
        }
        assert_eq!(pace.objects(512), 4);
        pace.note(1, Duration::MAX);
        assert_eq!(pace.objects(512), 1);
    }
}
