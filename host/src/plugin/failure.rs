//! `Broken`: why a call into a plugin ended without verdicts, in words an operator can act on.

use framedb_core::{Failure, FailureClass, Stage};
use std::fmt;
use wasmtime::Trap;

/// Why a call ended without verdicts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Broken {
    /// The guest failed, and how.
    Trap(String),
    /// The guest exceeded a limit.
    Limit(Exceeded),
}

/// A limit that a guest exceeded: also the typed error that ends its call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Exceeded {
    /// The limit's name in `[plugins.NAME.limits]`.
    pub(crate) setting: &'static str,
    /// Its value for this call.
    pub(crate) value: String,
}

impl fmt::Display for Exceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the limit `{}` of {} was exceeded", self.setting, self.value)
    }
}

impl std::error::Error for Exceeded {}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Trap(cause) => f.write_str(cause),
            Self::Limit(exceeded) => exceeded.fmt(f),
        }
    }
}

impl Broken {
    /// Reads the error that a call ended with; `last_line` is what the guest printed last,
    /// which in a panic is its message.
    pub(crate) fn classify(
        error: &wasmtime::Error,
        output: u64,
        last_line: Option<String>,
    ) -> Self {
        if let Some(exceeded) = error.downcast_ref::<Exceeded>() {
            return Self::Limit(exceeded.clone());
        }
        let root = error.root_cause().to_string();
        // This trap has no public type; its text is the only mark.
        if root.contains("fuel allocated for hostcalls") {
            let value = bytesize::ByteSize::b(output).to_string();
            return Self::Limit(Exceeded { setting: "output", value });
        }
        let cause = match error.downcast_ref::<Trap>() {
            Some(Trap::UnreachableCodeReached) => match last_line {
                Some(line) => format!("panicked: {line}"),
                None => "aborted".to_owned(),
            },
            Some(Trap::StackOverflow) => "its call stack overflowed".to_owned(),
            Some(trap) => trap.to_string(),
            None => root,
        };
        Self::Trap(cause)
    }

    /// Whether the call failed by using up its time.
    pub(crate) fn took_its_time(&self) -> bool {
        matches!(self, Self::Limit(exceeded) if matches!(exceeded.setting, "time" | "cpu"))
    }

    /// What metrics count it as.
    pub(crate) fn cause(&self) -> &'static str {
        match self {
            Self::Trap(_) => "trap",
            Self::Limit(exceeded) => exceeded.setting,
        }
    }

    /// The verdict on the object that caused it.
    pub(crate) fn into_failure(self, plugin: &str, stage: Stage) -> Failure {
        match self {
            Self::Trap(cause) => Failure::new(
                FailureClass::Trap,
                stage,
                format!("plugin `{plugin}` failed in {stage}: {cause}"),
            ),
            Self::Limit(Exceeded { setting, value }) => Failure::new(
                FailureClass::Limit,
                stage,
                format!(
                    "plugin `{plugin}` exceeded a limit in {stage}: {value} of {setting} \
                     (plugins.{plugin}.limits.{setting})"
                ),
            ),
        }
    }
}
