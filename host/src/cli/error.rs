//! Errors as a person reads them, once, at the top; and what the process ends with.

use anyhow::Error;
use std::{fmt, io, process::ExitCode};

/// What the process ends with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done.
    Done = 0,
    /// Tried, and failed.
    Failed = 1,
    /// Not tried: the arguments make no sense.
    Misused = 2,
    /// A component asked for something else than is recorded.
    Otherwise = 3,
}

/// Arguments that make no sense together; what clap cannot see.
#[derive(Debug)]
pub(super) struct Misuse(pub(super) String);

impl fmt::Display for Misuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Misuse {}

/// A component asked for something else than is recorded, and how so.
#[derive(Debug)]
pub(super) struct Otherwise(pub(super) String);

impl fmt::Display for Otherwise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the component asked for something else than is recorded: {}", self.0)
    }
}

impl std::error::Error for Otherwise {}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Prints an error with its causes and what to do about it.
pub(crate) fn report(error: &Error) -> Exit {
    let exit = exit(error);
    if exit != Exit::Done {
        super::output::note(&text(error));
    }
    exit
}

fn exit(error: &Error) -> Exit {
    let broken_pipe = |cause: &(dyn std::error::Error + 'static)| {
        cause.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe)
    };
    if error.chain().any(broken_pipe) {
        // Whoever read the output has enough of it.
        Exit::Done
    } else if error.chain().any(|cause| cause.is::<Misuse>()) {
        Exit::Misused
    } else if error.chain().any(|cause| cause.is::<Otherwise>()) {
        Exit::Otherwise
    } else {
        Exit::Failed
    }
}

fn text(error: &Error) -> String {
    let mut text = format!("error: {error}");
    for cause in error.chain().skip(1).map(ToString::to_string) {
        // Some libraries' errors say their cause themselves.
        if !text.ends_with(&cause) {
            text.push_str(&format!("\n  caused by: {cause}"));
        }
    }
    let hints = error.chain().filter_map(|cause| {
        cause.downcast_ref::<framedb_host::Error>().and_then(framedb_host::Error::hint)
    });
    for hint in hints {
        text.push_str(&format!("\nhint: {hint}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use framedb_host::ErrorKind;

    #[test]
    fn an_error_reads_from_the_top_with_its_causes_and_a_hint() {
        let error = framedb_host::Error::new(ErrorKind::Conflict, "the address is in use")
            .with_hint("choose another with --http")
            .with_source(io::Error::other("os error 98"));
        let error = Error::new(error).context("cannot start");
        assert_eq!(
            text(&error),
            "error: cannot start\n  caused by: the address is in use\n  caused by: os error 98\n\
             hint: choose another with --http"
        );
        assert_eq!(exit(&error), Exit::Failed);
        assert_eq!(exit(&Misuse("no key".into()).into()), Exit::Misused);
        let pipe = io::Error::from(io::ErrorKind::BrokenPipe);
        assert_eq!(exit(&Error::new(pipe).context("cannot write")), Exit::Done);
    }
}
