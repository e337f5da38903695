//! `Environment`: what a node lends to its plugins. The worker fills it; plugins get at it
//! through their grants only.

use crate::{instances::InstanceConfig, telemetry::Telemetry};
use std::{collections::BTreeMap, fmt, sync::Arc};

/// What a node lends to its plugins. Cheap to clone; the default lends nothing.
#[derive(Clone, Default)]
pub struct Environment(Arc<Parts>);

#[derive(Default)]
struct Parts {
    instances: BTreeMap<String, InstanceConfig>,
    telemetry: Telemetry,
}

impl Environment {
    /// The environment of a node with these instances.
    #[must_use]
    pub fn new(instances: &BTreeMap<String, InstanceConfig>, telemetry: Telemetry) -> Self {
        Self(Arc::new(Parts { instances: instances.clone(), telemetry }))
    }

    /// The URL of a configured instance; it may hold a password.
    pub(crate) fn instance_url(&self, framedb_id: &str) -> Option<&str> {
        Some(self.0.instances.get(framedb_id)?.url.as_str())
    }

    pub(crate) fn telemetry(&self) -> &Telemetry {
        &self.0.telemetry
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Environment").finish_non_exhaustive()
    }
}
