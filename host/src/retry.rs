//! `Backoff`: delays between tries, within a deadline.

use framedb_core::Backoff as Delays;
use std::time::Duration;
use tokio::time::Instant;

/// The delays between the tries of one thing, until its deadline.
#[derive(Debug, Clone)]
pub(crate) struct Backoff {
    deadline: Instant,
    delays: Delays,
}

impl Backoff {
    pub(crate) fn until(deadline: Instant) -> Self {
        Self { deadline, delays: Delays::default() }
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
        let left = self.deadline.min(end).saturating_duration_since(Instant::now());
        self.delays.next(left, least, fastrand::f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn delays_end_before_the_deadline() {
        let mut backoff = Backoff::until(Instant::now() + Duration::from_secs(60));
        assert_eq!(backoff.next(Some(Duration::from_secs(7))), Some(Duration::from_secs(7)));
        let soon = Instant::now() + Duration::from_secs(6);
        assert_eq!(backoff.next_before(soon, Some(Duration::from_secs(7))), None);
        assert_eq!(backoff.next(Some(Duration::from_secs(61))), None);
    }
}
