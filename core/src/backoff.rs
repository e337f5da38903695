//! `Backoff`: delays between the tries of one thing.

use std::time::Duration;

/// The first delay: long enough for a connection to come back, short against any deadline.
const FIRST: Duration = Duration::from_millis(20);

/// The longest delay.
const LONGEST: Duration = Duration::from_secs(5);

/// Delays that grow, jittered and capped, until there is no time left.
#[derive(Debug, Clone)]
pub struct Backoff {
    next: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { next: FIRST }
    }
}

impl Backoff {
    /// The delay before the next try, at least `least`; `None` when it would not end within the
    /// time that is `left`. `drawn` is a random number from 0 to 1: half of the delay is drawn,
    /// so that those who failed together do not come back together.
    pub fn next(
        &mut self,
        left: Duration,
        least: Option<Duration>,
        drawn: f64,
    ) -> Option<Duration> {
        let jittered = self.next.mul_f64(0.5 + drawn.clamp(0.0, 1.0) / 2.0);
        self.next = (self.next * 2).min(LONGEST);
        let delay = jittered.max(least.unwrap_or_default());
        (delay < left).then_some(delay)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_and_end_before_the_time_does() {
        let minute = Duration::from_secs(60);
        let mut backoff = Backoff::default();
        let first = backoff.next(minute, None, 0.3).unwrap();
        assert!(first >= FIRST / 2 && first <= FIRST);
        for _ in 0..20 {
            assert!(backoff.next(minute, None, 1.0).unwrap() <= LONGEST);
        }
        assert_eq!(backoff.next(minute, Some(minute / 2), 0.0), Some(minute / 2));
        assert_eq!(backoff.next(minute, Some(minute), 0.0), None);
    }
}
