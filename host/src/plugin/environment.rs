//! `Environment`: what a node lends to its plugins. The worker fills it; plugins get at it
//! through their grants only.

use super::framedb::FrameDb;
use crate::{instances::InstanceConfig, telemetry::Telemetry};
use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, OnceLock, Weak},
};

/// What a node lends to its plugins. Cheap to clone; the default lends nothing.
#[derive(Clone, Default)]
pub struct Environment(Arc<Parts>);

#[derive(Default)]
struct Parts {
    instances: BTreeMap<String, InstanceConfig>,
    telemetry: Telemetry,
    /// Set once, when the parts of the node are built. Weak, because they hold the plugins.
    framedb: OnceLock<Weak<dyn FrameDb>>,
}

impl Environment {
    /// The environment of a node with these instances.
    #[must_use]
    pub fn new(instances: &BTreeMap<String, InstanceConfig>, telemetry: Telemetry) -> Self {
        Self(Arc::new(Parts { instances: instances.clone(), telemetry, framedb: OnceLock::new() }))
    }

    /// The URL of a configured instance; it may hold a password.
    pub(crate) fn instance_url(&self, framedb_id: &str) -> Option<&str> {
        Some(self.0.instances.get(framedb_id)?.url.as_str())
    }

    /// Lends FrameDB itself; only the first time counts.
    pub(crate) fn lend(&self, framedb: Weak<dyn FrameDb>) {
        let _ = self.0.framedb.set(framedb);
    }

    /// FrameDB, while the node runs.
    pub(crate) fn framedb(&self) -> Option<Arc<dyn FrameDb>> {
        self.0.framedb.get()?.upgrade()
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
