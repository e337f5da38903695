//! `Steps`: what a long command is doing, how long it took, and how to repeat what failed.

use anyhow::{Context as _, Result};
use std::time::{Duration, Instant};

/// The steps of one command. They speak on standard error, so that a step's own output on
/// standard output stays whole.
#[derive(Debug)]
pub(crate) struct Steps {
    started: Instant,
}

impl Steps {
    /// Begins to count.
    pub(crate) fn new() -> Self {
        Self { started: Instant::now() }
    }

    /// Runs a step, and says how long it took; `repeat` is the command that runs it alone.
    pub(crate) fn step<T>(
        &self,
        name: &str,
        repeat: &str,
        run: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        let started = Instant::now();
        let done = self.last(name, repeat, run)?;
        let (took, all) = (seconds(started.elapsed()), seconds(self.started.elapsed()));
        eprintln!("   {name}: ok in {took}, {all} in all");
        Ok(done)
    }

    /// As [`Steps::step`], but silent after success: the step's own last line is the command's.
    pub(crate) fn last<T>(
        &self,
        name: &str,
        repeat: &str,
        run: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        eprintln!("== {name}");
        run().with_context(|| format!("the step `{name}` failed; to repeat it alone: {repeat}"))
    }
}

/// A duration for people.
pub(crate) fn seconds(duration: Duration) -> String {
    match duration.as_secs() {
        0 => format!("{} ms", duration.as_millis()),
        whole @ 60.. => format!("{} min {} s", whole / 60, whole % 60),
        _ => format!("{:.1} s", duration.as_secs_f64()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_step_says_how_to_repeat_it() {
        let failed: Result<()> =
            Steps::new().step("fmt", "cargo fmt", || Err(anyhow::anyhow!("not formatted")));
        let error = format!("{:#}", failed.unwrap_err());
        assert_eq!(error, "the step `fmt` failed; to repeat it alone: cargo fmt: not formatted");
    }

    #[test]
    fn durations_are_short() {
        assert_eq!(seconds(Duration::from_millis(240)), "240 ms");
        assert_eq!(seconds(Duration::from_millis(1240)), "1.2 s");
        assert_eq!(seconds(Duration::from_secs(125)), "2 min 5 s");
    }
}
