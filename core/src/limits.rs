//! The sizes that the rules fix, and those that follow from others.

use std::time::Duration;

/// Bytes a key may have.
pub const MAX_KEY: usize = 255;

/// Bytes of metadata an object may have.
pub const MAX_METADATA: usize = 64 << 10;

/// Attributes an object may have.
pub const MAX_ATTRIBUTES: usize = 64;

/// Bytes an attribute's name may have.
pub const MAX_ATTRIBUTE_NAME: usize = 64;

/// Bytes that an object's attributes may have together, names and values.
pub const MAX_ATTRIBUTE_BYTES: usize = 16 << 10;

/// Bytes of payload an object may have unless the operator says otherwise, as long as payloads
/// cross the sandbox as lists.
pub const DEFAULT_MAX_OBJECT: u64 = 64 << 20;

/// Bytes of memory with which a plugin instance may be used again; with more it is retired,
/// because a linear memory never shrinks.
pub const MAX_RETAINED_MEMORY: usize = 64 << 20;

/// How long the id of a pushed element is remembered.
pub const ID_WINDOW: Duration = Duration::from_secs(600);

/// How many ids of pushed elements a queue remembers at most.
pub const ID_WINDOW_COUNT: usize = 100_000;

/// The least guest memory with which an object of `max_object` bytes can be processed: the
/// payload, a changed copy, and room to grow.
#[must_use]
pub const fn least_guest_memory(max_object: u64) -> u64 {
    max_object.saturating_mul(3)
}

/// What a call over `group` objects of a batch of `batch` may use of something that is limited
/// to `per_object` for each object and `per_batch` for a whole batch.
///
/// A first call gets the per-object value for each object, capped by the batch limit. A replay
/// of a part gets its share of that, never less than the per-object limit, so that an object alone
/// always has its full per-object limit, and no more.
#[must_use]
pub fn allowance(per_object: u64, per_batch: u64, group: usize, batch: usize) -> u64 {
    let (group, batch) = (group.max(1) as u64, batch.max(1) as u64);
    let whole = per_object.saturating_mul(batch).min(per_batch).max(per_object);
    let share = u128::from(whole) * u128::from(group.min(batch)) / u128::from(batch);
    per_object.max(u64::try_from(share).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::allowance;

    #[test]
    fn a_first_call_is_capped_by_the_batch_limit() {
        assert_eq!(allowance(10, 100, 4, 4), 40);
        assert_eq!(allowance(10, 100, 64, 64), 100);
    }

    #[test]
    fn a_replay_gets_its_share_and_an_object_alone_its_full_limit() {
        assert_eq!(allowance(10, 100, 32, 64), 50);
        assert_eq!(allowance(10, 100, 1, 64), 10);
        assert_eq!(allowance(10, 100, 1, 2), 10, "whatever was beside it");
        assert_eq!(allowance(10, 100, 2, 8), 20);
        assert_eq!(allowance(10, 5, 1, 1), 10);
    }
}
