//! `Pattern`: names that a grant allows, as `dedup:*`.

use super::refusal::shown;
use serde::{Deserialize, Serialize};

/// One name, all names that begin with something (`dedup:*`), or all (`*`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pattern {
    text: String,
    /// Whether the text is the beginning only.
    open: bool,
}

impl Pattern {
    /// Reads `*`, `begin*` or a whole name.
    ///
    /// # Errors
    ///
    /// A star elsewhere, or an empty text.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (start, open) = match text.strip_suffix('*') {
            Some(start) => (start, true),
            None => (text, false),
        };
        if start.contains('*') {
            return Err(format!("{text:?} has a star that is not at its end"));
        }
        if text.is_empty() {
            return Err("an empty text names nothing; `*` is for all".into());
        }
        Ok(Self { text: start.into(), open })
    }

    /// Whether it is for all names.
    #[must_use]
    pub fn is_all(&self) -> bool {
        self.open && self.text.is_empty()
    }

    /// Whether a name is meant.
    #[must_use]
    pub fn matches(&self, name: &[u8]) -> bool {
        match self.open {
            true => name.starts_with(self.text.as_bytes()),
            false => name == self.text.as_bytes(),
        }
    }

    /// Whether every name is meant that begins so.
    #[must_use]
    pub fn covers(&self, start: &[u8]) -> bool {
        self.open && start.starts_with(self.text.as_bytes())
    }

    /// Whether one of several is for a name.
    #[must_use]
    pub fn any_matches(patterns: &[Self], name: &[u8]) -> bool {
        patterns.iter().any(|pattern| pattern.matches(name))
    }
}

impl TryFrom<String> for Pattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<Pattern> for String {
    fn from(Pattern { mut text, open }: Pattern) -> Self {
        text.push_str(if open { "*" } else { "" });
        text
    }
}

/// A line that grants one more name beside those that are granted, for a refusal: it takes the
/// place of the line that is there.
pub(super) fn line<T: Into<String>>(
    key: &str,
    granted: impl IntoIterator<Item = T>,
    name: &str,
) -> String {
    let granted = granted.into_iter().map(|granted| shown(granted.into().as_bytes()));
    let names: Vec<_> =
        granted.chain([name.to_owned()]).map(|name| format!("\"{name}\"")).collect();
    format!("{key} = [{}]", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> Pattern {
        Pattern::parse(text).unwrap()
    }

    #[test]
    fn a_star_at_the_end_is_for_what_begins_so() {
        assert!(pattern("a:*").matches(b"a:1") && pattern("a:*").matches(b"a:"));
        assert!(!pattern("a:*").matches(b"a") && !pattern("a:*").matches(b"A:1"));
        assert!(pattern("*").matches(b"") && pattern("*").is_all());
        assert!(pattern("a").matches(b"a") && !pattern("a").matches(b"ab"));
    }

    #[test]
    fn a_beginning_is_covered_by_a_shorter_one_only() {
        assert!(pattern("a:*").covers(b"a:b") && pattern("a:*").covers(b"a:"));
        assert!(!pattern("a:*").covers(b"a") && !pattern("a:").covers(b"a:"));
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        assert!(Pattern::parse("a*b").is_err() && Pattern::parse("").is_err());
        assert!(Pattern::parse("**").is_err());
    }
}
