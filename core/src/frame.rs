//! Frames: the small header that carries a codec record where no route can.
//!
//! Queue elements have no route of their own, so changed elements carry the record themselves.
//! Layout: magic (8 bytes), CRC32C of all that follows (4, big endian), length of the
//! descriptor (2, big endian), the descriptor, the payload. The descriptor is the format and
//! the digest of the codec with a space between, or empty for `raw`: bytes that a sender sent
//! and that happen to begin with the magic.

use crate::Codec;

const MAGIC: &[u8; 8] = b"\x89FDBfr1\n";
const HEADER: usize = MAGIC.len() + 4 + 2;

/// What stored bytes turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame<'a> {
    /// Written by a codec; the payload is its output.
    Coded(Codec, &'a [u8]),
    /// The sender's own bytes.
    Raw(&'a [u8]),
    /// Begins like a frame and is none: a foreign writer's bytes, to be returned as they are.
    Foreign(&'a [u8]),
}

/// Whether a sender's unchanged bytes need a frame, because a reader would take them for one.
#[must_use]
pub fn needs_frame(data: &[u8]) -> bool {
    data.starts_with(MAGIC)
}

/// Frames `data`, which `codec` wrote, or which a sender sent as it is.
///
/// The result is not longer than the data by more than 400 bytes.
#[must_use]
pub fn frame(codec: Option<&Codec>, data: &[u8]) -> Vec<u8> {
    let descriptor = codec.map(|c| format!("{} {}", c.format, c.digest)).unwrap_or_default();
    // A format has at most 75 bytes and a digest 71: the length always fits.
    let length = u16::try_from(descriptor.len()).unwrap_or(u16::MAX);
    let mut framed = Vec::with_capacity(HEADER + descriptor.len() + data.len());
    framed.extend_from_slice(MAGIC);
    framed.extend_from_slice(&[0; 4]);
    framed.extend_from_slice(&length.to_be_bytes());
    framed.extend_from_slice(descriptor.as_bytes());
    framed.extend_from_slice(data);
    let crc = crc32c::crc32c(framed.get(MAGIC.len() + 4..).unwrap_or_default());
    if let Some(field) = framed.get_mut(MAGIC.len()..MAGIC.len() + 4) {
        field.copy_from_slice(&crc.to_be_bytes());
    }
    framed
}

/// Reads what [`frame`] wrote; everything else is the sender's, or a foreign writer's.
#[must_use]
pub fn unframe(stored: &[u8]) -> Frame<'_> {
    let Some(rest) = stored.strip_prefix(MAGIC) else { return Frame::Raw(stored) };
    parse(rest).unwrap_or(Frame::Foreign(stored))
}

fn parse(rest: &[u8]) -> Option<Frame<'_>> {
    let (crc, rest) = rest.split_first_chunk::<4>()?;
    if crc32c::crc32c(rest) != u32::from_be_bytes(*crc) {
        return None;
    }
    let (length, rest) = rest.split_first_chunk::<2>()?;
    let (descriptor, data) = rest.split_at_checked(u16::from_be_bytes(*length).into())?;
    if descriptor.is_empty() {
        return Some(Frame::Raw(data));
    }
    let (format, digest) = std::str::from_utf8(descriptor).ok()?.split_once(' ')?;
    Some(Frame::Coded(Codec { format: format.parse().ok()?, digest: digest.into() }, data))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codec() -> Codec {
        Codec { format: "lz4/1".parse().unwrap(), digest: "sha256:ab".into() }
    }

    #[test]
    fn a_frame_carries_its_codec() {
        let framed = frame(Some(&codec()), b"data");
        assert_eq!(unframe(&framed), Frame::Coded(codec(), b"data"));
    }

    #[test]
    fn bytes_that_look_like_a_frame_come_back_as_they_were() {
        let sent = frame(Some(&codec()), b"data");
        assert!(needs_frame(&sent));
        assert_eq!(unframe(&frame(None, &sent)), Frame::Raw(&sent));
    }

    #[test]
    fn plain_bytes_are_raw_and_damaged_frames_foreign() {
        assert_eq!(unframe(b"plain"), Frame::Raw(b"plain"));
        let mut damaged = frame(Some(&codec()), b"data");
        *damaged.last_mut().unwrap() ^= 1;
        assert_eq!(unframe(&damaged), Frame::Foreign(&damaged));
        assert_eq!(unframe(MAGIC), Frame::Foreign(MAGIC));
    }
}
