//! `Evidence`: with what a plugin failed on an object, so that it can fail again elsewhere.

use super::letter::Sent;
use crate::plugin::Record;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// With what a plugin failed on an object, when it was alone with it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Evidence {
    /// The object as the plugin saw it.
    pub seen: Seen,
    /// What the plugin was told meanwhile.
    #[serde(flatten)]
    pub record: Record,
}

/// An object as a plugin saw it, behind those that had changed it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Seen {
    /// Its envelope.
    pub envelope: Sent,
    /// How often it had been tried, this time included.
    pub attempt: u32,
    /// Its bytes, in base64, where they were others than those that were sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(serialize_with = "write", deserialize_with = "read")]
    pub data: Option<Bytes>,
}

/// What a letter says of its evidence, which is kept beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recorded {
    /// Bytes that it takes.
    pub bytes: u64,
    /// Calls into capabilities.
    pub calls: usize,
    /// Readings of clocks.
    pub readings: usize,
    /// Whether there was more than the plugin's limit `record` has room for.
    pub truncated: bool,
}

impl Recorded {
    pub(super) fn of(evidence: &Evidence, bytes: usize) -> Self {
        let Record { calls, wall_clock, monotonic_clock, truncated, .. } = &evidence.record;
        Self {
            bytes: bytes as u64,
            calls: calls.len(),
            readings: wall_clock.len() + monotonic_clock.len(),
            truncated: *truncated,
        }
    }
}

fn write<S: Serializer>(data: &Option<Bytes>, serializer: S) -> Result<S::Ok, S::Error> {
    data.as_ref().map(|data| STANDARD.encode(data)).serialize(serializer)
}

fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Bytes>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    let bytes = text.map(|text| STANDARD.decode(text).map(Bytes::from).map_err(D::Error::custom));
    bytes.transpose()
}
