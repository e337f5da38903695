//! Cargo, run on this workspace, and the node's binary that it builds.

use anyhow::{Context as _, Result, ensure};
use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// What `cargo run` says of xtask's own package. A build script that looks at one of these
/// would run again each time that xtask and a person take turns.
const OWN: [&str; 5] =
    ["CARGO_BIN_", "CARGO_CRATE_", "CARGO_MANIFEST_", "CARGO_PKG_", "CARGO_PRIMARY_"];

/// The workspace's folder.
pub(crate) fn root() -> PathBuf {
    // Cargo says where the package is now; the compiler only where it was.
    let package = env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    package.parent().map_or(package.clone(), Path::to_path_buf)
}

/// Where cargo puts what it builds.
pub(crate) fn target_dir() -> PathBuf {
    // Joining an absolute path replaces the root.
    root().join(env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into()))
}

/// Cargo with these arguments, in the workspace's folder.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if OWN.iter().any(|own| text.starts_with(own)) {
            cargo.env_remove(name);
        }
    }
    cargo.args(arguments).current_dir(root());
    cargo
}

/// Runs cargo; it says on standard error what goes wrong.
pub(crate) fn run(arguments: &[&str]) -> Result<()> {
    let line = line(arguments);
    let status = command(arguments).status().with_context(|| format!("run `{line}`"))?;
    ensure!(status.success(), "`{line}` ended with {status}");
    Ok(())
}

/// How a person would write it.
pub(crate) fn line(arguments: &[&str]) -> String {
    format!("cargo {}", arguments.join(" "))
}

/// Builds the node, with optimisations or without, and returns its binary.
pub(crate) fn node(release: bool) -> Result<PathBuf> {
    let mut arguments = vec![
        "build",
        // With the whole workspace, so that its dependencies are built once for it and the tests.
        "--workspace",
        "--bin",
        "framedb",
        "--message-format=json-render-diagnostics",
    ];
    if release {
        arguments.push("--release");
    }
    // Progress goes to standard error, for people; messages to standard output, for us.
    let output = command(&arguments)
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("run `{}`", line(&arguments)))?;
    ensure!(output.status.success(), "build the node: cargo said why above");
    executable(&String::from_utf8_lossy(&output.stdout))
        .context("build the node: cargo named no executable")
}

/// The last executable that cargo's messages name.
fn executable(messages: &str) -> Option<PathBuf> {
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter_map(|message| Some(PathBuf::from(message.get("executable")?.as_str()?)))
        .next_back()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_is_where_the_lock_file_is() {
        assert!(root().join("Cargo.lock").is_file());
    }

    #[test]
    fn the_executable_is_found_among_cargos_messages() {
        let messages = "{\"reason\":\"compiler-artifact\",\"executable\":null}\nnot json\n\
                        {\"reason\":\"compiler-artifact\",\"executable\":\"/t/framedb\"}\n\
                        {\"reason\":\"build-finished\",\"success\":true}\n";
        assert_eq!(executable(messages), Some(PathBuf::from("/t/framedb")));
        assert_eq!(executable(""), None);
    }
}
