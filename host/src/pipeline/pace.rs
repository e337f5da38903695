//! `Pace`: how many objects a batch should have, so that it leaves the stages soon.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// Objects of the first batch, when nothing is known yet.
const FIRST: u32 = 16;

/// The time that an object takes in the stages, as a moving average.
///
/// Quick plugins get the fullest batches that there are objects for. To slow ones a full batch
/// would be seconds of work, in which its first object waits for its last, and all of them for
/// the limit that the batch would run into.
#[derive(Debug)]
pub(super) struct Pace {
    batch: Duration,
    nanos: AtomicU64,
}

impl Pace {
    /// A pace at which a batch takes this long; zero does not bound batches.
    pub(super) fn new(batch: Duration) -> Self {
        Self { batch, nanos: AtomicU64::new(nanos(batch / FIRST)) }
    }

    /// Notes how long a batch took.
    pub(super) fn note(&self, objects: usize, took: Duration) {
        let new = nanos(took) / (objects.max(1) as u64);
        let old = self.nanos.load(Ordering::Relaxed);
        // Two batches that end together may lose one of the notes; the next one comes soon.
        self.nanos.store(old.saturating_mul(3).saturating_add(new) / 4, Ordering::Relaxed);
    }

    /// Objects of the next batch, at most `most`.
    pub(super) fn objects(&self, most: usize) -> usize {
        if self.batch.is_zero() {
            return most.max(1);
        }
        let objects = nanos(self.batch) / self.nanos.load(Ordering::Relaxed).max(1);
        usize::try_from(objects).unwrap_or(usize::MAX).min(most).max(1)
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BATCH: Duration = Duration::from_millis(20);

    #[test]
    fn quick_stages_get_full_batches() {
        let pace = Pace::new(BATCH);
        assert_eq!(pace.objects(512), 16);
        for _ in 0..20 {
            pace.note(16, Duration::from_micros(50));
        }
        assert_eq!(pace.objects(512), 512);
    }

    #[test]
    fn slow_stages_get_batches_that_end_soon() {
        let pace = Pace::new(BATCH);
        for _ in 0..20 {
            let objects = pace.objects(512);
            pace.note(objects, Duration::from_millis(5) * u32::try_from(objects).unwrap());
        }
        assert_eq!(pace.objects(512), 4);
        pace.note(1, Duration::MAX);
        assert_eq!(pace.objects(512), 1);
    }

    #[test]
    fn without_a_time_batches_are_as_full_as_they_may() {
        let pace = Pace::new(Duration::ZERO);
        pace.note(1, Duration::from_secs(1));
        assert_eq!(pace.objects(512), 512);
    }
}
