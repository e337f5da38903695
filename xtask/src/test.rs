//! `cargo xtask test`: every check, from a fresh clone; what CI runs.
//!
//! The quick checks come first, and the test runner last, so that its closing line closes the
//! output. Everything is built in one target directory and in the dev profile, because the
//! engine takes minutes to compile.

use crate::{
    cargo, check, components, demo::Demo, docs, packages, python, setup, steps::Steps, tally,
};
use anyhow::Result;

// One failure does not hide the next.
const TESTS: [&str; 3] = ["test", "--workspace", "--no-fail-fast"];

/// Runs every check.
pub(crate) fn run() -> Result<()> {
    let steps = Steps::new();
    steps.step("set-up", "cargo xtask test", || {
        setup::toolchain()?;
        packages::install()?;
        python::environment()
    })?;
    // Also adds the target of the plugins, before many cargos look for it.
    steps.step("components", "cargo xtask components", components::build_all)?;
    check::style(&steps)?;
    let node = steps.step("build", "cargo build", || cargo::node(false))?;
    steps.step("docs", "cargo xtask docs, and commit what it changed", || docs::check(&node))?;
    steps.step("demo", "cargo xtask demo --seconds 1", || Demo::short().run_on(&node))?;
    steps.last("tests", &cargo::line(&TESTS), || tally::run(&TESTS))
}
