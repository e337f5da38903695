//! JSON, CBOR and text: types that have no magic number and are recognised by their grammar.

use minicbor::Decoder;
use serde::{Deserialize as _, de::IgnoredAny};

/// Bytes that are checked; a longer payload counts as what its first part is.
pub(crate) const CHECKED: usize = 64 << 10;

/// CBOR's tag for itself, as it is encoded.
const SELF_DESCRIBED: [u8; 3] = [0xd9, 0xd9, 0xf7];

/// What some programs write before a text, and RFC 8259, section 8.1, lets readers pass over.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// Whether `data` is a JSON object or array; a lone number or word counts as text.
pub(crate) fn is_json_document(data: &[u8]) -> bool {
    let text = data.strip_prefix(BYTE_ORDER_MARK).unwrap_or(data);
    let first = text.iter().find(|byte| !byte.is_ascii_whitespace());
    matches!(first, Some(b'{' | b'[')) && is_json(data)
}

/// Whether `data` is any one JSON value, in UTF-8 as RFC 8259, section 8.1, asks for.
pub(crate) fn is_json(data: &[u8]) -> bool {
    let data = data.strip_prefix(BYTE_ORDER_MARK).unwrap_or(data);
    let (part, cut) = match data.get(..CHECKED) {
        // A number that the cut goes through is none, so that the part ends before it.
        Some(part) if data.len() > CHECKED => (before_number(part), true),
        _ => (data, false),
    };
    let mut json = serde_json::Deserializer::from_slice(part);
    let read = IgnoredAny::deserialize(&mut json).and_then(|_| json.end());
    let is_value = match read {
        Ok(()) => true,
        Err(error) => cut && error.is_eof(),
    };
    is_value && is_utf8(part, cut)
}

/// What is before the number that `part` ends with, if it does.
fn before_number(part: &[u8]) -> &[u8] {
    let of_number = |byte: &u8| byte.is_ascii_digit() || b"+-.eE".contains(byte);
    let end = part.iter().rposition(|byte| !of_number(byte)).map_or(0, |last| last + 1);
    part.get(..end).unwrap_or(part)
}

/// Whether a part of a payload is UTF-8; where it was cut off, up to its last character.
fn is_utf8(part: &[u8], cut: bool) -> bool {
    match std::str::from_utf8(part) {
        Ok(_) => true,
        Err(error) => cut && error.error_len().is_none(),
    }
}

/// Whether `data` is CBOR that says so, or one map or array from end to end.
///
/// Shorter values would claim too many bytes that mean something else.
pub(crate) fn is_cbor_document(data: &[u8]) -> bool {
    let collection = data.len() > 1 && data.first().is_some_and(|b| (0x80..0xc0).contains(b));
    (collection || data.starts_with(&SELF_DESCRIBED)) && is_cbor(data)
}

/// Whether `data` is any one CBOR value.
pub(crate) fn is_cbor(data: &[u8]) -> bool {
    let part = data.get(..CHECKED).unwrap_or(data);
    let mut cbor = Decoder::new(part);
    match cbor.skip() {
        Ok(()) => cbor.position() == data.len(),
        Err(error) => part.len() < data.len() && error.is_end_of_input(),
    }
}

/// Whether `data` is UTF-8 without control characters that texts do not have.
pub(crate) fn is_text(data: &[u8]) -> bool {
    let part = data.get(..CHECKED).unwrap_or(data);
    // Tab, line feed, vertical tab, form feed, carriage return and escape occur in texts.
    let control = |b: &u8| *b < 0x20 && !matches!(b, 0x09..=0x0d | 0x1b) || *b == 0x7f;
    is_utf8(part, part.len() < data.len()) && !part.iter().any(control)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_value_and_nothing_after_it() {
        assert!(is_json(b"1") && is_json(b" [1, {\"a\":null}] "));
        assert!(is_json_document("\u{feff}{}\r\n".as_bytes()));
        assert!(!is_json(b"{\"a\":\"\xff\"}"), "no UTF-8");
        assert!(!is_json(b"[1] [2]") && !is_json(b"[1") && !is_json(b""));
        assert!(is_cbor(b"\x01") && is_cbor(b"\x82\x01\x9f\xff"));
        assert!(!is_cbor(b"\x01\x02") && !is_cbor(b"\x82\x01") && !is_cbor(b""));
    }

    #[test]
    fn of_long_payloads_the_first_part_counts() {
        let json = format!("[\"{}\"]", "é".repeat(CHECKED));
        assert!(is_json(json.as_bytes()));
        // Wherever the cut goes: through numbers, words, escapes and characters.
        for value in ["-0.5e-3,", "1E+2 ,", "true,", "null,", "\"\\u00e9é\",", "{\"a\":[]},"] {
            for ahead in 0..value.len() + 2 {
                let many = value.repeat(CHECKED / value.len() + 2);
                let json = format!("[{}{many}1]", " ".repeat(ahead));
                assert!(is_json(json.as_bytes()), "{value} behind {ahead} spaces");
            }
        }
        assert!(!is_json(format!("[}}{}", "1".repeat(CHECKED)).as_bytes()));
        let text = format!("a{}", "é".repeat(CHECKED));
        assert!(is_text(text.as_bytes()));
        let mut cbor = vec![0x82, 0x5a, 0, 2, 0, 0];
        cbor.resize(6 + (2 << 16), 7);
        cbor.push(1);
        assert!(is_cbor(&cbor));
    }

    #[test]
    fn deep_nesting_is_no_danger() {
        assert!(!is_json(&[b'['; CHECKED - 1]));
        assert!(is_json(&[b'['; CHECKED + 1]));
        assert!(!is_cbor(&[0x81; CHECKED - 1]));
        assert!(!is_cbor(&[0x9f; CHECKED - 1]));
    }
}
