//! The bounds of all buckets, whatever keeps them.

use super::{BucketError, Result};

/// Bytes of a key.
pub const KEY_BYTES: usize = 1 << 10;

/// Bytes of a value.
pub const VALUE_BYTES: usize = 1 << 20;

/// Keys of one call. A guest that has more makes several calls.
pub const BATCH_KEYS: usize = 10_000;

/// Bytes of the values that one call reads, or of the keys and values that it writes.
pub const BATCH_BYTES: usize = 16 << 20;

/// Bytes up to which a write is one step.
pub const COMMIT_BYTES: usize = BATCH_BYTES;

/// Keys of a page.
pub const PAGE_KEYS: usize = 1000;

/// How much of a key a message shows.
const SHOWN: usize = 80;

/// Refuses a key that is too long.
pub(super) fn check_key(key: &str) -> Result<()> {
    if key.len() <= KEY_BYTES {
        return Ok(());
    }
    let (shown, length) = (shown(key), key.len());
    Err(BucketError::refused(format!(
        "the key {shown} has {length} bytes, and {KEY_BYTES} is the most"
    )))
}

/// Refuses a value that is too long.
pub(super) fn check_value(key: &str, length: usize) -> Result<()> {
    if length <= VALUE_BYTES {
        return Ok(());
    }
    let shown = shown(key);
    Err(BucketError::refused(format!(
        "the value of {shown} has {length} bytes, and {VALUE_BYTES} is the most"
    )))
}

/// Refuses a call for too many keys.
pub(super) fn check_count(keys: usize) -> Result<()> {
    if keys <= BATCH_KEYS {
        return Ok(());
    }
    Err(BucketError::refused(format!(
        "{keys} keys in one call, and {BATCH_KEYS} are the most: make several calls"
    )))
}

/// Refuses a call that reads or writes too much.
pub(super) fn check_bytes(bytes: usize) -> Result<()> {
    if bytes <= BATCH_BYTES {
        return Ok(());
    }
    Err(BucketError::refused(format!(
        "{bytes} bytes in one call, and {BATCH_BYTES} are the most: make several calls"
    )))
}

/// A key for a message.
pub(super) fn shown(key: &str) -> String {
    let cut = if key.chars().nth(SHOWN).is_some() { "…" } else { "" };
    format!("`{}{cut}`", key.chars().take(SHOWN).flat_map(char::escape_debug).collect::<String>())
}
