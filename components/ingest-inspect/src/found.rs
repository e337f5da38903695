//! What a payload is, by its content.

use crate::{iso_media, structured};
use infer::{image, video};

/// A type that is recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    Jpeg,
    Png,
    Webp,
    Gif,
    Mp4,
    Matroska,
    Webm,
    Json,
    Cbor,
    Text,
}

impl Found {
    /// Recognises `data`.
    ///
    /// The first byte decides what is tried, so that bytes of no known type cost next to
    /// nothing, however many they are.
    pub(crate) fn in_bytes(data: &[u8]) -> Option<Self> {
        match *data.first()? {
            0xff if image::is_jpeg(data) => Some(Self::Jpeg),
            0x89 if image::is_png(data) => Some(Self::Png),
            b'R' if data.starts_with(b"RIFF") && image::is_webp(data) => Some(Self::Webp),
            // `infer` takes any text that begins with the three letters.
            b'G' if data.starts_with(b"GIF87a") || data.starts_with(b"GIF89a") => Some(Self::Gif),
            0x1a => matroska(data),
            // The box that begins an MP4 is at most a few hundred bytes long.
            0 if iso_media::is_mp4(data) => Some(Self::Mp4),
            0x80..=0xdf if structured::is_cbor_document(data) => Some(Self::Cbor),
            0..=0x08 | 0x0e..=0x1f => None,
            _ if structured::is_json_document(data) => Some(Self::Json),
            _ => structured::is_text(data).then_some(Self::Text),
        }
    }

    /// The content type of it.
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Webp => "image/webp",
            Self::Gif => "image/gif",
            Self::Mp4 => "video/mp4",
            Self::Matroska => "video/x-matroska",
            Self::Webm => "video/webm",
            Self::Json => "application/json",
            Self::Cbor => "application/cbor",
            Self::Text => "text/plain",
        }
    }

    /// Whether it is a picture, which has a width and a height.
    pub(crate) fn is_image(self) -> bool {
        matches!(self, Self::Jpeg | Self::Png | Self::Webp | Self::Gif)
    }

    /// Whether it is a film.
    pub(crate) fn is_video(self) -> bool {
        matches!(self, Self::Mp4 | Self::Matroska | Self::Webm)
    }

    /// Whether it is text of some sort.
    pub(crate) fn is_textual(self) -> bool {
        matches!(self, Self::Json | Self::Text)
    }
}

/// A Matroska file, or the part of that format that is WebM.
fn matroska(data: &[u8]) -> Option<Found> {
    // `infer` looks for the name of the format in 256 bytes, and wants them all to be there.
    let mut head = [0; 257];
    for (byte, known) in head.iter_mut().zip(data) {
        *byte = *known;
    }
    if video::is_webm(&head) {
        Some(Found::Webm)
    } else {
        video::is_mkv(&head).then_some(Found::Matroska)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_type_is_recognised_by_its_content() {
        let webm = [b"\x1a\x45\xdf\xa3\x9f\x42\x82\x84webm".as_slice(), &[0; 300]].concat();
        for (data, found) in [
            (b"\xff\xd8\xff\xe0".as_slice(), Found::Jpeg),
            (b"\x89PNG\r\n\x1a\n", Found::Png),
            (b"RIFF\x10\0\0\0WEBPVP8 ", Found::Webp),
            (b"GIF89a", Found::Gif),
            (b"\0\0\0\x18ftypisom\0\0\0\0", Found::Mp4),
            (&webm, Found::Webm),
            (b"\x1a\x45\xdf\xa3\x9f\x42\x82\x84webm", Found::Webm),
            (b"\x1a\x45\xdf\xa3\xa3\x42\x82\x88matroska", Found::Matroska),
            (b" {\"a\": [1]}\n", Found::Json),
            (b"\xa1\x61a\x01", Found::Cbor),
            (b"\xd9\xd9\xf7\x01", Found::Cbor),
            ("Grüße\n".as_bytes(), Found::Text),
            (b"GIFT,price\n", Found::Text),
            (b"1", Found::Text),
        ] {
            assert_eq!(Found::in_bytes(data), Some(found), "{data:?}");
        }
    }

    #[test]
    fn other_bytes_are_of_no_type() {
        for data in [b"".as_slice(), b"\0\0\0\0", b"\xff\xfe", b"a\0b", b"\x9f", b"RIFF\xff"] {
            assert_eq!(Found::in_bytes(data), None, "{data:?}");
        }
    }
}
