//! `Progress`: a bar on a terminal, and a line when done everywhere.

use super::object::Run;
use crate::steps::seconds;
use indicatif::{ProgressBar, ProgressStyle};
use std::time::Instant;

/// How far a run has come.
#[derive(Debug)]
pub(crate) struct Progress {
    what: String,
    bar: ProgressBar,
    started: Instant,
}

impl Progress {
    /// Begins; `done` is said of the objects at the end.
    pub(crate) fn new(run: Run, done: &str, objects: usize) -> Self {
        let what = format!("{}: {done}", run.name);
        let bar = bar(&what, u64::try_from(objects).unwrap_or(u64::MAX));
        Self { what, bar, started: Instant::now() }
    }

    /// One more object is done.
    pub(crate) fn step(&self) {
        self.bar.inc(1);
    }

    /// Ends, with a line that stays.
    pub(crate) fn finish(&self) {
        let (objects, took) = (self.bar.position(), self.started.elapsed());
        self.bar.finish_and_clear();
        let rate = objects as f64 / took.as_secs_f64().max(f64::MIN_POSITIVE);
        eprintln!("{} {objects} objects in {} ({rate:.0} a second)", self.what, seconds(took));
    }
}

/// A bar on standard error; where that is no terminal, nothing is drawn.
pub(crate) fn bar(what: &str, length: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg:18} {wide_bar} {pos}/{len}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(length).with_style(style).with_message(what.to_owned())
}
