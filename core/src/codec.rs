//! Codec records: how stored bytes find the codec that wrote them.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr, sync::Arc};

/// A serializer's format with its major version, written `lz4/1`.
///
/// What one component writes as a format, every component that reads it understands.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Format {
    name: Arc<str>,
    major: u32,
}

/// Text that is not a format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a format: a name of lower-case letters, digits and hyphens, a slash and a major version, as in `lz4/1`"
)]
pub struct FormatError(String);

/// The codec that wrote stored bytes: a format, and the component that wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Codec {
    /// The format.
    pub format: Format,
    /// `sha256:<hex>` of the component.
    pub digest: Arc<str>,
}

/// What a route says of bytes that a serializer changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodecRecord {
    /// Who wrote them.
    #[serde(flatten)]
    pub codec: Codec,
    /// Their length.
    pub size: u64,
    /// CRC32C of the stored bytes.
    pub crc32c: u32,
}

impl Format {
    /// The longest name a format may have, in bytes.
    pub const MAX_NAME: usize = 64;

    /// The name without the version.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The major version.
    #[must_use]
    pub fn major(&self) -> u32 {
        self.major
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.name, self.major)
    }
}

impl FromStr for Format {
    type Err = FormatError;

    fn from_str(text: &str) -> Result<Self, FormatError> {
        let legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        let refuse = || FormatError(text.chars().take(80).collect());
        let (name, major) = text.split_once('/').ok_or_else(refuse)?;
        let major = major.parse().map_err(|_| refuse())?;
        if name.is_empty() || name.len() > Self::MAX_NAME || !name.bytes().all(legal) {
            return Err(refuse());
        }
        Ok(Self { name: name.into(), major })
    }
}

impl TryFrom<String> for Format {
    type Error = FormatError;

    fn try_from(text: String) -> Result<Self, FormatError> {
        text.parse()
    }
}

impl From<Format> for String {
    fn from(format: Format) -> Self {
        format.to_string()
    }
}

impl CodecRecord {
    /// The record of bytes as they go to the store.
    #[must_use]
    pub fn of(codec: Codec, stored: &[u8]) -> Self {
        Self { codec, size: stored.len() as u64, crc32c: crc32c::crc32c(stored) }
    }

    /// Whether `stored` are the bytes that this record describes.
    #[must_use]
    pub fn matches(&self, stored: &[u8]) -> bool {
        self.size == stored.len() as u64 && self.crc32c == crc32c::crc32c(stored)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_a_name_and_a_major_version() {
        let format: Format = "lz4/1".parse().unwrap();
        assert_eq!((format.name(), format.major()), ("lz4", 1));
        assert_eq!(format.to_string(), "lz4/1");
        for wrong in ["lz4", "/1", "LZ4/1", "lz4/x", "lz4/1/2", ""] {
            assert!(wrong.parse::<Format>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_record_knows_its_bytes() {
        let codec = Codec { format: "lz4/1".parse().unwrap(), digest: "sha256:0".into() };
        let record = CodecRecord::of(codec, b"abc");
        assert!(record.matches(b"abc"));
        assert!(!record.matches(b"abd"));
        assert!(!record.matches(b"abcd"));
    }
}
