//! What an operator says of the dead-letter queue.

use bytesize::ByteSize;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `[dead-letters]`: the queue of objects that could not be stored, in the data directory.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct DeadLettersConfig {
    /// Bytes that dead letters may take, payloads and records together. A full queue takes no
    /// more: the sender of an object that does not fit is told so.
    #[schemars(with = "String")]
    pub max_bytes: ByteSize,
}

impl Default for DeadLettersConfig {
    fn default() -> Self {
        // Sixteen of the largest objects, or months of frames that a plugin fails on now and
        // then; small against the disk of any edge device.
        Self { max_bytes: ByteSize::gib(1) }
    }
}
