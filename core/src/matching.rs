//! Patterns and rules: which objects a pipeline, or a routing rule, is for.

use crate::{Kind, essence};
use serde::{Deserialize, Serialize};
use wildmatch::WildMatch;

/// A text with wildcards: `*` stands for any characters, `?` for one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct Pattern(WildMatch);

impl Pattern {
    /// Whether `text` fits.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        self.0.matches(text)
    }
}

impl From<String> for Pattern {
    fn from(pattern: String) -> Self {
        Self(WildMatch::new(&pattern))
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> Self {
        pattern.0.to_string()
    }
}

/// Which objects something is for: every condition that is given must hold.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct Rule {
    /// Pattern of the source.
    pub source: Option<Pattern>,
    /// The kind that the sender asked for.
    pub kind: Option<Kind>,
    /// Pattern of the instance that the sender named.
    pub framedb_id: Option<Pattern>,
    /// Pattern of the content type, as in `image/*`; parameters, as in `; charset=utf-8`, may be
    /// left out.
    pub content_type: Option<Pattern>,
    /// Pattern of the key.
    pub key: Option<Pattern>,
    /// Least payload, in bytes.
    pub min_size: Option<u64>,
    /// Largest payload, in bytes.
    pub max_size: Option<u64>,
}

/// What rules look at.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// The key.
    pub key: &'a str,
    /// The source; empty when nobody said.
    pub source: &'a str,
    /// The kind the sender asked for.
    pub kind: Option<Kind>,
    /// The instance the sender named.
    pub framedb_id: Option<&'a str>,
    /// Declared or found.
    pub content_type: Option<&'a str>,
    /// Bytes of payload.
    pub size: u64,
}

impl Rule {
    /// Whether the rule is for an object of which this is known.
    #[must_use]
    pub fn matches(&self, facts: &Facts<'_>) -> bool {
        fn fits(pattern: Option<&Pattern>, text: Option<&str>) -> bool {
            pattern.is_none_or(|p| text.is_some_and(|t| p.matches(t)))
        }
        fits(self.source.as_ref(), Some(facts.source))
            && self.kind.is_none_or(|kind| facts.kind == Some(kind))
            && fits(self.framedb_id.as_ref(), facts.framedb_id)
            && (fits(self.content_type.as_ref(), facts.content_type)
                || fits(self.content_type.as_ref(), facts.content_type.map(media_type).as_deref()))
            && fits(self.key.as_ref(), Some(facts.key))
            && self.min_size.is_none_or(|least| facts.size >= least)
            && self.max_size.is_none_or(|most| facts.size <= most)
    }
}

/// What a content type says apart from its parameters, as types are usually written.
fn media_type(content_type: &str) -> String {
    essence(content_type).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FACTS: Facts<'_> = Facts {
        key: "cam-1/7",
        source: "cam-1",
        kind: Some(Kind::Storage),
        framedb_id: None,
        content_type: Some("image/jpeg"),
        size: 10,
    };

    fn rule(json: &str) -> Rule {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn every_given_condition_must_hold() {
        assert!(Rule::default().matches(&FACTS));
        assert!(rule(r#"{"source":"cam-*","content-type":"image/*"}"#).matches(&FACTS));
        assert!(!rule(r#"{"source":"cam-*","content-type":"text/*"}"#).matches(&FACTS));
        assert!(rule(r#"{"kind":"storage","key":"cam-?/*","min-size":10}"#).matches(&FACTS));
        assert!(!rule(r#"{"max-size":9}"#).matches(&FACTS));
    }

    #[test]
    fn content_types_fit_with_and_without_their_parameters() {
        let csv = Facts { content_type: Some("Text/CSV; charset=utf-8"), ..FACTS };
        assert!(rule(r#"{"content-type":"text/csv"}"#).matches(&csv));
        assert!(rule(r#"{"content-type":"*charset=utf-8"}"#).matches(&csv));
        assert!(!rule(r#"{"content-type":"text/plain"}"#).matches(&csv));
    }

    #[test]
    fn a_condition_on_what_is_absent_does_not_hold() {
        assert!(!rule(r#"{"framedb-id":"*"}"#).matches(&FACTS));
    }
}
