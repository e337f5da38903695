//! `Instances`: the FrameDB instances that the node can write to, by id.
//!
//! Those of the configuration are always there. Others are registered while the node runs: the
//! registry has their records. What is inside of the node is open as long as the node; connections
//! to servers are opened when they are first used, so that a server may be down when a node starts.

mod client_url;
mod config;
mod connections;
mod leaving;
mod record;

pub use config::InstanceConfig;
pub(crate) use leaving::Remains;
pub use record::{Family, InstanceRecord};

use crate::{
    Error, ErrorKind, Result,
    config::Config,
    driver::{Arena, Disks},
    registry::{Document, Registry, Table},
    store::{
        self, Instance, ObjectStore, OpenContext, Options, Queue, Stores, is_embedded, kinds_of,
    },
};
use async_trait::async_trait;
use connections::Connections;
use framedb_core::{
    Kind,
    instances::{keeps_others, no_instance},
};
use serde_json::{Map, Value};
use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

/// How long what the registry said of an instance is believed. What this node changes itself
/// it knows at once.
const RECORD_KEPT: Duration = Duration::from_secs(1);

/// How long a server may take to be connected to and looked at. Less than a write may take, so
/// that one which waits for a connection learns that nothing was written.
const OPEN_WITHIN: Duration = Duration::from_secs(8);

/// How long a server that is connected to may take to say that it can be used.
const HEALTHY_WITHIN: Duration = Duration::from_secs(2);

/// Records that are remembered.
const RECORDS_KEPT: u64 = 10_000;

/// The FrameDB instances of a node.
pub struct Instances {
    configured: BTreeMap<Arc<str>, Configured>,
    registry: Arc<dyn Registry>,
    /// What the registry has, and lacks.
    records: moka::future::Cache<Arc<str>, Option<Arc<InstanceRecord>>>,
    connections: Connections,
    /// URLs for direct clients by those of instances: sentinels are not asked at each lookup.
    client_urls: moka::future::Cache<Arc<str>, Arc<str>>,
    /// The node's own cluster.
    cluster: Arc<str>,
    arena: Arc<Arena>,
    disks: Arc<Disks>,
    max_object: u64,
}

/// An instance of the configuration.
struct Configured {
    record: Arc<InstanceRecord>,
    url: Arc<str>,
    options: Options,
    kinds: &'static [Kind],
    /// Open as long as the node, where it is inside of it.
    embedded: Option<Instance>,
}

impl Instances {
    /// The instances of a configuration, and those of the registry. What is inside of the node is
    /// opened; servers are connected to when they are first used.
    ///
    /// # Errors
    ///
    /// When one of the configuration's is wrong, or is inside of the node and cannot be opened.
    pub(crate) async fn open(
        config: &Config,
        arena: Arc<Arena>,
        disks: Arc<Disks>,
        registry: Arc<dyn Registry>,
    ) -> Result<Self> {
        let mut instances = Self {
            configured: BTreeMap::new(),
            registry,
            records: moka::future::Cache::builder()
                .max_capacity(RECORDS_KEPT)
                .time_to_live(RECORD_KEPT)
                .build(),
            connections: Connections::new(config.connections),
            client_urls: moka::future::Cache::builder()
                .max_capacity(RECORDS_KEPT)
                .time_to_live(RECORD_KEPT)
                .build(),
            cluster: config.cluster_id.as_str().into(),
            arena,
            disks,
            max_object: config.limits.max_object.as_u64(),
        };
        for (id, instance) in &config.instances {
            let framedb_id: Arc<str> = id.as_str().into();
            let mut configured = Configured::new(&framedb_id, instance, &config.cluster_id)?;
            if configured.record.is_embedded() {
                let context = instances.context(&framedb_id, configured.options.clone());
                configured.embedded = Some(store::open(&configured.url, &context).await?);
            }
            instances.configured.insert(framedb_id, configured);
        }
        Ok(instances)
    }

    /// The ids of the configuration's instances.
    pub fn ids(&self) -> impl Iterator<Item = &Arc<str>> {
        self.configured.keys()
    }

    /// What is known of an instance; `None` when there is none.
    ///
    /// # Errors
    ///
    /// When the registry fails.
    pub async fn record(&self, framedb_id: &str) -> Result<Option<Arc<InstanceRecord>>> {
        if let Some(configured) = self.configured.get(framedb_id) {
            return Ok(Some(configured.record.clone()));
        }
        let id: Arc<str> = framedb_id.into();
        if let Some(known) = self.records.get(&id).await {
            return Ok(known);
        }
        let document = self.registry.document(Table::Instances, framedb_id).await?;
        let record = document.map(read).transpose()?.map(Arc::new);
        self.records.insert(id, record.clone()).await;
        Ok(record)
    }

    /// All that are known, by id.
    ///
    /// # Errors
    ///
    /// When the registry fails.
    pub async fn records(&self) -> Result<Vec<Arc<InstanceRecord>>> {
        let mut records: BTreeMap<Arc<str>, Arc<InstanceRecord>> = BTreeMap::new();
        for document in self.registry.documents(Table::Instances).await? {
            // One that cannot be used hides none of the others.
            match read(document) {
                Ok(record) => {
                    records.insert(record.framedb_id.clone(), Arc::new(record));
                }
                Err(error) => tracing::warn!(error = error.chain(), "an instance is left out"),
            }
        }
        let configured = self.configured().cloned();
        records.extend(configured.map(|record| (record.framedb_id.clone(), record)));
        Ok(records.into_values().collect())
    }

    /// What is known of the configuration's instances, whether or not the registry can be used.
    pub fn configured(&self) -> impl Iterator<Item = &Arc<InstanceRecord>> {
        self.configured.values().map(|configured| &configured.record)
    }

    /// A URL of an instance as direct clients can use it: of sentinels that of the master they
    /// name now, of a cluster that of a primary that answers, and without what only a node reads,
    /// such as the files of its machine.
    ///
    /// # Errors
    ///
    /// When sentinels name no master.
    pub async fn client_url(&self, url: &str) -> Result<Arc<str>> {
        if let Some(known) = self.client_urls.get(url).await {
            return Ok(known);
        }
        let found: Arc<str> = client_url::client_url(url).await?.into();
        self.client_urls.insert(url.into(), found.clone()).await;
        Ok(found)
    }

    /// Whether an instance is one of the configuration, which services cannot change.
    #[must_use]
    pub fn is_configured(&self, framedb_id: &str) -> bool {
        self.configured.contains_key(framedb_id)
    }

    /// Registers an instance, or what has changed of it, after it has answered.
    ///
    /// # Errors
    ///
    /// When it cannot be opened, its id is one of the configuration's or of the other family, or
    /// the registry fails.
    pub async fn register(&self, record: InstanceRecord) -> Result<()> {
        let id = record.framedb_id.clone();
        self.check_family(&record).await?;
        let url = record.url(&self.cluster);
        // A connection of its own: what is in use stays as it is while this one is tried.
        store::open(url, &self.context(&id, Options::default())).await?;
        self.write(&record).await
    }

    /// Changes what is known of a registered instance.
    ///
    /// # Errors
    ///
    /// As [`Instances::register`], but for the server, which is not asked.
    pub async fn write(&self, record: &InstanceRecord) -> Result<()> {
        let id = &record.framedb_id;
        self.check_family(record).await?;
        let body = serde_json::to_value(record).map_err(|cause| {
            Error::new(ErrorKind::Invalid, format!("cannot write the instance `{id}`"))
                .with_source(cause)
        })?;
        self.registry.write_document(Table::Instances, id, &body, None).await?;
        self.forget(id).await;
        Ok(())
    }

    /// Removes a registered instance; whether there was one.
    ///
    /// # Errors
    ///
    /// When its id is one of the configuration's, or the registry fails.
    pub async fn remove(&self, framedb_id: &str) -> Result<bool> {
        self.check_not_configured(framedb_id)?;
        let removed = self.registry.remove_document(Table::Instances, framedb_id, None).await?;
        self.forget(framedb_id).await;
        Ok(removed)
    }

    /// Holds a kind against what an instance keeps.
    ///
    /// # Errors
    ///
    /// Says that there is no such instance, or which kinds it keeps.
    pub async fn find(&self, framedb_id: &str, kind: Kind) -> Result<()> {
        let kinds = self.kinds(framedb_id).await?;
        if kinds.contains(&kind) {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Invalid, keeps_others(framedb_id, kinds, kind)))
    }

    /// The open instance with this id.
    ///
    /// # Errors
    ///
    /// Says that there is none, and which there are, or that it cannot be reached.
    pub async fn get(&self, framedb_id: &str) -> Result<Instance> {
        if let Some(configured) = self.configured.get(framedb_id) {
            return match &configured.embedded {
                Some(instance) => Ok(instance.clone()),
                None => Box::pin(self.connect(configured)).await,
            };
        }
        // Boxed, because what embedded instances need is small.
        Box::pin(self.reach(framedb_id)).await
    }

    /// The open instance that was registered with this id.
    async fn reach(&self, framedb_id: &str) -> Result<Instance> {
        let record = self.known(framedb_id).await?;
        let url = record.url(&self.cluster);
        let open = self.open_server(&record.framedb_id, url, Options::default());
        self.connections.get(&record.framedb_id, url, open).await
    }

    /// An instance of the configuration, if it is inside of the node or connected to.
    #[must_use]
    pub fn opened(&self, framedb_id: &str) -> Option<Instance> {
        let Configured { record, url, embedded, .. } = self.configured.get(framedb_id)?;
        embedded.clone().or_else(|| self.connections.peek(&record.framedb_id, url))
    }

    /// The ids of the registry's instances, no more than connections are kept.
    ///
    /// # Errors
    ///
    /// When the registry fails.
    pub(crate) async fn registered(&self) -> Result<Vec<Arc<str>>> {
        let ids = self.records().await?.into_iter().map(|record| record.framedb_id.clone());
        let registered = ids.filter(|id| !self.is_configured(id));
        Ok(registered.take(self.connections.most()).collect())
    }

    /// Whether an instance can be used now. A server that is not connected to is, and stays so
    /// where that closes no other connection.
    ///
    /// # Errors
    ///
    /// Says why it cannot.
    pub(crate) async fn check(&self, framedb_id: &str) -> Result<()> {
        let instance = match self.configured.get(framedb_id) {
            Some(configured) => match &configured.embedded {
                Some(instance) => instance.clone(),
                None => {
                    let Configured { record, url, options, .. } = configured;
                    self.look_at(&record.framedb_id, url, options.clone()).await?
                }
            },
            None => {
                let record = self.known(framedb_id).await?;
                let url = record.url(&self.cluster);
                self.look_at(&record.framedb_id, url, Options::default()).await?
            }
        };
        let health = tokio::time::timeout(HEALTHY_WITHIN, instance.objects.health()).await;
        health.unwrap_or_else(|_| Err(no_answer(framedb_id, HEALTHY_WITHIN)))
    }

    /// An instance for a look at it, which is no use of its connection.
    async fn look_at(
        &self,
        framedb_id: &Arc<str>,
        url: &str,
        options: Options,
    ) -> Result<Instance> {
        let open = self.open_server(framedb_id, url, options);
        match self.connections.peek(framedb_id, url) {
            Some(instance) => Ok(instance),
            None if self.connections.have_room() => {
                self.connections.get(framedb_id, url, open).await
            }
            None => open.await,
        }
    }

    /// The kind of objects that were sent to an instance without one: the first it keeps.
    pub async fn natural_kind(&self, framedb_id: &str) -> Option<Kind> {
        self.kinds(framedb_id).await.ok()?.first().copied()
    }

    /// Whether an instance is in the node's own cluster; never where that has no name.
    ///
    /// # Errors
    ///
    /// When the registry fails.
    pub async fn is_near(&self, framedb_id: &str) -> Result<bool> {
        if self.cluster.is_empty() {
            return Ok(false);
        }
        let record = self.record(framedb_id).await?;
        Ok(record.is_some_and(|record| record::is_near(&record.cluster_id, &self.cluster)))
    }

    pub(crate) async fn store(&self, framedb_id: &str) -> Result<Arc<dyn ObjectStore>> {
        Ok(self.get(framedb_id).await?.objects)
    }

    pub(crate) async fn queue(&self, framedb_id: &str) -> Result<Arc<dyn Queue>> {
        self.get(framedb_id).await?.queue.ok_or_else(|| {
            Error::new(ErrorKind::Invalid, format!("the instance `{framedb_id}` keeps no queues"))
        })
    }

    async fn kinds(&self, framedb_id: &str) -> Result<&'static [Kind]> {
        if let Some(configured) = self.configured.get(framedb_id) {
            return Ok(configured.kinds);
        }
        let record = self.known(framedb_id).await?;
        let scheme = record.url(&self.cluster).split(':').next().unwrap_or_default();
        Ok(kinds_of(scheme).unwrap_or_default())
    }

    async fn known(&self, framedb_id: &str) -> Result<Arc<InstanceRecord>> {
        if let Some(record) = self.record(framedb_id).await? {
            return Ok(record);
        }
        let known = self.records().await?;
        let known = known.iter().map(|known| &*known.framedb_id);
        Err(Error::new(ErrorKind::Invalid, no_instance(framedb_id, known)))
    }

    /// The open server of the configuration.
    async fn connect(&self, configured: &Configured) -> Result<Instance> {
        let Configured { record, url, options, .. } = configured;
        let open = self.open_server(&record.framedb_id, url, options.clone());
        self.connections.get(&record.framedb_id, url, open).await
    }

    async fn open_server(
        &self,
        framedb_id: &Arc<str>,
        url: &str,
        options: Options,
    ) -> Result<Instance> {
        let context = self.context(framedb_id, options);
        let opened = tokio::time::timeout(OPEN_WITHIN, store::open(url, &context)).await;
        opened.unwrap_or_else(|_| Err(no_answer(framedb_id, OPEN_WITHIN)))
    }

    async fn check_family(&self, record: &InstanceRecord) -> Result<()> {
        let id = &record.framedb_id;
        self.check_not_configured(id)?;
        match self.record(id).await? {
            Some(known) if known.family != record.family => {
                let (family, other) = (record.family, known.family);
                let message = format!(
                    "cannot register the {family} instance `{id}`: an {other} one has this id"
                );
                Err(Error::new(ErrorKind::Conflict, message))
            }
            _ => Ok(()),
        }
    }

    fn check_not_configured(&self, framedb_id: &str) -> Result<()> {
        if !self.is_configured(framedb_id) {
            return Ok(());
        }
        let message = format!(
            "the instance `{framedb_id}` is in the node's configuration, and is changed there"
        );
        Err(Error::new(ErrorKind::Conflict, message))
    }

    async fn forget(&self, framedb_id: &str) {
        self.records.invalidate(framedb_id).await;
        self.connections.close(framedb_id);
    }

    fn context(&self, framedb_id: &Arc<str>, options: Options) -> OpenContext {
        OpenContext {
            arena: self.arena.clone(),
            disks: self.disks.clone(),
            framedb_id: framedb_id.clone(),
            max_object: self.max_object,
            options,
        }
    }
}

impl Configured {
    fn new(framedb_id: &Arc<str>, config: &InstanceConfig, cluster: &str) -> Result<Self> {
        let scheme = config.url.split(':').next().unwrap_or_default();
        let kinds = kinds_of(scheme).unwrap_or_default();
        let family = kinds.first().map_or(Family::InMemory, |kind| Family::of(*kind));
        let embedded = is_embedded(scheme);
        let client_url = |url: &Option<String>| match (url, embedded) {
            (Some(url), _) => family.client_url(url).map(Some),
            (None, true) => Ok(None),
            (None, false) => family.client_url(&config.url).map(Some),
        };
        let named = |error: Error| {
            Error::new(ErrorKind::Config, format!("instances.{framedb_id}: {error}"))
        };
        let mut more = Map::new();
        more.insert("status".into(), "Running".into());
        let record = InstanceRecord {
            framedb_id: framedb_id.clone(),
            family,
            cluster_id: config.cluster_id.clone().unwrap_or_else(|| cluster.to_owned()),
            node_id: config.node_id.clone(),
            public_url: client_url(&config.public_url).map_err(named)?.unwrap_or_default(),
            local_url: client_url(&config.local_url).map_err(named)?,
            metadata: Value::Object(Map::new()),
            more,
        };
        Ok(Self {
            record: Arc::new(record),
            url: config.url.as_str().into(),
            options: config.options(),
            kinds,
            embedded: None,
        })
    }
}

#[async_trait]
impl Stores for Instances {
    async fn objects(&self, framedb_id: &str) -> Result<Option<Arc<dyn ObjectStore>>> {
        match self.record(framedb_id).await? {
            Some(_) => Ok(Some(self.store(framedb_id).await?)),
            None => Ok(None),
        }
    }
}

impl fmt::Debug for Instances {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Instances")
            .field("configured", &self.configured.keys())
            .finish_non_exhaustive()
    }
}

/// A record of the registry. Those of existing config services have URLs that no client can
/// use as they are (contract 3.3).
fn read(document: Document) -> Result<InstanceRecord> {
    let id = document.id;
    let corrupt = || {
        let message = format!("cannot read what the registry has of the instance `{id}`");
        Error::new(ErrorKind::Corrupt, message)
    };
    let mut record: InstanceRecord =
        serde_json::from_value(document.body).map_err(|cause| corrupt().with_source(cause))?;
    let client_url = |url: &str| {
        let usable = record.family.client_url(url);
        usable.map_err(|cause| corrupt().with_source(cause))
    };
    let public_url = client_url(&record.public_url)?;
    let local_url = record.local_url.as_deref().filter(|url| !url.is_empty());
    let local_url = local_url.map(client_url).transpose()?;
    (record.public_url, record.local_url) = (public_url, local_url);
    Ok(record)
}

/// An instance that lets one wait.
fn no_answer(framedb_id: &str, waited: Duration) -> Error {
    let waited = humantime::format_duration(waited);
    let message = format!("the instance `{framedb_id}` did not answer within {waited}");
    Error::new(ErrorKind::Timeout, message)
}
