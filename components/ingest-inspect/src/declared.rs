//! What a payload claims to be, and whether its content says otherwise.

use crate::{
    found::Found,
    structured::{is_cbor, is_json},
};
use framedb_core::essence;

/// Why `data`, declared as `declared` and found to be `found`, is refused; none when the two
/// agree, or when nothing is known about what was declared.
pub(crate) fn contradiction(declared: &str, found: Option<Found>, data: &[u8]) -> Option<String> {
    let essence = essence(declared).to_ascii_lowercase();
    let agrees = agrees(&essence, found, data);
    (!agrees).then(|| {
        let found = found.map_or("of no known type", Found::content_type);
        let shown: String = declared.chars().take(100).collect();
        format!("declared as {shown}, but the content is {found}: declare what it is, or nothing")
    })
}

/// Whether content that was found to be `found` may be of a type.
fn agrees(essence: &str, found: Option<Found>, data: &[u8]) -> bool {
    let (_, suffix) = essence.rsplit_once('+').unwrap_or_default();
    match essence {
        "image/jpeg" | "image/jpg" | "image/pjpeg" => found == Some(Found::Jpeg),
        "image/png" => found == Some(Found::Png),
        "image/webp" => found == Some(Found::Webp),
        "image/gif" => found == Some(Found::Gif),
        "video/mp4" => found == Some(Found::Mp4),
        "video/webm" | "video/x-matroska" | "video/matroska" => {
            matches!(found, Some(Found::Matroska | Found::Webm))
        }
        "application/json" => found == Some(Found::Json) || is_json(data),
        _ if suffix == "json" => found == Some(Found::Json) || is_json(data),
        "application/cbor" => found == Some(Found::Cbor) || is_cbor(data),
        _ if suffix == "cbor" => found == Some(Found::Cbor) || is_cbor(data),
        // Texts have many encodings: only what is known to be something else is none.
        _ if is_text_type(essence) => found.is_none_or(Found::is_textual),
        // Of other pictures, films and sound nothing is known but what they are not. JPEG and PNG
        // have several names, and some that build on them.
        image if image.starts_with("image/") => match found {
            Some(Found::Jpeg) => ["jp", "mpo"].iter().any(|name| image.contains(name)),
            Some(Found::Png) => image.contains("png"),
            Some(found) => !found.is_image() && !found.is_video(),
            None => true,
        },
        av if av.starts_with("video/") || av.starts_with("audio/") => {
            !found.is_some_and(Found::is_image)
        }
        _ => true,
    }
}

/// Whether content of a type is text.
pub(crate) fn is_text_type(essence: &str) -> bool {
    let named =
        ["application/json", "application/xml", "application/javascript", "application/yaml"];
    essence.starts_with("text/")
        || essence.ends_with("+xml")
        || essence.ends_with("+json")
        || named.contains(&essence)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(declared: &str, data: &[u8]) -> bool {
        contradiction(declared, Found::in_bytes(data), data).is_some()
    }

    #[test]
    fn content_that_is_not_what_was_declared_is_refused() {
        let jpeg = b"\xff\xd8\xff\xe0";
        assert!(refused("image/png", jpeg));
        assert!(refused("text/plain", jpeg));
        assert!(refused("image/jpeg", b"\0\0"));
        assert!(refused("Application/JSON; charset=utf-8", b"{'a': None}"));
        assert!(refused("application/cbor", b"text"));
        let png = b"\x89PNG\r\n\x1a\n";
        for declared in ["image/tiff", "image/bmp", "audio/mp4", "application/ld+json", "text/csv"]
        {
            assert!(refused(declared, png), "{declared}");
        }
        assert!(refused("image/tiff", b"\0\0\0\x18ftypisom\0\0\0\0"));
        let message = contradiction("image/png", Some(Found::Jpeg), jpeg).unwrap();
        assert!(message.contains("image/png") && message.contains("image/jpeg"), "{message}");
    }

    #[test]
    fn what_agrees_or_is_unknown_passes() {
        assert!(!refused("image/jpg", b"\xff\xd8\xff\xe0"));
        assert!(!refused("text/csv", b"a,b\n"));
        assert!(!refused("image/svg+xml", b"<svg/>"));
        assert!(!refused("application/ld+json", b"{}"));
        assert!(!refused("image/apng", b"\x89PNG\r\n\x1a\n"));
        assert!(!refused("video/quicktime", b"\0\0\0\x18ftypisom\0\0\0\0"));
        assert!(!refused("text/plain; charset=latin1", b"Gr\xfc\xdfe"));
        assert!(!refused("text/html", b"[1]"));
        assert!(!refused("application/json", b"1"));
        assert!(!refused("application/cbor", b"\x01"));
        assert!(!refused("application/x-point-cloud", b"\xff\xd8\xff\xe0"));
    }
}
