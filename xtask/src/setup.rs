//! The parts of the toolchain that checks need.

use crate::cargo;
use anyhow::{Result, bail};
use std::process::{Command, Stdio};

/// The subcommands of cargo that checks run, with the components that bring them.
const TOOLS: [(&str, &str); 2] = [("fmt", "rustfmt"), ("clippy", "clippy")];

/// Adds what is missing. The target of the plugins is added where they are built.
pub(crate) fn toolchain() -> Result<()> {
    let missing: Vec<&str> =
        TOOLS.iter().filter(|(tool, _)| !is_there(tool)).map(|(_, component)| *component).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let added = Command::new("rustup")
        .args(["component", "add"])
        .args(&missing)
        .current_dir(cargo::root())
        .status();
    match added {
        Ok(status) if status.success() => Ok(()),
        _ => bail!("the toolchain is incomplete: run `rustup component add {}`", missing.join(" ")),
    }
}

fn is_there(tool: &str) -> bool {
    cargo::command(&[tool, "--version"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}
