//! The two outputs: data, and everything else.

use anyhow::{Context as _, Result};
use std::io::{self, Write};

/// Prints a line of data.
pub(super) fn data(line: &str) -> Result<()> {
    writeln!(io::stdout().lock(), "{line}").context("cannot write to the standard output")
}

/// Tells the person something; whoever closed the standard error does not want to know.
pub(super) fn note(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// A number of things: `1 dead letter`, `2 dead letters`.
pub(super) fn count(number: u64, what: &str) -> String {
    let s = if number == 1 { "" } else { "s" };
    format!("{number} {what}{s}")
}

/// Bytes for people: `12.3 KiB`.
pub(super) fn size(bytes: u64) -> String {
    bytesize::ByteSize::b(bytes).display().iec().to_string()
}
