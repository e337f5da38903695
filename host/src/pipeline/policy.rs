//! What becomes of an object that was not stored: an operator's policy for each class of
//! failures.

use framedb_core::FailureClass;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{fmt, time::Duration};

/// What becomes of an object that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Its sender is told, and that is all.
    Answer,
    /// The plugin is asked again, with a growing delay, as often as `retries` allows.
    Retry,
    /// It is kept in the dead-letter queue, and its sender told so.
    DeadLetter,
    /// It goes on as if the plugin that failed were not there.
    Pass,
    /// The pipeline takes no objects until an operator resumes it.
    Halt,
}

/// `[pipelines.NAME.policy]`: what becomes of an object that failed, by the class of the failure:
/// `answer`, `retry`, `dead-letter`, `pass` or `halt`.
///
/// What a door refuses, a full node and an outcome that is unknown are answered always.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct PolicyConfig {
    /// A plugin refused it.
    pub reject: Action,
    /// A plugin asked for retries until the deadline, or the object waited too long.
    pub retry: Action,
    /// A plugin failed on it.
    pub trap: Action,
    /// A plugin exceeded a limit on it.
    pub limit: Action,
    /// It breaks a rule after a plugin has seen it, as a placement at an instance that is not
    /// there.
    pub invalid: Action,
    /// It is too large for its engine.
    pub too_large: Action,
    /// An engine or the registry could not be used, or the plugin is left alone because it failed
    /// again and again.
    pub unavailable: Action,
    /// An engine or the registry refuses what the node asks of it.
    pub denied: Action,
    /// Whether senders get a success for an object that is kept as a dead letter. The message has
    /// the letter's id.
    pub ack: bool,
    /// How `retry` goes on.
    pub retries: RetriesConfig,
}

/// `[pipelines.NAME.policy.retries]`: how `retry` goes on. The object's deadline
/// (`limits.deadline`) bounds it as well.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct RetriesConfig {
    /// How often an object is tried again.
    pub times: u32,
    /// The least delay before the first of these tries; it doubles with each.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "String")]
    pub delay: Duration,
    /// What becomes of it when they are used up: `answer`, `dead-letter`, `pass` or `halt`.
    pub then: Action,
}

impl Default for PolicyConfig {
    fn default() -> Self {
        Self {
            reject: Action::Answer,
            retry: Action::Answer,
            // The object may be good and the plugin wrong: what is needed to tell is kept.
            trap: Action::DeadLetter,
            limit: Action::DeadLetter,
            invalid: Action::Answer,
            too_large: Action::Answer,
            unavailable: Action::Answer,
            denied: Action::Answer,
            ack: false,
            retries: RetriesConfig::default(),
        }
    }
}

impl Default for RetriesConfig {
    fn default() -> Self {
        // What passes by itself has passed after half a second; senders still wait then.
        Self { times: 3, delay: Duration::from_millis(100), then: Action::DeadLetter }
    }
}

impl PolicyConfig {
    /// What becomes of an object that failed so.
    pub(crate) fn action(&self, class: FailureClass) -> Action {
        match class {
            FailureClass::Reject => self.reject,
            FailureClass::Retry => self.retry,
            FailureClass::Trap => self.trap,
            FailureClass::Limit => self.limit,
            FailureClass::Invalid => self.invalid,
            FailureClass::TooLarge => self.too_large,
            FailureClass::Unavailable => self.unavailable,
            FailureClass::Denied => self.denied,
            // Nothing was accepted, or it may be stored.
            FailureClass::Unsupported | FailureClass::Busy | FailureClass::Unknown => {
                Action::Answer
            }
        }
    }

    /// The same where the object cannot be tried again, nor go on without a plugin.
    pub(crate) fn last_action(&self, class: FailureClass) -> Action {
        let action = match self.action(class) {
            Action::Retry => self.retries.then,
            action => action,
        };
        if action == Action::Pass { Action::Answer } else { action }
    }

    /// What makes no sense, each as the end of a sentence that begins with the key of the policy.
    pub(crate) fn problems(&self) -> impl Iterator<Item = String> {
        let never =
            |key: &str, action: Action, why: &str| format!(".{key} is \"{action}\", and {why}");
        let mut problems = Vec::new();
        if self.retry == Action::Retry {
            let why = "these objects were tried until their deadline already";
            problems.push(never("retry", self.retry, why));
        }
        for (key, action) in [("too-large", self.too_large), ("denied", self.denied)] {
            if matches!(action, Action::Retry | Action::Pass) {
                problems.push(never(key, action, "an engine would refuse the object again"));
            }
        }
        if self.retries.then == Action::Retry {
            let why = "that would have no end";
            problems.push(never("retries.then", self.retries.then, why));
        }
        problems.into_iter()
    }
}

impl RetriesConfig {
    /// The least delay before the next try of an object that was tried again `tries` times; `None`
    /// when they are used up.
    pub(crate) fn delay_after(&self, tries: u32) -> Option<Duration> {
        (tries < self.times).then(|| self.delay.saturating_mul(1 << tries.min(16)))
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Answer => "answer",
            Self::Retry => "retry",
            Self::DeadLetter => "dead-letter",
            Self::Pass => "pass",
            Self::Halt => "halt",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tries_have_a_budget_and_growing_delays() {
        let retries =
            RetriesConfig { times: 2, delay: Duration::from_secs(1), ..Default::default() };
        let delays = [0, 1, 2].map(|tries| retries.delay_after(tries).map(|delay| delay.as_secs()));
        assert_eq!(delays, [Some(1), Some(2), None]);
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        assert_eq!(PolicyConfig::default().problems().count(), 0);
        let policy = PolicyConfig {
            retry: Action::Retry,
            denied: Action::Pass,
            retries: RetriesConfig { then: Action::Retry, ..RetriesConfig::default() },
            ..PolicyConfig::default()
        };
        let problems: Vec<_> = policy.problems().collect();
        assert_eq!(problems.len(), 3, "{problems:?}");
        assert!(problems[1].starts_with(".denied is \"pass\""), "{problems:?}");
    }

    #[test]
    fn what_was_not_accepted_or_may_be_stored_is_answered() {
        let policy = PolicyConfig { unavailable: Action::Retry, ..PolicyConfig::default() };
        assert_eq!(policy.action(FailureClass::Busy), Action::Answer);
        assert_eq!(policy.action(FailureClass::Unknown), Action::Answer);
        assert_eq!(policy.last_action(FailureClass::Unavailable), Action::DeadLetter);
    }
}
