//! What is read back from stores and registries: frames, formats, routes.

use framedb_core::{Codec, Format, Frame, Key, Route, frame, needs_frame, unframe};

/// Reads bytes as everything that is kept as bytes. What can be read is written and read again as
/// the same.
pub(super) fn fuzz(data: &[u8]) {
    frames(data);
    if let Ok(text) = str::from_utf8(data) {
        formats(text);
    }
    if let Ok(route) = serde_json::from_slice::<Route>(data) {
        let written = serde_json::to_vec(&route).unwrap_or_default();
        assert_eq!(serde_json::from_slice(&written).ok(), Some(route));
    }
    if let Ok(key) = Key::from_bytes(data) {
        assert_eq!(key.as_str().as_bytes(), data);
    }
}

fn frames(data: &[u8]) {
    match unframe(data) {
        Frame::Raw(raw) if !needs_frame(data) => assert_eq!(raw, data),
        Frame::Raw(raw) => assert_eq!(unframe(&frame(None, raw)), Frame::Raw(raw)),
        Frame::Foreign(foreign) => assert_eq!(foreign, data),
        Frame::Coded(codec, payload) => {
            assert_eq!(unframe(&frame(Some(&codec), payload)), Frame::Coded(codec, payload));
        }
    }
    // Whatever a sender sends comes back, framed where it has to be.
    let stored = if needs_frame(data) { frame(None, data) } else { data.to_vec() };
    assert_eq!(unframe(&stored), Frame::Raw(data));
    let (first, rest) = data.split_at_checked(data.len() / 2).unwrap_or_default();
    let Ok(format) = String::from_utf8_lossy(first).parse() else { return };
    let codec = Codec { format, digest: "sha256:00".into() };
    assert_eq!(unframe(&frame(Some(&codec), rest)), Frame::Coded(codec, rest));
}

fn formats(text: &str) {
    if let Ok(format) = text.parse::<Format>() {
        assert_eq!(format.to_string().parse(), Ok(format));
    }
}
