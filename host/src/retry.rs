//! `Backoff`: delays between tries, jittered, capped, within a deadline.

use std::time::Duration;
use tokio::time::Instant;

/// The first delay: long enough for a connection to come back, short against any deadline.
const FIRST: Duration = Duration::from_millis(20);

/// The longest delay.
const LONGEST: Duration = Duration::from_secs(5);

/// The delays between the tries of one thing, until its deadline.
#[derive(Debug, Clone)]
pub(crate) struct Backoff {
    deadline: Instant,
    next: Duration,
}

impl Backoff {
    pub(crate) fn until(deadline: Instant) -> Self {
        Self { deadline, next: FIRST }
    }

    /// The delay before the next try, at least `least`; `None` when the deadline comes first.
    pub(crate) fn next(&mut self, least: Option<Duration>) -> Option<Duration> {
        self.next_before(self.deadline, least)
    }

    /// The same where something else ends earlier than the deadline.
    pub(crate) fn next_before(
        &mut self,
        end: Instant,
        least: Option<Duration>,
    ) -> Option<Duration> {
        // Half of the delay is drawn at random, so that those who failed together do not come
        // back together.
        let jittered = self.next.mul_f64(0.5 + fastrand::f64() / 2.0);
        self.next = (self.next * 2).min(LONGEST);
        let delay = jittered.max(least.unwrap_or_default());
        (Instant::now() + delay < self.deadline.min(end)).then_some(delay)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn delays_grow_and_end_before_the_deadline() {
        let mut backoff = Backoff::until(Instant::now() + Duration::from_secs(60));
        let first = backoff.next(None).unwrap();
        assert!(first >= FIRST / 2 && first <= FIRST);
        for _ in 0..20 {
            assert!(backoff.next(None).unwrap() <= LONGEST);
        }
        assert_eq!(backoff.next(Some(Duration::from_secs(7))), Some(Duration::from_secs(7)));
        let soon = Instant::now() + Duration::from_secs(6);
        assert_eq!(backoff.next_before(soon, Some(Duration::from_secs(7))), None);
        assert_eq!(backoff.next(Some(Duration::from_secs(61))), None);
    }
}
