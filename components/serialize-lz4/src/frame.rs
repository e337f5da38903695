//! LZ4 frames with their content size, written and read within bounds.

use lz4_flex::frame::{FrameDecoder, FrameEncoder, FrameInfo};
use std::io::{self, Read as _, Write};

/// The most bytes that one byte of a block can stand for.
const MAX_RATIO: u64 = 255;

/// The flag of a frame that says its content size, in the byte after the magic number.
const HAS_CONTENT_SIZE: u8 = 1 << 3;

/// A frame of `data`, or none when it would be longer than `limit`.
pub(crate) fn compress(data: &[u8], limit: usize) -> Option<Vec<u8>> {
    let info = FrameInfo::new().content_size(Some(data.len() as u64));
    let output = Bounded { bytes: Vec::with_capacity(limit.min(data.len() / 2)), limit };
    let mut encoder = FrameEncoder::with_frame_info(info, output);
    encoder.write_all(data).ok()?;
    Some(encoder.finish().ok()?.bytes)
}

/// What `frame` holds, never more than it declares.
///
/// # Errors
///
/// Says why the bytes are no LZ4 frame.
pub(crate) fn decompress(frame: &[u8]) -> Result<Vec<u8>, String> {
    // The decoder takes no bytes for no frames, and so for nothing wrong.
    if frame.is_empty() {
        return Err("read the LZ4 frame: there are no bytes".into());
    }
    let most = frame.len() as u64 * MAX_RATIO;
    let declared = content_size(frame);
    if let Some(size) = declared.filter(|&size| size > most) {
        return Err(format!("the LZ4 frame declares {size} bytes, more than it can hold"));
    }
    let size = declared.unwrap_or(most);
    let mut data = Vec::new();
    let expected = usize::try_from(declared.unwrap_or_default()).unwrap_or(usize::MAX);
    data.try_reserve_exact(expected)
        .map_err(|_| format!("the LZ4 frame holds {size} bytes, more than there is memory"))?;
    let mut decoder = FrameDecoder::new(frame).take(size);
    decoder.read_to_end(&mut data).map_err(|error| format!("read the LZ4 frame: {error}"))?;
    let more = decoder.into_inner().read(&mut [0]);
    match (more, declared) {
        (Ok(0), Some(size)) if size != data.len() as u64 => {
            Err(format!("the LZ4 frame ends after {} of {size} bytes", data.len()))
        }
        (Ok(0), _) => Ok(data),
        (Ok(_), _) => Err("the LZ4 frame holds more than it declares".into()),
        (Err(error), _) => Err(format!("read the LZ4 frame: {error}")),
    }
}

fn content_size(frame: &[u8]) -> Option<u64> {
    let flags = frame.get(4)?;
    let size = frame.get(6..)?.first_chunk()?;
    (flags & HAS_CONTENT_SIZE != 0).then(|| u64::from_le_bytes(*size))
}

/// Output that ends the compression when it grows too long to be worth it.
struct Bounded {
    bytes: Vec<u8>,
    limit: usize,
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + bytes.len() > self.limit {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_restore_what_they_were_made_of() {
        for length in [500, 1000, 70_000, 5_000_000] {
            let data: Vec<u8> = (0..length).map(|n: u32| (n / 7) as u8).collect();
            let frame = compress(&data, data.len()).unwrap();
            assert!(frame.len() < data.len());
            assert_eq!(content_size(&frame), Some(u64::from(length)));
            assert_eq!(decompress(&frame).unwrap(), data);
        }
    }

    #[test]
    fn a_frame_too_long_to_be_worth_it_is_none() {
        let data = [b'a'; 100];
        assert!(compress(&data, 100).is_some());
        assert!(compress(&data, 20).is_none());
    }

    #[test]
    fn bytes_that_are_no_frame_are_refused() {
        assert!(decompress(b"nothing of the kind").is_err());
        let frame = compress(&[b'a'; 100], 100).unwrap();
        assert!(decompress(&frame[..frame.len() - 6]).is_err());
        assert!(decompress(b"").is_err());
    }

    #[test]
    fn a_frame_that_declares_too_much_or_too_little_is_refused() {
        let encoded = |declared: u64| {
            let info = FrameInfo::new().content_size(Some(declared));
            let mut encoder = FrameEncoder::with_frame_info(info, Vec::new());
            encoder.write_all(&[b'a'; 100]).unwrap();
            // Without the check that the encoder makes at its end.
            encoder.flush().unwrap();
            encoder.get_ref().clone()
        };
        assert!(decompress(&encoded(1 << 40)).unwrap_err().contains("more than it can hold"));
        assert!(decompress(&encoded(50)).is_err());
    }

    #[test]
    fn frames_without_a_content_size_are_read_too() {
        let mut encoder = FrameEncoder::new(Vec::new());
        encoder.write_all(&[b'a'; 100]).unwrap();
        assert_eq!(decompress(&encoder.finish().unwrap()).unwrap(), [b'a'; 100]);
    }
}
