//! The table of rules: what the operator writes, checked once.

use crate::rendezvous::Candidate;
use framedb_core::{Key, Kind, Rule};
use serde::Deserialize;
use std::time::Duration;

/// One rule: its conditions, and what becomes of objects that fulfil them.
#[derive(Debug, Deserialize)]
#[serde(try_from = "Written")]
pub(crate) struct Entry {
    /// The conditions.
    pub(crate) conditions: Rule,
    /// Where the objects go; empty leaves that to the defaults.
    pub(crate) to: Vec<Candidate>,
    /// How they are kept.
    pub(crate) kind: Option<Kind>,
    /// How long they are kept.
    pub(crate) time_to_live: Option<Duration>,
    /// Whether the rule counts even where the sender named an instance or a kind.
    pub(crate) overrides: bool,
    /// What goes before their keys.
    pub(crate) key_prefix: String,
}

/// A rule as it is written.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Written {
    #[serde(flatten)]
    conditions: Rule,
    #[serde(default)]
    to: To,
    #[serde(rename = "as")]
    kind: Option<Kind>,
    time_to_live_ms: Option<u64>,
    #[serde(default, rename = "override")]
    overrides: bool,
    #[serde(default)]
    key_prefix: String,
}

/// An instance, or several of which each gets a share.
#[derive(Deserialize)]
#[serde(untagged, expecting = "`to` is an id, or a list of {\"id\", \"weight\"}")]
enum To {
    One(String),
    Several(Vec<Share>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Share {
    id: String,
    #[serde(default = "one")]
    weight: u32,
}

fn one() -> u32 {
    1
}

impl Default for To {
    fn default() -> Self {
        Self::Several(Vec::new())
    }
}

impl TryFrom<Written> for Entry {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let shares = match written.to {
            To::One(id) => vec![Share { id, weight: 1 }],
            To::Several(shares) => shares,
        };
        for Share { id, weight } in &shares {
            if id.is_empty() {
                return Err("a rule names an instance without an id in `to`".into());
            }
            if *weight == 0 {
                return Err(format!("`to` gives {id:?} the weight 0: leave it out, or give 1"));
            }
        }
        // Keys come later; a prefix that no key can follow is found now.
        if let Err(error) = Key::new(&format!("{}k", written.key_prefix)) {
            return Err(format!("`key-prefix` {:?}: {error}", written.key_prefix));
        }
        Ok(Self {
            conditions: written.conditions,
            to: shares.into_iter().map(|Share { id, weight }| Candidate::new(id, weight)).collect(),
            kind: written.kind,
            time_to_live: written.time_to_live_ms.map(Duration::from_millis),
            overrides: written.overrides,
            key_prefix: written.key_prefix,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(json: &str) -> Result<Entry, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    #[test]
    fn conditions_and_answers_stand_side_by_side() {
        let entry = entry(
            r#"{"source":"cam-*","min-size":10,"to":[{"id":"a"},{"id":"b","weight":2}],
                "as":"in-memory","time-to-live-ms":1500,"override":true,"key-prefix":"live/"}"#,
        )
        .unwrap();
        assert_eq!(entry.conditions.min_size, Some(10));
        assert_eq!(entry.to, [Candidate::new("a".into(), 1), Candidate::new("b".into(), 2)]);
        assert_eq!(entry.kind, Some(Kind::InMemory));
        assert_eq!(entry.time_to_live, Some(Duration::from_millis(1500)));
        assert!(entry.overrides);
        assert_eq!(entry.key_prefix, "live/");
    }

    #[test]
    fn one_instance_is_written_as_its_id() {
        assert_eq!(entry(r#"{"to":"a"}"#).unwrap().to, [Candidate::new("a".into(), 1)]);
    }

    #[test]
    fn mistakes_are_named() {
        for (json, part) in [
            (r#"{"sorce":"x"}"#, "sorce"),
            (r#"{"to":[{"id":"a","weight":0}]}"#, "weight 0"),
            (r#"{"to":""}"#, "without an id"),
            (r#"{"to":7}"#, "`to` is an id"),
            (r#"{"as":"queue"}"#, "queue"),
            (r##"{"key-prefix":"a#"}"##, "key-prefix"),
        ] {
            let error = entry(json).unwrap_err();
            assert!(error.contains(part), "{part} in {error}");
        }
    }
}
