//! Where an object belongs when neither its sender nor a plugin says so.

use framedb_core::{Envelope, Kind, Placement};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// `[defaults]`: where objects go when nobody says so. The built-in plugin `resolve-rules` takes
/// from here what its own settings do not say.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct Defaults {
    /// The kind of an object whose sender named neither kind nor instance: `in-memory`,
    /// `storage` or `stream`.
    #[schemars(with = "String")]
    pub kind: Kind,
    /// The instance for `in-memory` objects.
    pub in_memory: String,
    /// The instance for `storage` objects.
    pub storage: String,
    /// The instance for `stream` objects.
    pub stream: String,
}

impl Default for Defaults {
    fn default() -> Self {
        Self {
            // What nobody asked to forget is kept.
            kind: Kind::Storage,
            in_memory: "memory".into(),
            storage: "disk".into(),
            stream: "memory".into(),
        }
    }
}

impl Defaults {
    /// The instance for a kind.
    #[must_use]
    pub fn instance(&self, kind: Kind) -> &str {
        match kind {
            Kind::InMemory => &self.in_memory,
            Kind::Storage => &self.storage,
            Kind::Stream => &self.stream,
        }
    }

    /// The same as settings of `resolve-rules`.
    pub(crate) fn settings(&self) -> BTreeMap<String, Value> {
        let settings = [
            ("rules_kind", self.kind.as_str()),
            ("rules_in_memory", &self.in_memory),
            ("rules_storage", &self.storage),
            ("rules_stream", &self.stream),
        ];
        settings.map(|(name, value)| (name.to_owned(), value.into())).into()
    }

    /// Whether a kind of objects goes to an instance when nobody says so.
    pub(crate) fn names(&self, framedb_id: &str) -> bool {
        [&self.in_memory, &self.storage, &self.stream].into_iter().any(|id| id == framedb_id)
    }

    /// The native identity of the resolve stage: what the sender named, else the defaults.
    pub(crate) fn place(&self, envelope: &Envelope) -> Placement {
        Placement::asked(envelope, self.kind, |kind| self.instance(kind).into())
    }
}
