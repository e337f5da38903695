//! Generates the client of `framedb.resolve.v1`.

use std::{env, error::Error, path::Path};

fn main() -> Result<(), Box<dyn Error>> {
    let proto = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("../../proto");
    let file = proto.join("framedb/resolve/v1/resolver.proto");
    println!("cargo:rerun-if-changed={}", file.display());
    let descriptors = protox::compile([file], [proto])?;
    tonic_prost_build::configure()
        .build_server(false)
        // Requests go over the node's connections.
        .build_transport(false)
        .compile_fds(descriptors)?;
    Ok(())
}
