//! Builds the built-in plugins into components, and the services' code from their definitions.

use anyhow::{Context as _, Result};
use std::{
    env, fs,
    path::{Path, PathBuf},
};

fn main() -> Result<()> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("..");
    components(&root)?;
    services(&root)?;
    resolver(&root.join("proto"))?;
    etcd(&root.join("proto"))
}

fn components(root: &Path) -> Result<()> {
    for path in component_build::watched(root) {
        println!("cargo:rerun-if-changed={}", path.display());
    }
    let built = component_build::build(root, &component_build::shipped())?;
    let folder = built.first().and_then(|path| path.parent()).context("no plugin was built")?;
    println!("cargo:rustc-env=FRAMEDB_COMPONENTS={}", folder.display());
    Ok(())
}

fn services(root: &Path) -> Result<()> {
    let proto = root.join("proto");
    println!("cargo:rerun-if-changed={}", proto.display());
    let files = [proto.join("framedb.proto"), proto.join("framedb/edge/v1/ingest.proto")];
    let descriptors = protox::compile(files, [&proto])?;
    let encoded = prost::Message::encode_to_vec(&descriptors);
    fs::write(PathBuf::from(env::var("OUT_DIR")?).join("descriptors.bin"), encoded)?;
    let mut prost = tonic_prost_build::Config::new();
    // Payloads are slices of what the connection received, not copies.
    prost.bytes(["."]);
    tonic_prost_build::configure().compile_fds_with_config(descriptors, prost)?;
    Ok(())
}

/// The messages of the service that the plugin `resolve-grpc` asks: the bench answers.
fn resolver(proto: &Path) -> Result<()> {
    let file = proto.join("framedb/resolve/v1/resolver.proto");
    let descriptors = protox::compile([file], [proto])?;
    tonic_prost_build::configure()
        .build_client(false)
        .build_server(false)
        .compile_fds(descriptors)?;
    Ok(())
}

/// The client of etcd's API; it is no service of the node, so that reflection does not show it.
fn etcd(proto: &Path) -> Result<()> {
    let descriptors = protox::compile([proto.join("etcd/rpc.proto")], [proto])?;
    let mut prost = tonic_prost_build::Config::new();
    prost.bytes(["."]);
    tonic_prost_build::configure()
        .build_server(false)
        // Whoever prints a request shows no password.
        .skip_debug([".etcdserverpb.AuthenticateRequest", ".etcdserverpb.AuthenticateResponse"])
        .compile_fds_with_config(descriptors, prost)?;
    Ok(())
}
