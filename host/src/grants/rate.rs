//! `Rate`: how much a plugin may do in a second, as buckets that refill.
//!
//! The field's crate for this, governor, counts whole cells of whole nanoseconds: ten mebibytes
//! a second come out wrong by half a percent, a gibibyte is no rate at all, and what a server
//! answered cannot be counted after the fact. Two numbers and a clock are enough for it.

use super::{RateConfig, Refusal, Section};
use parking_lot::Mutex;
use std::time::{Duration, Instant};

/// The rate of one grant, over all instances of the plugin.
#[derive(Debug)]
pub struct Rate {
    section: Section,
    said: RateConfig,
    calls: Option<f64>,
    bytes: Option<f64>,
    /// Held for a few sums, never over a wait.
    level: Mutex<Level>,
}

/// What is left to use.
#[derive(Debug)]
struct Level {
    calls: f64,
    bytes: f64,
    /// When it was last counted; none before the first call.
    at: Option<Instant>,
}

impl Rate {
    pub(super) fn new(section: Section, config: RateConfig) -> Self {
        #[allow(
            clippy::cast_precision_loss,
            reason = "beyond 2^53 bytes a second, nobody counts single ones"
        )]
        let bytes = config.bytes.map(|bytes| bytes.as_u64() as f64);
        let calls = config.calls.map(|calls| f64::from(calls.get()));
        let level =
            Level { calls: calls.unwrap_or_default(), bytes: bytes.unwrap_or_default(), at: None };
        Self { section, said: config, calls, bytes, level: Mutex::new(level) }
    }

    /// Takes a call that sends so many bytes. A single call may be larger than a second's bytes:
    /// those after it wait until it is made up for.
    ///
    /// # Errors
    ///
    /// When the second is used up, with the time after which it may be tried again; nothing is
    /// taken then.
    pub fn take(&self, bytes: usize, now: Instant) -> Result<(), Refusal> {
        if self.calls.is_none() && self.bytes.is_none() {
            return Ok(());
        }
        let mut level = self.level.lock();
        self.refill(&mut level, now);
        if let Some(rate) = self.calls
            && level.calls < 1.0
        {
            let after = wait(1.0 - level.calls, rate);
            let what = format!("more than {rate} calls in a second");
            let bytes = self.said.bytes.map(|bytes| format!(", bytes = \"{bytes}\""));
            let line = format!("rate = {{ calls = …{} }}", bytes.unwrap_or_default());
            return Err(self.section.refuse_until(what, line, after));
        }
        if let Some(rate) = self.bytes
            && level.bytes <= 0.0
        {
            let after = wait(1.0 - level.bytes, rate);
            let what = format!("more than {rate} bytes in a second");
            let calls = self.said.calls.map(|calls| format!("calls = {calls}, "));
            let line = format!("rate = {{ {}bytes = \"…\" }}", calls.unwrap_or_default());
            return Err(self.section.refuse_until(what, line, after));
        }
        level.calls -= 1.0;
        level.bytes -= count(bytes);
        Ok(())
    }

    /// Counts bytes that a call has received. They are there already, so nothing is refused:
    /// later calls wait until they are made up for.
    pub fn received(&self, bytes: usize, now: Instant) {
        if self.bytes.is_some() {
            let mut level = self.level.lock();
            self.refill(&mut level, now);
            level.bytes -= count(bytes);
        }
    }

    fn refill(&self, level: &mut Level, now: Instant) {
        let passed = level.at.map_or(0.0, |at| now.saturating_duration_since(at).as_secs_f64());
        for (left, rate) in [(&mut level.calls, self.calls), (&mut level.bytes, self.bytes)] {
            let rate = rate.unwrap_or_default();
            *left = (*left + rate * passed).min(rate);
        }
        // A clock reading from before another call's must not count a time twice.
        level.at = level.at.max(Some(now));
    }
}

#[allow(clippy::cast_precision_loss, reason = "no call has 2^53 bytes")]
fn count(bytes: usize) -> f64 {
    bytes as f64
}

fn wait(missing: f64, rate: f64) -> Duration {
    // A rate of nothing never comes; an hour is as good as never, and fits everywhere.
    Duration::try_from_secs_f64(missing / rate).unwrap_or(Duration::from_secs(3600))
}

#[cfg(test)]
mod tests {
    use super::super::RefusalKind;
    use super::*;

    fn rate(text: &str) -> Rate {
        Rate::new(Section::new("p", "redis", "hot"), toml::from_str(text).unwrap())
    }

    #[test]
    fn a_seconds_calls_may_come_at_once_and_come_back_with_time() {
        let (rate, start) = (rate("calls = 10"), Instant::now());
        for _ in 0..10 {
            rate.take(1 << 30, start).unwrap();
        }
        let refusal = rate.take(0, start).unwrap_err();
        assert_eq!(refusal.kind(), RefusalKind::TooFast(Duration::from_millis(100)));
        assert!(refusal.for_guest().contains("[plugins.p.grants.redis.hot]\nrate = { calls = … }"));
        rate.take(0, start + Duration::from_millis(100)).unwrap();
        rate.take(0, start + Duration::from_millis(100)).unwrap_err();
        // An idle minute is worth no more than a second.
        let later = start + Duration::from_secs(60);
        assert_eq!((0..100).take_while(|_| rate.take(0, later).is_ok()).count(), 10);
    }

    #[test]
    fn what_was_received_is_made_up_for_by_later_calls() {
        let (rate, start) = (rate("bytes = '1 kB'"), Instant::now());
        rate.take(100, start).unwrap();
        rate.received(2900, start);
        let Err(refusal) = rate.take(0, start) else { panic!("not refused") };
        assert!(matches!(refusal.kind(), RefusalKind::TooFast(after) if after.as_secs() == 2));
        rate.take(0, start + Duration::from_millis(1999)).unwrap_err();
        rate.take(0, start + Duration::from_millis(2001)).unwrap();
    }

    #[test]
    fn a_clock_that_goes_back_gives_nothing() {
        let (rate, start) = (rate("calls = 1"), Instant::now() + Duration::from_secs(10));
        rate.take(0, start).unwrap();
        rate.take(0, start - Duration::from_secs(5)).unwrap_err();
        rate.take(0, start).unwrap_err();
    }

    #[test]
    fn large_rates_are_as_large_as_they_say() {
        let (rate, start) = (rate("bytes = '8 GiB'"), Instant::now());
        for _ in 0..8 {
            rate.take(1 << 30, start).unwrap();
        }
        rate.take(0, start).unwrap_err();
        rate.take(0, start + Duration::from_millis(1)).unwrap();
    }

    #[test]
    fn without_a_rate_nothing_is_refused() {
        let rate = rate("");
        for _ in 0..10_000 {
            rate.take(usize::MAX, Instant::now()).unwrap();
        }
    }
}
