//! `Environment`: what a node lends to its plugins. The worker fills it; plugins get at it
//! through their grants only.

use super::servers::Servers;
use crate::{
    Error, ErrorKind, Result,
    driver::{mysql::Lent, redis::Connection},
    grants::ServerUrl,
    instances::InstanceConfig,
    telemetry::Telemetry,
};
use std::{collections::BTreeMap, fmt, sync::Arc};

/// What a node lends to its plugins. Cheap to clone; the default lends nothing.
#[derive(Clone, Default)]
pub struct Environment(Arc<Parts>);

#[derive(Default)]
struct Parts {
    instances: BTreeMap<String, InstanceConfig>,
    telemetry: Telemetry,
    servers: Servers,
}

impl Environment {
    /// The environment of a node with these instances.
    #[must_use]
    pub fn new(instances: &BTreeMap<String, InstanceConfig>, telemetry: Telemetry) -> Self {
        let servers = Servers::default();
        Self(Arc::new(Parts { instances: instances.clone(), telemetry, servers }))
    }

    /// The URL of a configured instance; it may hold a password.
    pub(crate) fn instance_url(&self, framedb_id: &str) -> Option<&str> {
        Some(self.0.instances.get(framedb_id)?.url.as_str())
    }

    /// The connection to the Redis of an instance, or at a URL, that all plugins share.
    ///
    /// # Errors
    ///
    /// When there is no such instance, or the URL is wrong.
    pub(crate) fn redis(
        &self,
        instance: Option<&str>,
        url: Option<&ServerUrl>,
    ) -> Result<Arc<Connection>> {
        self.0.servers.redis(self.place(instance, url)?)
    }

    /// The connections to the database of an instance, or at a URL, that all plugins share.
    ///
    /// # Errors
    ///
    /// As [`Environment::redis`].
    pub(crate) fn mysql(
        &self,
        instance: Option<&str>,
        url: Option<&ServerUrl>,
    ) -> Result<Arc<Lent>> {
        self.0.servers.mysql(self.place(instance, url)?)
    }

    fn place<'a>(&'a self, instance: Option<&str>, url: Option<&'a ServerUrl>) -> Result<&'a str> {
        let configured = instance.and_then(|id| self.instance_url(id));
        configured
            .or(url.map(ServerUrl::expose))
            .ok_or_else(|| Error::new(ErrorKind::Config, "a grant leads to no configured instance"))
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
