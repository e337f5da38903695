//! The serializer: which payloads are worth compressing.

use crate::{frame, probe::Probe};
use framedb_plugin::serialize::{Decoded, Object, Serialize, Stored, Verdict};

const FORMAT: &str = "lz4/1";

/// What the operator sets.
#[derive(Debug, serde::Deserialize)]
#[serde(default)]
pub struct Settings {
    /// `lz4_min_saving`: per cent that a frame must save to be stored, 0 to 99.
    pub min_saving: u8,
    /// `lz4_min_size`: bytes from which a payload is compressed.
    pub min_size: u64,
}

impl Default for Settings {
    fn default() -> Self {
        // Less is not worth a decode at every read; below, the frame's own 19 bytes weigh.
        Self { min_saving: 5, min_size: 64 }
    }
}

/// Compresses what becomes smaller, and leaves the rest as it was sent.
#[derive(Debug)]
pub struct Lz4 {
    settings: Settings,
    probe: Probe,
}

impl Lz4 {
    /// The most bytes that are worth storing in place of `size`.
    fn limit(&self, size: usize) -> usize {
        let kept = 100 - usize::from(self.settings.min_saving);
        // In 64 bits, as a large payload times 100 does not fit the guest's 32.
        usize::try_from(size as u64 * kept as u64 / 100).unwrap_or(size)
    }
}

impl Serialize for Lz4 {
    const NAME: &'static str = "lz4";
    const WRITES: &'static [&'static str] = &[FORMAT];
    type Settings = Settings;

    fn new(settings: Settings) -> Result<Self, String> {
        if settings.min_saving > 99 {
            let found = settings.min_saving;
            return Err(format!("setting `lz4_min_saving` is `{found}`, expected 0 to 99"));
        }
        Ok(Self { settings, probe: Probe::default() })
    }

    async fn encode(&self, object: Object<'_>) -> Verdict {
        let data = object.data;
        let limit = self.limit(data.len());
        if (data.len() as u64) < self.settings.min_size || !self.probe.promises(data, limit) {
            return Verdict::Unchanged;
        }
        match frame::compress(data, limit) {
            Some(frame) => Verdict::bytes(FORMAT, frame),
            None => Verdict::Unchanged,
        }
    }

    async fn decode(&self, stored: Stored) -> Decoded {
        if stored.format != FORMAT {
            return Decoded::reject(format!("serialize-lz4 reads {FORMAT}, not {}", stored.format));
        }
        match frame::decompress(&stored.data) {
            Ok(data) => Decoded::Bytes(data),
            Err(reason) => Decoded::reject(reason),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lz4(min_saving: u8) -> Lz4 {
        Lz4::new(Settings { min_saving, ..Settings::default() }).unwrap()
    }

    #[test]
    fn the_limit_follows_from_the_saving() {
        assert_eq!(lz4(5).limit(1000), 950);
        assert_eq!(lz4(0).limit(1000), 1000);
        assert_eq!(lz4(5).limit(100 << 20), 95 << 20);
    }

    #[test]
    fn a_saving_of_everything_is_refused() {
        let settings = Settings { min_saving: 100, ..Settings::default() };
        assert!(Lz4::new(settings).unwrap_err().contains("lz4_min_saving"));
    }
}
