//! `Generations`: numbers that grow with every write.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::{SystemTime, UNIX_EPOCH},
};

/// Gives out numbers that grow, across restarts too: microseconds since the Unix epoch, or one
/// more than the last where the clock has not moved on.
///
/// After a restart with a clock that went back, [`Generations::observe`] the generations that
/// are found.
#[derive(Debug, Default)]
pub struct Generations(AtomicU64);

impl Generations {
    /// Numbers that begin at the clock.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A number larger than all before it, given what the clock says.
    pub fn next(&self, now: SystemTime) -> u64 {
        let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = u64::try_from(since.as_micros()).unwrap_or(u64::MAX);
        let after = |last: u64| now.max(last.saturating_add(1));
        let last = self.0.fetch_update(Relaxed, Relaxed, |last| Some(after(last)));
        after(last.unwrap_or_else(|last| last))
    }

    /// Makes the next number larger than `generation`.
    pub fn observe(&self, generation: u64) {
        self.0.fetch_max(generation, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_grow_whatever_the_clock_does() {
        let generations = Generations::new();
        let first = generations.next(SystemTime::now());
        let second = generations.next(SystemTime::now());
        assert!(second > first);
        generations.observe(second + 1_000_000_000);
        assert_eq!(generations.next(SystemTime::now()), second + 1_000_000_001);
    }

    #[test]
    fn threads_never_get_the_same_number() {
        let generations = Generations::new();
        let mut all: Vec<u64> = std::thread::scope(|scope| {
            let take =
                || (0..1000).map(|_| generations.next(SystemTime::now())).collect::<Vec<_>>();
            let threads = [(); 4].map(|()| scope.spawn(take));
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 4000);
    }
}
