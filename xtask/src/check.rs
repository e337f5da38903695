//! `cargo xtask check`: formatting and lints.

use crate::{cargo, setup, steps::Steps};
use anyhow::Result;

const FMT: [&str; 3] = ["fmt", "--all", "--check"];
const CLIPPY: [&str; 6] = ["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"];

/// Runs both checks.
pub(crate) fn run() -> Result<()> {
    let steps = Steps::new();
    setup::toolchain()?;
    style(&steps)
}

/// The checks as steps of a longer command.
pub(crate) fn style(steps: &Steps) -> Result<()> {
    steps.step("fmt", &cargo::line(&FMT), || cargo::run(&FMT))?;
    steps.step("clippy", &cargo::line(&CLIPPY), || cargo::run(&CLIPPY))
}
