//! `cargo xtask components`: the plugins as components, with their sizes and digests.

use crate::cargo;
use anyhow::{Context as _, Result};
use component_build::{FIXTURES, shipped};
use sha2::{Digest as _, Sha256};
use std::{fmt::Write as _, fs};

/// Builds the plugins, and lists them.
pub(crate) fn run() -> Result<()> {
    for component in component_build::build(&cargo::root(), &shipped())? {
        let bytes =
            fs::read(&component).with_context(|| format!("read {}", component.display()))?;
        let name = component.file_name().unwrap_or_default().to_string_lossy();
        println!("{name:24} {:>8} bytes  sha256:{}", bytes.len(), digest(&bytes));
    }
    Ok(())
}

/// Builds the plugins, and the guests that only tests run.
pub(crate) fn build_all() -> Result<()> {
    component_build::build(&cargo::root(), &[shipped(), FIXTURES.to_vec()].concat())?;
    Ok(())
}

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_written_in_hexadecimal() {
        assert!(digest(b"abc").starts_with("ba7816bf8f01cfea414140de5dae2223"));
    }
}
