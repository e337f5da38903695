//! `Environment`: what a node lends to its plugins. The worker fills it; plugins get at it
//! through their grants only.

use super::{framedb::FrameDb, servers::Servers};
use crate::{
    Error, ErrorKind, Result,
    bucket::{Bounded, Bucket, FileBucket, RedisBucket},
    driver::{Disk, Disks, mysql::Lent, redis::Connection},
    grants::{KeyValueGrant, ServerUrl},
    instances::InstanceConfig,
    telemetry::Telemetry,
};
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
    servers: Servers,
    disks: Option<Arc<Disks>>,
}

impl Environment {
    /// The environment of a node with these instances; what plugins keep on the disk is in its
    /// data directory.
    #[must_use]
    pub fn new(
        instances: &BTreeMap<String, InstanceConfig>,
        telemetry: Telemetry,
        disks: Arc<Disks>,
    ) -> Self {
        Self(Arc::new(Parts {
            instances: instances.clone(),
            telemetry,
            disks: Some(disks),
            ..Parts::default()
        }))
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

    /// A connection of its own to the Redis of an instance, or at a URL.
    ///
    /// # Errors
    ///
    /// As [`Environment::redis`].
    pub(crate) fn own_redis(
        &self,
        instance: Option<&str>,
        url: Option<&ServerUrl>,
    ) -> Result<Arc<Connection>> {
        Servers::open_redis(self.place(instance, url)?).map(Arc::new)
    }

    /// A connection of its own to a database, which keeps its session over statements.
    ///
    /// # Errors
    ///
    /// When the URL is wrong; it is not shown.
    pub(crate) fn own_mysql(&self, url: &ServerUrl) -> Result<Arc<Lent>> {
        Lent::one(url.expose()).map(Arc::new)
    }

    fn place<'a>(&'a self, instance: Option<&str>, url: Option<&'a ServerUrl>) -> Result<&'a str> {
        let configured = instance.and_then(|id| self.instance_url(id));
        configured
            .or(url.map(ServerUrl::expose))
            .ok_or_else(|| Error::new(ErrorKind::Config, "a grant leads to no configured instance"))
    }

    /// The bucket of this name, where the grant says that it is kept.
    ///
    /// # Errors
    ///
    /// When there is no such instance, or the data directory cannot be opened.
    pub(crate) async fn bucket(
        &self,
        name: &str,
        grant: &KeyValueGrant,
    ) -> Result<Arc<dyn Bucket>> {
        if let Some(instance) = &grant.instance {
            let connection = self.redis(Some(instance), None)?;
            return Ok(Arc::new(Bounded(RedisBucket::new(connection, name))));
        }
        let disk = self.disk().await?;
        Ok(Arc::new(Bounded(FileBucket::new(disk, name, grant.max_bytes()))))
    }

    /// A key-value store as a component on Spin has it, without the bounds of plugins' buckets.
    ///
    /// # Errors
    ///
    /// When the data directory cannot be opened.
    pub(crate) async fn store(&self, name: &str) -> Result<Arc<dyn Bucket>> {
        Ok(Arc::new(FileBucket::new(self.disk().await?, name, u64::MAX)))
    }

    /// The node's data directory. Plugins may be loaded before it is open.
    async fn disk(&self) -> Result<Arc<Disk>> {
        let failed = || Error::new(ErrorKind::Unavailable, "there is no data directory to lend");
        let disks = self.0.disks.clone().ok_or_else(failed)?;
        let opened = tokio::task::spawn_blocking(move || disks.home()).await;
        opened.map_err(|cause| failed().with_source(cause))?
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
