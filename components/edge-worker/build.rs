//! Makes the messages of `framedb.ObjectService` from their definition.

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let proto = "../../proto";
    println!("cargo:rerun-if-changed={proto}/framedb.proto");
    let descriptors = protox::compile([format!("{proto}/framedb.proto")], [proto])?;
    let mut messages = prost_build::Config::new();
    // Payloads are slices of what came, not copies.
    messages.bytes(["."]);
    messages.compile_fds(descriptors)?;
    Ok(())
}
