//! Builds the fixtures into components, and the clients' code from the services' definitions.

use anyhow::{Context as _, Result};
use std::{env, path::Path, path::PathBuf};

fn main() -> Result<()> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("..");
    fixtures(&root)?;
    clients(&root.join("proto"))
}

fn fixtures(root: &Path) -> Result<()> {
    for path in component_build::watched(root).iter().chain([&root.join("tests/fixtures")]) {
        println!("cargo:rerun-if-changed={}", path.display());
    }
    let built = component_build::build(root, &component_build::FIXTURES)?;
    let folder = built.first().and_then(|path| path.parent()).context("no fixture was built")?;
    println!("cargo:rustc-env=FRAMEDB_COMPONENTS={}", folder.display());
    Ok(())
}

fn clients(proto: &Path) -> Result<()> {
    println!("cargo:rerun-if-changed={}", proto.display());
    let files = [proto.join("framedb.proto"), proto.join("framedb/edge/v1/ingest.proto")];
    let descriptors = protox::compile(files, [proto])?;
    let mut prost = tonic_prost_build::Config::new();
    prost.bytes(["."]);
    tonic_prost_build::configure()
        .build_server(false)
        .compile_fds_with_config(descriptors, prost)?;
    // The service that `resolve-grpc` asks is a test's own.
    let resolver = protox::compile([proto.join("framedb/resolve/v1/resolver.proto")], [proto])?;
    tonic_prost_build::configure().build_client(false).compile_fds(resolver)?;
    Ok(())
}
