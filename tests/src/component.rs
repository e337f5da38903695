//! Components: the fixtures and the built-in plugins, as files and as bytes.

use bytes::Bytes;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// The component of a fixture, by the name of its folder.
#[must_use]
pub fn fixture(name: &str) -> Bytes {
    read(&fixture_path(name))
}

/// The file of a fixture's component.
#[must_use]
pub fn fixture_path(name: &str) -> PathBuf {
    component_path(&format!("fixture-{name}"))
}

/// The component of a plugin that the node brings along.
#[must_use]
pub fn component(name: &str) -> Bytes {
    read(&component_path(name))
}

/// The file of a plugin's component.
#[must_use]
pub fn component_path(name: &str) -> PathBuf {
    Path::new(env!("FRAMEDB_COMPONENTS")).join(format!("{name}.wasm"))
}

/// Where all test nodes keep compiled plugins, so that each is compiled once.
#[must_use]
pub fn cache_dir() -> PathBuf {
    Path::new(env!("FRAMEDB_COMPONENTS")).join("../test-cache")
}

/// A directory of its own for a test. A node that a test drops may still be closing its files
/// when the directory is removed; what is left of it is then in the target directory.
pub(crate) fn scratch() -> TempDir {
    let scratch = Path::new(env!("FRAMEDB_COMPONENTS")).join("../test-scratch");
    std::fs::create_dir_all(&scratch).unwrap();
    tempfile::tempdir_in(scratch.canonicalize().unwrap()).unwrap()
}

fn read(path: &Path) -> Bytes {
    std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())).into()
}
