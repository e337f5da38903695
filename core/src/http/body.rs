//! What becomes of bodies that do not come whole.

use crate::Failure;
use std::time::Duration;

/// The body ended after `read` bytes, of `length` where that is known.
#[must_use]
pub fn truncated(read: u64, length: Option<u64>) -> Failure {
    Failure::invalid(match length {
        Some(length) => format!("the body ended after {read} of {length} bytes"),
        None => format!("the body ended after {read} bytes, before its last chunk"),
    })
}

/// The body has more than the `length` bytes that were declared.
#[must_use]
pub fn longer(length: u64) -> Failure {
    Failure::invalid(format_args!("the body is longer than the {length} bytes declared"))
}

/// Nothing came for as long as a sender may pause.
#[must_use]
pub fn stalled(read: u64, length: Option<u64>, pause: Duration) -> Failure {
    let of = length.map(|length| format!(" of {length}")).unwrap_or_default();
    let pause = humantime::format_duration(pause);
    Failure::invalid(format_args!(
        "the body stalled after {read}{of} bytes: nothing came for {pause}"
    ))
}
