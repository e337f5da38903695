//! The plugin: the first rule that fits an object, and the defaults where none does.

use crate::{rendezvous::choose, table::Entry};
use framedb_core::{Facts, Kind, MAX_KEY};
use framedb_plugin::resolve::{Envelope, Kind as Wire, Placement, Resolve, Verdict};
use std::time::Duration;

/// What the operator sets.
#[derive(Debug, serde::Deserialize)]
#[serde(default)]
pub struct Settings {
    /// `rules_table`: the rules, as a JSON list; the first one that fits counts.
    table: Vec<Entry>,
    /// `rules_in_memory`: the instance for `in-memory` without a rule.
    in_memory: String,
    /// `rules_storage`: the instance for `storage` without a rule.
    storage: String,
    /// `rules_stream`: the instance for `stream` without a rule.
    stream: String,
    /// `rules_kind`: the kind of objects for which neither sender nor rule says one.
    kind: Kind,
}

impl Default for Settings {
    fn default() -> Self {
        // The instances of a node without configuration.
        Self {
            table: Vec::new(),
            in_memory: "memory".into(),
            storage: "disk".into(),
            stream: "memory".into(),
            kind: Kind::Storage,
        }
    }
}

/// Places objects by rules.
#[derive(Debug)]
pub struct Rules {
    settings: Settings,
}

impl Rules {
    /// Where an object belongs.
    fn decide(&self, envelope: Envelope<'_>) -> Verdict {
        let facts = Facts {
            key: envelope.key,
            source: envelope.source,
            kind: envelope.kind.map(from_wire),
            framedb_id: envelope.framedb_id,
            content_type: envelope.content_type,
            size: envelope.size,
        };
        let rule = self.settings.table.iter().find(|entry| entry.conditions.matches(&facts));
        let ruled = rule.and_then(|rule| rule.kind);
        let overrides = rule.is_some_and(|rule| rule.overrides);
        let kind = if overrides { ruled.or(facts.kind) } else { facts.kind.or(ruled) };
        let kind = kind.unwrap_or(self.settings.kind);
        let key = match rule.map(|rule| rule.key_prefix.as_str()) {
            Some(prefix) if !prefix.is_empty() => {
                let key = [prefix, envelope.key].concat();
                if key.len() > MAX_KEY {
                    let length = key.len();
                    return Verdict::reject(format!(
                        "the key with its prefix `{prefix}` has {length} bytes, more than the {MAX_KEY} a key may have"
                    ));
                }
                Some(key)
            }
            _ => None,
        };
        let chosen = rule.and_then(|rule| choose(&rule.to, envelope.key)).map(|to| &to.id);
        let framedb_id = match (envelope.framedb_id, chosen) {
            (_, Some(id)) if overrides => id.clone(),
            (Some(named), _) => named.into(),
            (None, Some(id)) => id.clone(),
            (None, None) => self.default_for(kind).into(),
        };
        let time_to_live = rule.and_then(|rule| rule.time_to_live).map(nanoseconds);
        Verdict::Place(Placement { framedb_id, kind: to_wire(kind), key, time_to_live })
    }

    fn default_for(&self, kind: Kind) -> &str {
        match kind {
            Kind::InMemory => &self.settings.in_memory,
            Kind::Storage => &self.settings.storage,
            Kind::Stream => &self.settings.stream,
        }
    }
}

impl Resolve for Rules {
    const NAME: &'static str = "rules";
    type Settings = Settings;

    fn new(settings: Settings) -> Result<Self, String> {
        for (name, id) in [
            ("rules_in_memory", &settings.in_memory),
            ("rules_storage", &settings.storage),
            ("rules_stream", &settings.stream),
        ] {
            if id.is_empty() {
                return Err(format!("setting `{name}` is empty, expected the id of an instance"));
            }
        }
        Ok(Self { settings })
    }

    async fn place(&self, envelope: Envelope<'_>) -> Verdict {
        self.decide(envelope)
    }

    async fn place_batch(&self, batch: Vec<Envelope<'_>>) -> Vec<Verdict> {
        batch.into_iter().map(|envelope| self.decide(envelope)).collect()
    }
}

fn from_wire(kind: Wire) -> Kind {
    match kind {
        Wire::InMemory => Kind::InMemory,
        Wire::Storage => Kind::Storage,
        Wire::Stream => Kind::Stream,
    }
}

fn to_wire(kind: Kind) -> Wire {
    match kind {
        Kind::InMemory => Wire::InMemory,
        Kind::Storage => Wire::Storage,
        Kind::Stream => Wire::Stream,
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
