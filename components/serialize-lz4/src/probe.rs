//! A quick look at whether a large payload can become smaller at all.

use lz4_flex::block::{CompressTable, compress_into_with_table, get_maximum_output_size};
use std::{cell::RefCell, fmt};

/// Payloads from here on are probed first; smaller ones cost less than being wrong.
const LARGE: usize = 64 << 10;

/// Bytes of each of the three samples.
const SAMPLE: usize = 4 << 10;

/// Compresses samples, and keeps what that needs for the next time.
pub(crate) struct Probe(RefCell<(CompressTable, Vec<u8>)>);

impl Default for Probe {
    fn default() -> Self {
        let output = vec![0; get_maximum_output_size(SAMPLE)];
        Self(RefCell::new((CompressTable::small(), output)))
    }
}

impl fmt::Debug for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Probe").finish_non_exhaustive()
    }
}

impl Probe {
    /// Whether compressing `data` to `limit` bytes is worth trying: one of three samples, from
    /// the start, the middle and the end, saves as much. Photographs and video do not.
    pub(crate) fn promises(&self, data: &[u8], limit: usize) -> bool {
        if data.len() < LARGE {
            return true;
        }
        let (table, output) = &mut *self.0.borrow_mut();
        [0, data.len() / 2, data.len() - SAMPLE].into_iter().any(|start| {
            let sample = data.get(start..start + SAMPLE).unwrap_or_default();
            let size = compress_into_with_table(sample, output, table).unwrap_or(SAMPLE);
            size as u64 * data.len() as u64 <= limit as u64 * SAMPLE as u64
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes without repetitions.
    fn noise(length: usize) -> Vec<u8> {
        let mut state = 1_u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 56) as u8
        };
        (0..length).map(|_| next()).collect()
    }

    #[test]
    fn noise_promises_nothing_and_text_in_one_place_is_found() {
        let probe = Probe::default();
        let mut data = noise(LARGE * 2);
        assert!(!probe.promises(&data, data.len() * 95 / 100));
        data[LARGE..LARGE + SAMPLE].fill(b' ');
        assert!(probe.promises(&data, data.len() * 95 / 100));
    }

    #[test]
    fn small_payloads_are_always_tried() {
        assert!(Probe::default().promises(&noise(100), 95));
    }
}
