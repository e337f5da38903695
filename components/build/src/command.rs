//! The nested cargo: what it runs with, and what it must not inherit.

use crate::{
    paths::{PROFILE, TARGET, guests_dir},
    toolchain::Toolchain,
};
use std::{
    env,
    ffi::OsString,
    path::Path,
    process::{Command, Stdio},
};

/// Variables of cargo that a nested cargo needs: where it keeps and finds packages, and how
/// it speaks to the network and to people.
const KEPT: [&str; 7] = [
    "CARGO_HOME",
    "CARGO_NET_",
    "CARGO_HTTP_",
    "CARGO_REGISTRIES_",
    "CARGO_REGISTRY_",
    "CARGO_SOURCE_",
    "CARGO_TERM_",
];

/// Variables beside cargo's own that an outer build sets for itself.
const REMOVED: [&str; 16] = [
    "DEBUG",
    "HOST",
    "MAKEFLAGS",
    "NUM_JOBS",
    "OPT_LEVEL",
    "OUT_DIR",
    "PROFILE",
    "RUSTC",
    "RUSTC_BOOTSTRAP",
    "RUSTC_LINKER",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTC_WRAPPER",
    "RUSTDOC",
    "RUSTDOCFLAGS",
    "RUSTFLAGS",
    "TARGET",
];

/// A command that builds one guest.
pub(crate) fn cargo_build(root: &Path, toolchain: &Toolchain, package: &str) -> Command {
    let mut cargo = Command::new(&toolchain.cargo);
    for (name, _) in env::vars_os() {
        if is_removed(&name.to_string_lossy()) {
            cargo.env_remove(name);
        }
    }
    cargo
        .args(["build", "--package", package, "--lib"])
        .args(["--target", TARGET, "--profile", PROFILE, "--target-dir"])
        .arg(guests_dir(root))
        .env("CARGO_ENCODED_RUSTFLAGS", remapping(root, toolchain))
        .current_dir(root)
        // A build script's standard output is for cargo.
        .stdout(Stdio::null());
    cargo
}

fn is_removed(name: &str) -> bool {
    let cargos = name.starts_with("CARGO_") && !KEPT.iter().any(|kept| name.starts_with(kept));
    cargos || REMOVED.contains(&name)
}

/// The flags that take the folders of this machine out of the component.
fn remapping(root: &Path, toolchain: &Toolchain) -> OsString {
    // Of two that fit the later one counts, so the widest comes first.
    // The library's is for compilers that come with its source: its paths then read as they do
    // without. The last one is for what build scripts generate.
    let library = format!("/rustc/{}", toolchain.commit);
    let folders = [
        (root.to_path_buf(), "/src"),
        (toolchain.cargo_home.join("registry/src"), "/deps"),
        (toolchain.cargo_home.join("git/checkouts"), "/deps"),
        (toolchain.sysroot.join("lib/rustlib/src/rust"), library.as_str()),
        (guests_dir(root), "/target"),
    ];
    let mut flags = OsString::new();
    for (folder, name) in folders {
        if !flags.is_empty() {
            flags.push("\u{1f}");
        }
        flags.push("--remap-path-prefix=");
        flags.push(folder);
        flags.push("=");
        flags.push(name);
    }
    flags
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outer_builds_variables_stay_outside() {
        for name in ["CARGO_ENCODED_RUSTFLAGS", "CARGO_PKG_NAME", "RUSTFLAGS", "TARGET"] {
            assert!(is_removed(name), "{name}");
        }
        for name in ["CARGO_HOME", "CARGO_NET_OFFLINE", "PATH", "RUSTUP_TOOLCHAIN", "CARGO"] {
            assert!(!is_removed(name), "{name}");
        }
    }
}
