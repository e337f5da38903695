//! `Broken`: why a call into a plugin ended without verdicts, in words an operator can act on.

use super::{record::Record, secrets::Secrets};
use framedb_core::{Failure, FailureClass, Judge, Stage};
use std::{fmt, sync::Arc};
use wasmtime::{PoolConcurrencyLimitError, Trap, WasmBacktrace};

/// Frames of a backtrace that are kept.
const MAX_FRAMES: usize = 32;

/// Bytes of a frame that are kept: names of generic functions can be long.
const MAX_FRAME: usize = 400;

/// Why a call ended without verdicts.
#[derive(Debug, Clone)]
pub(crate) struct Broken {
    cause: Cause,
    /// What knows where the guest was.
    error: Option<Arc<wasmtime::Error>>,
    /// What it was told until then, if it was alone with an object.
    record: Option<Box<Record>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Cause {
    /// The guest failed, and how.
    Trap(String),
    /// The guest exceeded a limit.
    Limit(Exceeded),
    /// The engine had no room for another instance.
    Room,
}

/// What a plugin's failure is to the object that caused it.
#[derive(Debug, Clone)]
pub(crate) struct Fault {
    /// What its sender is told.
    pub(crate) failure: Failure,
    /// Where the guest was, innermost first.
    pub(crate) backtrace: Vec<String>,
    /// What it was told until then.
    pub(crate) record: Option<Box<Record>>,
}

impl From<Failure> for Fault {
    fn from(failure: Failure) -> Self {
        Self { failure, backtrace: Vec::new(), record: None }
    }
}

impl From<Failure> for Box<Fault> {
    fn from(failure: Failure) -> Self {
        Box::new(failure.into())
    }
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
        match &self.cause {
            Cause::Trap(cause) => f.write_str(cause),
            Cause::Limit(exceeded) => exceeded.fmt(f),
            Cause::Room => f.write_str("there was no room for another instance"),
        }
    }
}

impl Broken {
    /// The guest failed, and how.
    pub(crate) fn trap(how: impl Into<String>) -> Self {
        Self { cause: Cause::Trap(how.into()), error: None, record: None }
    }

    /// The guest exceeded a limit.
    pub(crate) fn limit(exceeded: Exceeded) -> Self {
        Self { cause: Cause::Limit(exceeded), error: None, record: None }
    }

    /// The same with what the guest was told.
    pub(crate) fn with_record(self, record: Option<Record>) -> Self {
        Self { record: record.map(Box::new), ..self }
    }

    /// Reads the error that a call ended with; `last_line` is what the guest printed last,
    /// which in a panic is its message.
    pub(crate) fn classify(error: wasmtime::Error, output: u64, last_line: Option<String>) -> Self {
        let broken = Self::of_error(&error, output, last_line);
        Self { error: Some(Arc::new(error)), ..broken }
    }

    fn of_error(error: &wasmtime::Error, output: u64, last_line: Option<String>) -> Self {
        if let Some(exceeded) = error.downcast_ref::<Exceeded>() {
            return Self::limit(exceeded.clone());
        }
        if error.is::<PoolConcurrencyLimitError>() {
            return Self { cause: Cause::Room, error: None, record: None };
        }
        let root = error.root_cause().to_string();
        // This trap has no public type; its text is the only mark.
        if root.contains("fuel allocated for hostcalls") {
            let value = bytesize::ByteSize::b(output).to_string();
            return Self::limit(Exceeded { setting: "output", value });
        }
        Self::trap(match error.downcast_ref::<Trap>() {
            Some(Trap::UnreachableCodeReached) => match last_line {
                Some(line) => format!("panicked: {line}"),
                None => "aborted".to_owned(),
            },
            Some(Trap::StackOverflow) => "its call stack overflowed".to_owned(),
            Some(trap) => trap.to_string(),
            None => root,
        })
    }

    /// Whether the call failed by using up its time.
    pub(crate) fn took_its_time(&self) -> bool {
        let time = |exceeded: &Exceeded| matches!(exceeded.setting, "time" | "cpu");
        matches!(&self.cause, Cause::Limit(exceeded) if time(exceeded))
    }

    /// Whether no call was made, because the engine had no room for it: neither the plugin's fault
    /// nor an object's.
    pub(crate) fn had_no_room(&self) -> bool {
        self.cause == Cause::Room
    }

    /// What metrics count it as.
    pub(crate) fn cause(&self) -> &'static str {
        match &self.cause {
            Cause::Trap(_) => "trap",
            Cause::Limit(exceeded) => exceeded.setting,
            Cause::Room => "room",
        }
    }

    /// The verdict on the object that caused it.
    pub(crate) fn into_fault(self, plugin: &str, stage: Stage, secrets: &Secrets) -> Fault {
        let mut failure = match self.cause {
            Cause::Trap(cause) => Judge { plugin, stage }.failed(cause),
            Cause::Limit(Exceeded { setting, value }) => Failure::new(
                FailureClass::Limit,
                stage,
                format!(
                    "plugin `{plugin}` exceeded a limit in {stage}: {value} of {setting} \
                     (plugins.{plugin}.limits.{setting})"
                ),
            ),
            Cause::Room => Failure::new(
                FailureClass::Unavailable,
                stage,
                format!(
                    "plugin `{plugin}` was not asked in {stage}: the node has no room for another \
                     instance now"
                ),
            ),
        };
        failure.message = secrets.text(&failure.message);
        // Names are worth their time for the last of many failed calls only, which is this one.
        let backtrace = self.error.as_ref().and_then(|error| error.downcast_ref());
        let backtrace = backtrace.map(frames).unwrap_or_default();
        Fault { failure, backtrace, record: self.record }
    }
}

/// The frames of a backtrace as wasmtime writes them, with readable names: `module!function`.
fn frames(backtrace: &WasmBacktrace) -> Vec<String> {
    let text = backtrace.to_string();
    let frame = |line: &str| {
        // "   0:   0x1f3a - module.wasm!function"
        let (_, rest) = line.split_once(": ")?;
        let name = rest.split_once(" - ").map_or(rest, |(_, name)| name).trim();
        Some(name.chars().take(MAX_FRAME).collect())
    };
    let is_frame =
        |line: &&str| line.trim_start().starts_with(|first: char| first.is_ascii_digit());
    text.lines().filter(is_frame).filter_map(frame).take(MAX_FRAMES).collect()
}
