//! Where guests are built from, and to.

use std::{
    env,
    path::{Path, PathBuf},
};

/// The target that all guests are built for.
pub(crate) const TARGET: &str = "wasm32-wasip2";

/// The profile that all guests are built with, from the workspace's `Cargo.toml`.
pub(crate) const PROFILE: &str = "guest";

/// Where [`build`](crate::build) puts the components of the workspace at `root`.
#[must_use]
pub fn components_dir(root: &Path) -> PathBuf {
    target_dir(root).join("components")
}

/// What the plugins are made of, for `cargo:rerun-if-changed`.
#[must_use]
pub fn watched(root: &Path) -> Vec<PathBuf> {
    ["components", "core", "proto", "wit", "Cargo.lock", "Cargo.toml", "rust-toolchain.toml"]
        .iter()
        .map(|path| root.join(path))
        .collect()
}

/// The target directory of the nested cargos.
pub(crate) fn guests_dir(root: &Path) -> PathBuf {
    target_dir(root).join("guests")
}

/// What cargo makes of a guest.
pub(crate) fn artifact(root: &Path, package: &str) -> PathBuf {
    let file = format!("{}.wasm", package.replace('-', "_"));
    guests_dir(root).join(TARGET).join(PROFILE).join(file)
}

fn target_dir(root: &Path) -> PathBuf {
    // Joining an absolute path replaces the root.
    root.join(env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_watched_path_exists() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        for path in watched(&root) {
            assert!(path.exists(), "{}", path.display());
        }
    }

    #[test]
    fn an_artifact_has_the_name_that_cargo_gives_it() {
        assert!(artifact(Path::new("/w"), "a-b").ends_with("guests/wasm32-wasip2/guest/a_b.wasm"));
    }
}
