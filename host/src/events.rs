//! `Events`: how much of what happens over and over the log is told.
//!
//! A call that fails costs a guest next to nothing, and a line of the log is kept: one that asks
//! for what it may not have, over and over, would fill the disk.

use parking_lot::Mutex;
use std::time::{Duration, Instant};

/// Events that are told in a [`WINDOW`], unless more are said.
const TOLD: u32 = 50;

const WINDOW: Duration = Duration::from_secs(10);

/// Counts events of one kind, and lets as many through as a log can take.
#[derive(Debug)]
pub(crate) struct Events {
    most: u32,
    /// Held for a few sums.
    present: Mutex<Present>,
}

#[derive(Debug, Default)]
struct Present {
    /// When the present window began.
    since: Option<Instant>,
    told: u32,
    /// Events since the last one that was told.
    untold: u64,
}

impl Default for Events {
    fn default() -> Self {
        Self::at_most(TOLD)
    }
}

impl Events {
    /// As many as this are told in ten seconds.
    pub(crate) fn at_most(most: u32) -> Self {
        Self { most, present: Mutex::default() }
    }

    /// Whether an event is to be told: then how many were not, since the last one that was, if
    /// some were not.
    pub(crate) fn tell(&self) -> Option<Option<u64>> {
        let untold = self.tell_at(Instant::now())?;
        Some((untold > 0).then_some(untold))
    }

    fn tell_at(&self, now: Instant) -> Option<u64> {
        let mut present = self.present.lock();
        let open = present.since.is_some_and(|since| now.saturating_duration_since(since) < WINDOW);
        if !open {
            (present.since, present.told) = (Some(now), 0);
        }
        if present.told == self.most {
            present.untold += 1;
            return None;
        }
        present.told += 1;
        Some(std::mem::take(&mut present.untold))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_much_for_a_window_is_counted_and_told_in_the_next() {
        let (events, start) = (Events::default(), Instant::now());
        for _ in 0..TOLD {
            assert_eq!(events.tell_at(start), Some(0));
        }
        for n in 1..=7 {
            assert_eq!(events.tell_at(start + Duration::from_secs(n)), None);
        }
        assert_eq!(events.tell_at(start + WINDOW), Some(7));
        assert_eq!(events.tell_at(start + WINDOW), Some(0));
    }
}
