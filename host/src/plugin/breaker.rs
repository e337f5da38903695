//! `Breaker`: a plugin that fails on everything is left alone for a while.
//!
//! Failures count by the key of the object, and only while the plugin succeeds with nothing: one
//! poison object that is sent again and again, or a thousand of them between good ones, stop
//! nobody else. An open breaker refuses at once; when its pause is over, one batch is tried. If
//! that fails as well, the next pause is twice as long.

use crate::telemetry::Telemetry;
use framedb_core::{Failure, FailureClass, Key, Stage};
use parking_lot::Mutex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{
    collections::HashSet,
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

/// `[plugins.NAME.breaker]`: when a plugin that fails on everything is left alone.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct BreakerConfig {
    /// Objects with different keys on which the plugin has to fail in a row, without any success,
    /// for the breaker to open; `0` never opens it.
    pub failures: usize,
    /// How long it is open for the first time; each time that it opens again at once, twice as
    /// long.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "String")]
    pub pause: Duration,
    /// The longest pause.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "String")]
    pub longest_pause: Duration,
}

impl Default for BreakerConfig {
    fn default() -> Self {
        Self {
            // More than a sender's handful of broken objects; few enough that a plugin that hangs
            // on each of them is found within seconds.
            failures: 10,
            pause: Duration::from_secs(1),
            longest_pause: Duration::from_secs(60),
        }
    }
}

/// The breaker of one plugin in one stage, which all its pipelines share: a plugin of several
/// stages may fail in one of them.
pub(crate) struct Breaker {
    plugin: Arc<str>,
    stage: Stage,
    config: BreakerConfig,
    telemetry: Telemetry,
    // Held to look and to note; never across an await.
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Keys of the objects that failed since the last success.
    failed: HashSet<Key>,
    open: Option<Open>,
}

struct Open {
    until: Instant,
    pause: Duration,
    /// Whether a batch is on its way that shall show whether the plugin works again.
    probing: bool,
    /// The last failure.
    error: String,
}

/// The right to call the plugin once. To drop it says nothing of the plugin.
pub(crate) struct Admitted<'a> {
    breaker: &'a Breaker,
    probe: bool,
}

impl Breaker {
    pub(crate) fn new(
        plugin: &str,
        stage: Stage,
        config: &BreakerConfig,
        telemetry: &Telemetry,
    ) -> Self {
        let breaker = Self {
            plugin: plugin.into(),
            stage,
            config: config.clone(),
            telemetry: telemetry.clone(),
            state: Mutex::default(),
        };
        breaker.show(false);
        breaker
    }

    /// Whether the plugin may be called.
    ///
    /// # Errors
    ///
    /// *Unavailable* while the breaker is open, with the time until the plugin is tried again.
    pub(crate) fn admit(&self) -> Result<Admitted<'_>, Failure> {
        let mut state = self.state.lock();
        let Some(open) = &mut state.open else {
            return Ok(Admitted { breaker: self, probe: false });
        };
        let left = open.until.saturating_duration_since(Instant::now());
        if left.is_zero() && !open.probing {
            open.probing = true;
            return Ok(Admitted { breaker: self, probe: true });
        }
        let wait = left.max(self.config.pause.min(Duration::from_secs(1)));
        let mut failure = Failure::new(
            FailureClass::Unavailable,
            self.stage,
            format!(
                "plugin `{}` is not called in {} at present, because it failed again and \
                 again: {} (plugins.{}.breaker); try again in {} s",
                self.plugin,
                self.stage,
                open.error,
                self.plugin,
                wait.as_secs_f64().ceil()
            ),
        );
        failure.retry_after = Some(wait);
        Err(failure)
    }

    /// Why the plugin is not called at present, if so.
    pub(crate) fn problem(&self) -> Option<String> {
        let state = self.state.lock();
        let open = state.open.as_ref()?;
        Some(format!("its breaker is open after failures in a row, the last: {}", open.error))
    }

    pub(crate) fn plugin(&self) -> &str {
        &self.plugin
    }

    fn close(&self, state: &mut State) {
        state.failed.clear();
        if state.open.take().is_some() {
            self.show(false);
            tracing::info!(plugin = &*self.plugin, "a plugin works again; its breaker is closed");
        }
    }

    fn open(&self, state: &mut State, pause: Duration, error: String) {
        // A part of the pause is drawn at random, so that what failed together does not come
        // back together.
        let until = Instant::now() + pause.mul_f64(0.75 + fastrand::f64() / 4.0);
        tracing::warn!(
            plugin = &*self.plugin,
            stage = %self.stage,
            error,
            ?pause,
            "a plugin fails again and again and is left alone; its breaker is open"
        );
        state.failed.clear();
        state.open = Some(Open { until, pause, probing: false, error });
        self.show(true);
        self.telemetry.counter("framedb_plugin_breaker_opened_total", &self.labels()).increment(1);
    }

    fn labels(&self) -> [(&'static str, &str); 2] {
        [("plugin", &self.plugin), ("stage", self.stage.as_str())]
    }

    fn show(&self, open: bool) {
        let gauge = self.telemetry.gauge("framedb_plugin_breaker_open", &self.labels());
        gauge.set(f64::from(u8::from(open)));
    }
}

impl Admitted<'_> {
    /// The plugin judged an object at least.
    pub(crate) fn succeeded(mut self) {
        self.probe = false;
        let mut state = self.breaker.state.lock();
        if state.open.is_some() || !state.failed.is_empty() {
            self.breaker.close(&mut state);
        }
    }

    /// The plugin failed on all of these objects, the last time so.
    pub(crate) fn failed<'k>(mut self, keys: impl Iterator<Item = &'k Key>, error: &str) {
        let probe = std::mem::take(&mut self.probe);
        let breaker = self.breaker;
        let mut state = breaker.state.lock();
        match &state.open {
            Some(open) if probe => {
                let pause = (open.pause * 2).min(breaker.config.longest_pause);
                breaker.open(&mut state, pause, error.to_owned());
            }
            // It was on its way when the breaker opened.
            Some(_) => {}
            None if breaker.config.failures > 0 => {
                let most = breaker.config.failures;
                for key in keys {
                    if state.failed.len() >= most {
                        break;
                    }
                    state.failed.insert(key.clone());
                }
                if state.failed.len() >= most {
                    breaker.open(&mut state, breaker.config.pause, error.to_owned());
                }
            }
            None => {}
        }
    }
}

impl Drop for Admitted<'_> {
    fn drop(&mut self) {
        // A probe that was given up shows nothing: the next batch is one.
        if self.probe
            && let Some(open) = &mut self.breaker.state.lock().open
        {
            open.probing = false;
        }
    }
}

impl fmt::Debug for Breaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Breaker").field("plugin", &self.plugin).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn breaker(pause: Duration) -> Breaker {
        let config = BreakerConfig { failures: 3, pause, longest_pause: 4 * pause };
        Breaker::new("p", Stage::Ingest, &config, &Telemetry::new())
    }

    fn fail(breaker: &Breaker, keys: &[&str]) {
        let keys: Vec<_> = keys.iter().map(|key| Key::new(key).unwrap()).collect();
        breaker.admit().unwrap().failed(keys.iter(), "panicked");
    }

    fn pause(breaker: &Breaker) -> Option<Duration> {
        breaker.state.lock().open.as_ref().map(|open| open.pause)
    }

    #[test]
    fn it_opens_after_failures_on_different_objects_and_none_between_them_succeeded() {
        let breaker = breaker(Duration::from_secs(60));
        for _ in 0..10 {
            fail(&breaker, &["same"]);
        }
        fail(&breaker, &["other"]);
        breaker.admit().unwrap().succeeded();
        fail(&breaker, &["a", "b"]);
        assert!(breaker.problem().is_none());
        fail(&breaker, &["c"]);
        let refused = breaker.admit().err().unwrap();
        assert_eq!(refused.class, FailureClass::Unavailable);
        assert!(refused.retry_after.unwrap() > Duration::from_secs(1));
        assert!(breaker.problem().unwrap().contains("panicked"));
    }

    #[test]
    fn after_its_pause_one_call_is_let_through_and_decides() {
        let breaker = breaker(Duration::ZERO);
        fail(&breaker, &["a", "b", "c"]);
        let probe = breaker.admit().unwrap();
        assert!(breaker.admit().is_err(), "one at a time");
        drop(probe);
        fail(&breaker, &["d"]);
        assert!(breaker.problem().is_some());
        breaker.admit().unwrap().succeeded();
        assert!(breaker.problem().is_none());
    }

    #[test]
    fn pauses_grow_up_to_the_longest() {
        let breaker = breaker(Duration::from_millis(1));
        fail(&breaker, &["a", "b", "c"]);
        for expected in [2, 4, 4] {
            while breaker.admit().map(drop).is_err() {
                std::thread::yield_now();
            }
            fail(&breaker, &["a"]);
            assert_eq!(pause(&breaker), Some(Duration::from_millis(expected)));
        }
    }
}
