//! Generates the client of the ingestion service from its definition.

use anyhow::Result;
use std::{env, path::PathBuf};

fn main() -> Result<()> {
    let proto = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("../proto");
    let ingest = proto.join("framedb/edge/v1/ingest.proto");
    println!("cargo:rerun-if-changed={}", ingest.display());
    let descriptors = protox::compile([ingest], [&proto])?;
    let mut prost = tonic_prost_build::Config::new();
    // Payloads are shared with the message, not copied into it.
    prost.bytes(["."]);
    tonic_prost_build::configure()
        .build_server(false)
        .compile_fds_with_config(descriptors, prost)?;
    Ok(())
}
