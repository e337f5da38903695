//! `Key`: the name of an object or a queue, checked once.

use crate::limits::MAX_KEY;
use serde::{Deserialize, Serialize};
use std::{fmt, sync::Arc};

/// What stands between a key and an instance where a URL asks whether that has a copy (contract
/// section 4).
pub(crate) const COPY_EXISTS: &str = "/copy-exists/";

/// The name of an object, or of a queue: 1 to 255 bytes of UTF-8 without control characters
/// that a client can read back over the routing paths.
///
/// Cloning is cheap; the text is shared.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Key(Arc<str>);

/// Why a key is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// It has no characters.
    #[error("the key is empty")]
    Empty,
    /// It is longer than a key may be.
    #[error("the key is {0} bytes long, more than the {MAX_KEY} a key may have")]
    TooLong(usize),
    /// It is not UTF-8.
    #[error("the key is not UTF-8")]
    NotUtf8,
    /// It holds a control character.
    #[error("the key holds the control character {0:?}")]
    Control(char),
    /// It holds a `#`, which clients cut off with all that follows.
    #[error("the key holds `#`: clients paste keys into URLs, where it ends the path")]
    Fragment,
    /// It holds a percent-escape, which is decoded where clients look for the key.
    #[error("the key holds `{0}`: clients paste keys into URLs, where it is another character")]
    Escape(String),
    /// It ends with its first `?`, which clients leave out.
    #[error("the key ends with `?`: clients paste keys into URLs, where nothing follows it")]
    EmptyQuery,
    /// It holds what asks for a copy in a URL.
    #[error("the key holds `{COPY_EXISTS}`: clients that paste it into URLs ask for a copy")]
    CopyExists,
    /// It has a `.` or `..` segment, which clients collapse.
    #[error("the key has a `{0}` segment: clients paste keys into URLs, where it is collapsed")]
    DotSegment(&'static str),
}

impl Key {
    /// Checks `text` and takes it as it is.
    ///
    /// # Errors
    ///
    /// Says which rule the key breaks.
    pub fn new(text: &str) -> Result<Self, KeyError> {
        if text.is_empty() {
            return Err(KeyError::Empty);
        }
        if text.len() > MAX_KEY {
            return Err(KeyError::TooLong(text.len()));
        }
        if let Some(control) = text.chars().find(|c| c.is_control()) {
            return Err(KeyError::Control(control));
        }
        // Frame keys (`cam?1?0__5`) carry question marks: the part before the first one is
        // the path that clients request, the rest travels as the query string.
        if text.contains('#') {
            return Err(KeyError::Fragment);
        }
        // Nobody escapes a percent sign either: pasted as it is, `a%2Fb` asks for `a/b`.
        if let Some(escape) = escape(text) {
            return Err(KeyError::Escape(escape.to_owned()));
        }
        if text.contains(COPY_EXISTS) {
            return Err(KeyError::CopyExists);
        }
        let (path, query) = text.split_once('?').map_or((text, None), |(p, q)| (p, Some(q)));
        if path.is_empty() {
            return Err(KeyError::Empty);
        }
        if query == Some("") {
            return Err(KeyError::EmptyQuery);
        }
        for segment in path.split('/') {
            match segment {
                "." => return Err(KeyError::DotSegment(".")),
                ".." => return Err(KeyError::DotSegment("..")),
                _ => {}
            }
        }
        Ok(Self(text.into()))
    }

    /// Checks bytes from the wire.
    ///
    /// # Errors
    ///
    /// As [`Key::new`], and when the bytes are not UTF-8.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KeyError> {
        Self::new(std::str::from_utf8(bytes).map_err(|_| KeyError::NotUtf8)?)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text, shared.
    #[must_use]
    pub fn shared(&self) -> Arc<str> {
        self.0.clone()
    }

    /// A key that begins as this one does, as far as `end` leaves room for it.
    ///
    /// # Errors
    ///
    /// When `end` breaks a rule of keys.
    pub fn with_end(&self, end: &str) -> Result<Self, KeyError> {
        let most = self.0.floor_char_boundary(MAX_KEY.saturating_sub(end.len()));
        Self::new(&format!("{}{end}", self.0.get(..most).unwrap_or_default()))
    }

    /// The source of a frame key (`<source>?…`), or nothing for other keys.
    #[must_use]
    pub fn frame_source(&self) -> Option<&str> {
        self.0.split_once('?').map(|(source, _)| source)
    }
}

/// The first percent-escape of a text: a percent sign and two hexadecimal digits.
fn escape(text: &str) -> Option<&str> {
    text.match_indices('%').find_map(|(at, _)| {
        let escape = text.get(at..at + 3)?;
        escape.bytes().skip(1).all(|byte| byte.is_ascii_hexdigit()).then_some(escape)
    })
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.0)
    }
}

impl TryFrom<String> for Key {
    type Error = KeyError;

    fn try_from(text: String) -> Result<Self, KeyError> {
        Self::new(&text)
    }
}

impl From<Key> for String {
    fn from(key: Key) -> Self {
        key.0.as_ref().to_owned()
    }
}

impl std::borrow::Borrow<str> for Key {
    fn borrow(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_the_contract_are_legal() {
        for key in [
            "a",
            "a/b",
            "a b",
            "ü",
            "50%",
            "5%off%",
            "cam?1?0__5",
            "a?b?",
            ".hidden",
            "a..b",
            "a//b",
        ] {
            assert_eq!(Key::new(key).unwrap().as_str(), key);
        }
        assert!(Key::new(&"x".repeat(255)).is_ok());
    }

    #[test]
    fn keys_that_no_client_could_read_back_are_refused() {
        assert_eq!(Key::new(""), Err(KeyError::Empty));
        assert_eq!(Key::new("?1"), Err(KeyError::Empty));
        assert_eq!(Key::new("x#y"), Err(KeyError::Fragment));
        assert_eq!(Key::new("a/copy-exists/b"), Err(KeyError::CopyExists));
        assert!(Key::new("copy-exists/b").is_ok() && Key::new("a/copy-exists").is_ok());
        assert_eq!(Key::new("a%2Fb"), Err(KeyError::Escape("%2F".into())));
        assert_eq!(Key::new("100%%41"), Err(KeyError::Escape("%41".into())));
        assert_eq!(Key::new("cam?1%3f"), Err(KeyError::Escape("%3f".into())));
        assert_eq!(Key::new("cam?"), Err(KeyError::EmptyQuery));
        assert_eq!(Key::new("."), Err(KeyError::DotSegment(".")));
        assert_eq!(Key::new("a/../b"), Err(KeyError::DotSegment("..")));
        assert_eq!(Key::new("a\nb"), Err(KeyError::Control('\n')));
        assert_eq!(Key::new(&"x".repeat(256)), Err(KeyError::TooLong(256)));
        assert_eq!(Key::new(&"ü".repeat(128)), Err(KeyError::TooLong(256)));
        assert_eq!(Key::from_bytes(b"\xff"), Err(KeyError::NotUtf8));
    }

    #[test]
    fn another_end_leaves_a_key_as_long_as_keys_may_be() {
        for text in ["k", "cam?1?0__5", &"é".repeat(127), &"x".repeat(255)] {
            let key = Key::new(text).unwrap().with_end("~end").unwrap();
            assert!(key.as_str().len() <= MAX_KEY && key.as_str().ends_with("~end"), "{key}");
            let begin = text.floor_char_boundary(200);
            assert!(key.as_str().starts_with(text.get(..begin).unwrap()), "{key}");
        }
        assert!(Key::new("k").unwrap().with_end("#").is_err());
    }

    #[test]
    fn a_frame_key_names_its_source() {
        assert_eq!(Key::new("cam?1?0__5").unwrap().frame_source(), Some("cam"));
        assert_eq!(Key::new("cam-1/frame-1").unwrap().frame_source(), None);
    }
}
