//! The binary, as operators use it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail loudly, their helpers too"
)]

mod bench;
mod configuration;
mod crash;
mod dlq;
mod help;
mod offline;
mod plugins;
mod rebinding;
mod reproducing;
mod running;
mod serving;
mod writers;

use framedb_tests::Finished;

/// Looks at all that a command said.
#[track_caller]
fn ended(finished: &Finished, code: i32, stdout: &str, stderr: &str) {
    let all = (finished.code, &*finished.stdout, &*finished.stderr);
    assert_eq!(all, (Some(code), stdout, stderr));
}
