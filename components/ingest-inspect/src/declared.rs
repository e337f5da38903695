//! What a payload claims to be, and whether its content says otherwise.

use crate::{
    found::Found,
    iso_media::may_be_mp4,
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
    let is_picture = found.is_some_and(Found::is_image);
    match essence {
        "image/jpeg" | "image/jpg" | "image/pjpeg" | "image/pipeg" => found == Some(Found::Jpeg),
        "image/png" => found == Some(Found::Png),
        "image/webp" => found == Some(Found::Webp),
        "image/gif" => found == Some(Found::Gif),
        "video/mp4" => found == Some(Found::Mp4) || may_be_mp4(data),
        "video/webm" | "video/x-matroska" | "video/matroska" => {
            matches!(found, Some(Found::Matroska | Found::Webm))
        }
        "application/json" => found == Some(Found::Json) || is_json(data),
        _ if suffix == "json" => found == Some(Found::Json) || is_json(data),
        "application/cbor" => found == Some(Found::Cbor) || is_cbor(data),
        _ if suffix == "cbor" => found == Some(Found::Cbor) || is_cbor(data),
        // It begins with `<`.
        "application/xml" | "text/xml" => matches!(found, None | Some(Found::Text)),
        _ if suffix == "xml" => matches!(found, None | Some(Found::Text)),
        // Texts have many encodings: only what is known to be something else is none.
        _ if is_text_type(essence) => found.is_none_or(Found::is_textual),
        // What senders write that know no more.
        "image/*" => is_picture || found.is_none(),
        _ if PICTURES.contains(&essence) => found.is_none_or(|found| found == Found::Cbor),
        _ if FILMS_AND_SOUND.contains(&essence) => {
            found.is_none_or(|found| !found.is_image() && !found.is_textual())
        }
        // It may be written in letters from end to end.
        "application/pdf" => matches!(found, None | Some(Found::Text)),
        "application/zip" | "application/gzip" => found.is_none(),
        _ => true,
    }
}

/// Types of pictures that are none of those that are recognised, and are not written in letters.
const PICTURES: [&str; 16] = [
    "image/avif",
    "image/bmp",
    "image/heic",
    "image/heic-sequence",
    "image/heif",
    "image/heif-sequence",
    "image/jp2",
    "image/jxl",
    "image/tiff",
    "image/vnd.adobe.photoshop",
    "image/vnd.microsoft.icon",
    "image/x-adobe-dng",
    "image/x-bmp",
    "image/x-icon",
    "image/x-ms-bmp",
    "image/x-tiff",
];

/// Types of films and sound that are not written in letters; the files of some are like MP4 or
/// Matroska.
const FILMS_AND_SOUND: [&str; 24] = [
    "audio/aac",
    "audio/flac",
    "audio/mp3",
    "audio/mp4",
    "audio/mpeg",
    "audio/ogg",
    "audio/opus",
    "audio/vnd.wave",
    "audio/wav",
    "audio/wave",
    "audio/webm",
    "audio/x-flac",
    "audio/x-wav",
    "video/3gpp",
    "video/3gpp2",
    "video/mp2t",
    "video/mpeg",
    "video/ogg",
    "video/quicktime",
    "video/x-flv",
    "video/x-m4v",
    "video/x-matroska-3d",
    "video/x-ms-wmv",
    "video/x-msvideo",
];

/// Whether a type of pictures or of lists of films is written in letters.
fn is_written(essence: &str) -> bool {
    let written = ["mpegurl", "scpls", "xpixmap", "xbitmap", "portable-", "dxf"];
    written.iter().any(|name| essence.contains(name))
}

/// Whether content of a type is text.
fn is_text_type(essence: &str) -> bool {
    let named =
        ["json", "xml", "javascript", "ecmascript", "yaml", "toml", "sql", "ndjson", "jsonl"];
    let application = essence.strip_prefix("application/");
    let named =
        application.is_some_and(|name| named.contains(&name.strip_prefix("x-").unwrap_or(name)));
    named
        || essence.starts_with("text/")
        || essence.ends_with("+xml")
        || essence.ends_with("+json")
        || is_written(essence)
}

/// The type to note of content that agrees with what was declared: of texts, of JSON and CBOR in
/// other words, and of what is in a film's file, its sender knows more.
pub(crate) fn noted(declared: Option<&str>, found: Found) -> String {
    let known_better = |declared: &&str| {
        let essence = declared.to_ascii_lowercase();
        let (main, suffix) = essence.split_once('/').unwrap_or_default();
        let is = |what: &str| suffix == what || suffix.ends_with(&format!("+{what}"));
        match found {
            Found::Text => is_text_type(&essence) || is("cbor"),
            Found::Json => is("json"),
            Found::Cbor => is("cbor"),
            film if film.is_video() => matches!(main, "video" | "audio") && suffix != "*",
            _ => false,
        }
    };
    let declared = declared.map(essence).filter(known_better);
    declared.unwrap_or(found.content_type()).to_owned()
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
        for declared in ["application/pdf", "application/x-yaml", "application/x-ndjson"] {
            assert!(refused(declared, png), "{declared}");
        }
        assert!(refused("image/tiff", b"\0\0\0\x18ftypisom\0\0\0\0"));
        for declared in ["image/tiff", "audio/wav", "video/quicktime", "application/xml"] {
            assert!(refused(declared, b"{\"a\":1}"), "{declared}");
        }
        let message = contradiction("image/png", Some(Found::Jpeg), jpeg).unwrap();
        assert!(message.contains("image/png") && message.contains("image/jpeg"), "{message}");
    }

    #[test]
    fn what_is_noted_agrees_with_what_was_declared() {
        for (declared, found, expected) in [
            (None, Found::Text, "text/plain"),
            (Some("Text/CSV; charset=utf-8"), Found::Text, "Text/CSV"),
            (Some("image/tiff"), Found::Text, "text/plain"),
            (Some("application/cbor"), Found::Text, "application/cbor"),
            (Some("application/x-ndjson"), Found::Text, "application/x-ndjson"),
            (Some("application/ld+json"), Found::Json, "application/ld+json"),
            (Some("text/csv"), Found::Json, "application/json"),
            (Some("video/3gpp"), Found::Mp4, "video/3gpp"),
            (Some("application/x-mine"), Found::Mp4, "video/mp4"),
            (Some("image/pipeg"), Found::Jpeg, "image/jpeg"),
        ] {
            assert_eq!(noted(declared, found), expected, "{declared:?}");
        }
    }

    #[test]
    fn what_agrees_or_is_unknown_passes() {
        let jpeg = b"\xff\xd8\xff\xe0";
        assert!(!refused("image/jpg", b"\xff\xd8\xff\xe0"));
        assert!(!refused("text/csv", b"a,b\n"));
        assert!(!refused("image/svg+xml", b"<svg/>"));
        assert!(!refused("image/*", jpeg) && !refused("*/*", jpeg));
        assert!(!refused("image/x-portable-pixmap", b"P3 1 1 1 0 0 0\n"));
        assert!(!refused("application/pdf", b"%PDF-1.7\n%%EOF\n"));
        assert!(!refused("application/vnd.apple.mpegurl", b"#EXTM3U\n"));
        assert!(!refused("video/mp4", b"\0\0\x01\x10moof\0\0\0\x10mfhd"));
        assert!(!refused("application/ld+json", b"{}"));
        assert!(!refused("image/apng", b"\x89PNG\r\n\x1a\n"));
        // Nobody knows what a type of one's own looks like.
        assert!(!refused("image/x-mine", b"payload") && !refused("image/x-mine", jpeg));
        assert!(!refused("video/quicktime", b"\0\0\0\x18ftypisom\0\0\0\0"));
        assert!(!refused("text/plain; charset=latin1", b"Gr\xfc\xdfe"));
        assert!(!refused("text/html", b"[1]"));
        assert!(!refused("application/json", b"1"));
        assert!(!refused("application/cbor", b"\x01"));
        assert!(!refused("application/x-point-cloud", b"\xff\xd8\xff\xe0"));
    }
}
