//! Sources: which Redis cluster each camera is written to, and how its producers learn of changes
//! (section 6 of the wire contract).
//!
//! A [`Mapping`](mapping::Mapping) is a document of the registry: the targets of a source, the
//! version of its last change, and the updates that wait to be told. A change is saved with its
//! update in one write, and published after that on the [`Channel`]; what could not be published
//! waits in the mapping and goes first the next time. [`place`] chooses clusters, and
//! [`assignment`] counts who has which sources.

mod assignment;
mod bulk;
mod change;
mod channel;
mod cluster;
mod config;
mod edit;
mod mapping;
mod place;
mod pressure;
mod update;

pub(crate) use channel::Channel;
pub(crate) use cluster::{Cluster, Clusters};
pub use config::{ClusterConfig, SourcesConfig};
pub(crate) use edit::Created;

use crate::{Config, Error, ErrorKind, Result, registry::Registry};
use mapping::Mapping;
use serde_json::{Map, Value, json};
use std::{sync::Arc, time::Duration};
use tokio::sync::Mutex;
use tokio_util::task::TaskTracker;

/// Changes that can be under way at once, of different sources.
const TURNS: usize = 64;

/// Source mappings over a registry.
#[derive(Debug, Clone)]
pub(crate) struct Sources {
    pub(crate) clusters: Arc<Clusters>,
    channel: Option<Arc<Channel>>,
    registry: Arc<dyn Registry>,
    /// A source's changes are saved and told one after the other, so that subscribers see
    /// versions grow. Sources share a turn by chance.
    turns: Arc<[Mutex<()>]>,
    hasher: ahash::RandomState,
    /// Held while a source is counted and placed.
    placing: Arc<Mutex<()>>,
    /// Changes under way: shutdown waits for them, whether or not their clients do.
    tasks: TaskTracker,
    /// How long a change may wait for its turn.
    patience: Duration,
}

impl Sources {
    /// The mappings in a registry; nothing is connected to.
    ///
    /// # Errors
    ///
    /// When the clusters or the update channel of the configuration cannot be read.
    pub(crate) fn new(
        config: &Config,
        registry: Arc<dyn Registry>,
        tasks: TaskTracker,
    ) -> Result<Self> {
        let channel = config.sources.pubsub_url.as_deref().map(Channel::new).transpose()?;
        Ok(Self {
            clusters: Arc::new(Clusters::new(&config.clusters)?),
            channel: channel.map(Arc::new),
            registry,
            turns: (0..TURNS).map(|_| Mutex::default()).collect(),
            hasher: ahash::RandomState::new(),
            placing: Arc::default(),
            tasks,
            patience: config.limits.deadline,
        })
    }

    /// Where a source is written, as its producers and readers ask.
    ///
    /// # Errors
    ///
    /// When it is written nowhere, or the registry fails.
    pub(crate) async fn mapping(&self, source: &str) -> Result<Value> {
        Ok(self.mapped(source).await?.record(source))
    }

    /// The node tags that a source is written on, each with its cluster; none when it is not
    /// mapped.
    ///
    /// # Errors
    ///
    /// When the registry fails.
    pub(crate) async fn targets(&self, source: &str) -> Result<Vec<(String, String)>> {
        let (mapping, _) = self.load(source).await?;
        let targets = mapping.targets.into_iter();
        Ok(targets.map(|target| (target.node_tag, target.cluster_name)).collect())
    }

    /// The metadata of a source on the nodes of a tag.
    ///
    /// # Errors
    ///
    /// When it is not written there, or the registry fails.
    pub(crate) async fn metadata(&self, source: &str, node_tag: &str) -> Result<Value> {
        let mapping = self.mapped(source).await?;
        let target = mapping.target(node_tag).ok_or_else(|| not_written(source, node_tag))?;
        Ok(target.metadata.clone())
    }

    /// A cluster with its sources.
    ///
    /// # Errors
    ///
    /// When neither the configuration nor a mapping names it, or the registry fails.
    pub(crate) async fn by_instance(&self, framedb: &str) -> Result<Value> {
        let (name, node_tag) = self.find(framedb).await?;
        let assignments = self.assignments(&node_tag).await?;
        let found = assignments.iter().find(|assignment| assignment.cluster == name);
        found.map(assignment::Assignment::record).ok_or_else(|| no_instance(framedb))
    }

    /// All clusters on the nodes of a tag, each with its sources.
    ///
    /// # Errors
    ///
    /// When the registry fails.
    pub(crate) async fn by_node(&self, node_tag: &str) -> Result<Value> {
        let assignments = self.assignments(node_tag).await?;
        let instances: Map<_, _> =
            assignments.iter().map(|a| (a.cluster.clone(), a.record())).collect();
        Ok(json!({ "nodeTag": node_tag, "framedbInstances": instances }))
    }

    /// The cluster on the nodes of a tag that has the fewest sources.
    ///
    /// # Errors
    ///
    /// When there is none, or the registry fails.
    pub(crate) async fn least_assigned(&self, node_tag: &str) -> Result<Value> {
        let least = assignment::least(self.assignments(node_tag).await?, |_| false);
        least.map(|found| found.record()).ok_or_else(no_nodes)
    }

    /// The cluster on the nodes of a tag that has the most sources.
    ///
    /// # Errors
    ///
    /// When there is none, or the registry fails.
    pub(crate) async fn most_assigned(&self, node_tag: &str) -> Result<Value> {
        let most = assignment::most(self.assignments(node_tag).await?);
        most.map(|found| found.record()).ok_or_else(no_nodes)
    }

    async fn assignments(&self, node_tag: &str) -> Result<Vec<assignment::Assignment>> {
        Ok(assignment::on(node_tag, &self.clusters, &self.load_all().await?))
    }

    /// A source's mapping, if it is written anywhere.
    async fn mapped(&self, source: &str) -> Result<Mapping> {
        let (mapping, _) = self.load(source).await?;
        if mapping.targets.is_empty() { Err(no_source(source)) } else { Ok(mapping) }
    }

    /// The name and the node tag of a cluster that the configuration or a mapping knows.
    async fn find(&self, framedb: &str) -> Result<(String, String)> {
        if let Some(cluster) = self.clusters.of(framedb) {
            return Ok((cluster.name().to_owned(), cluster.node_tag().to_owned()));
        }
        let mappings = self.load_all().await?;
        let mut targets = mappings.iter().flat_map(|(_, mapping)| &mapping.targets);
        let found = targets.find(|target| target.cluster_name == framedb);
        let found = found.ok_or_else(|| no_instance(framedb))?;
        Ok((found.cluster_name.clone(), found.node_tag.clone()))
    }
}

fn no_source(source: &str) -> Error {
    Error::new(ErrorKind::NotFound, format!("No source {source}"))
}

fn no_instance(framedb: &str) -> Error {
    Error::new(ErrorKind::NotFound, format!("Cluster {framedb} does not exist"))
}

fn no_nodes() -> Error {
    Error::new(ErrorKind::NotFound, "No nodes assigned yet")
}

fn not_written(source: &str, node_tag: &str) -> Error {
    Error::new(ErrorKind::NotFound, format!("{source} is not writing to {node_tag}"))
}
