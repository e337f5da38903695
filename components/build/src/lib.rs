//! Builds the guests of this repository into components.
//!
//! The node's build script, `xtask` and the tests all call [`build`], so that there is one way
//! to make a component. Each guest is built by a cargo of its own: built together, guests
//! would unify the features of what they share, and a component's digest would depend on its
//! neighbours. Nested cargos get a target directory of their own, because two cargos wait for
//! each other on one; and paths are remapped, so that the same source gives the same digest
//! in two folders.

mod command;
mod paths;
mod toolchain;
mod write;

use anyhow::{Context as _, Result, ensure};
use std::{fs, path::Path, path::PathBuf};

pub use paths::{components_dir, watched};

/// The plugins that the node brings along, by package; each becomes `<package>.wasm`.
pub const PLUGINS: [&str; 11] = [
    "ingest-admit",
    "ingest-dedup",
    "ingest-audit-sql",
    "ingest-inspect",
    "resolve-grpc",
    "resolve-redis-table",
    "resolve-rules",
    "serialize-raw",
    "serialize-lz4",
    "serialize-cbor",
    "pass-through",
];

/// What plugins are composed with, by package: the component that Spin runs, and what makes one
/// ingest plugin of two.
pub const PARTS: [&str; 2] = ["edge-worker", "ingest-chain"];

/// All that the node brings along.
#[must_use]
pub fn shipped() -> Vec<&'static str> {
    [&PLUGINS[..], &PARTS].concat()
}

/// The guests that the tests run, by package.
pub const FIXTURES: [&str; 41] = [
    "fixture-keyvalue",
    "fixture-answers-http",
    "fixture-asks-http",
    "fixture-asks-redis",
    "fixture-asks-sql",
    "fixture-misbehave",
    "fixture-reverse-v1",
    "fixture-reverse-v2",
    "fixture-rot-v2",
    "fixture-told",
    "fixture-wrong-world",
    "fixture-wants-missing",
    "fixture-wants-sockets",
    "fixture-bad-settings",
    "fixture-lifts-plainly",
    "fixture-other-version",
    "fixture-uses-framedb",
    "fixture-evil-dns-rebinding",
    "fixture-evil-endless-stream",
    "fixture-evil-handles",
    "fixture-evil-host-calls",
    "fixture-evil-http-addresses",
    "fixture-evil-http-requests",
    "fixture-evil-huge-list",
    "fixture-evil-huge-string",
    "fixture-evil-late-work",
    "fixture-evil-log",
    "fixture-evil-memory",
    "fixture-evil-pollables",
    "fixture-evil-recursion",
    "fixture-evil-redis-addresses",
    "fixture-evil-redis-command",
    "fixture-evil-redis-key",
    "fixture-evil-spin",
    "fixture-evil-sql-addresses",
    "fixture-evil-sql-comment",
    "fixture-evil-sql-second",
    "fixture-evil-sql-table",
    "fixture-evil-tables",
    "fixture-evil-wait",
    "fixture-evil-wrong-count",
];

/// Builds guests of the workspace at `root`, and returns where their components are: the same
/// as [`components_dir`], one `<package>.wasm` each, in the order given.
///
/// A component whose bytes did not change is not written, so that nothing is built again
/// because of it. Calls from several processes at once are safe.
///
/// # Errors
///
/// When the target `wasm32-wasip2` is missing and cannot be added, when a guest does not
/// compile (cargo has then said why on standard error), or when a file cannot be written.
pub fn build(root: &Path, packages: &[&str]) -> Result<Vec<PathBuf>> {
    let root =
        root.canonicalize().with_context(|| format!("find the workspace at {}", root.display()))?;
    let toolchain = toolchain::Toolchain::find(&root)?;
    let components = components_dir(&root);
    fs::create_dir_all(&components).with_context(|| format!("create {}", components.display()))?;
    packages
        .iter()
        .map(|package| {
            let status = command::cargo_build(&root, &toolchain, package)
                .status()
                .with_context(|| format!("run cargo to build the guest {package}"))?;
            ensure!(status.success(), "build the guest {package}: cargo said why above");
            let artifact = paths::artifact(&root, package);
            let component = components.join(format!("{package}.wasm"));
            write::copy_if_changed(&artifact, &component)?;
            Ok(component)
        })
        .collect()
}
