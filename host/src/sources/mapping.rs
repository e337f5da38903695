//! `Mapping`: where one source is written, as the registry keeps it.

use super::update::{News, Update};
use crate::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Changes of a source that may wait for the update channel.
const MAX_WAITING: usize = 100;

/// A source's targets, one for each node tag, and what subscribers are yet to be told.
///
/// It stays when its last target goes, so that versions never begin again.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Mapping {
    /// The version of the last change.
    version: u64,
    /// Where the source is written.
    pub(super) targets: Vec<Target>,
    /// What was saved and is not published yet, oldest first. It is written with the change
    /// itself, so that no failure between the two can lose it.
    waiting: Vec<Update>,
}

/// A cluster that a source is written to on the nodes of one tag (contract 6, *Node*).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Target {
    pub(super) service_ip: String,
    pub(super) sentinel_port: u16,
    pub(super) service_name: String,
    pub(super) redis_port: u16,
    #[serde(rename = "masterIP")]
    pub(super) master_ip: String,
    pub(super) node_tag: String,
    #[serde(rename = "cluster_name")]
    pub(super) cluster_name: String,
    pub(super) metadata: Value,
}

impl Mapping {
    /// Its target on the nodes of a tag.
    pub(super) fn target(&self, node_tag: &str) -> Option<&Target> {
        self.targets.iter().find(|target| target.node_tag == node_tag)
    }

    /// The same, to be changed.
    pub(super) fn target_mut(&mut self, node_tag: &str) -> Option<&mut Target> {
        self.targets.iter_mut().find(|target| target.node_tag == node_tag)
    }

    /// Puts a target in the place of the one on the nodes of its tag, whose metadata it keeps, or
    /// adds it; what there is to tell.
    pub(super) fn put(&mut self, mut target: Target) -> News {
        match self.target_mut(&target.node_tag) {
            Some(known) => {
                target.metadata = known.metadata.clone();
                *known = target.clone();
            }
            None => self.targets.push(target.clone()),
        }
        News::Added(target)
    }

    /// Whether it is written to a cluster on the nodes of a tag.
    pub(super) fn is_on(&self, node_tag: &str, cluster: &str) -> bool {
        self.target(node_tag).is_some_and(|target| target.cluster_name == cluster)
    }

    /// Whether anybody is yet to be told of a change.
    pub(super) fn waits(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// What is yet to be told.
    pub(super) fn waiting(&self) -> &[Update] {
        &self.waiting
    }

    /// Counts a change, and notes what subscribers are to be told of it, if there is a channel.
    ///
    /// # Errors
    ///
    /// When too many changes wait to be told.
    pub(super) fn note(&mut self, source: &str, news: News, has_channel: bool) -> Result<()> {
        if self.waiting.len() >= MAX_WAITING {
            let message = format!(
                "`{source}` was not changed: {MAX_WAITING} of its changes wait for the update \
                 channel"
            );
            return Err(Error::new(ErrorKind::Full, message)
                .with_hint("see whether the Redis at `sources.pubsub-url` can be reached"));
        }
        self.version += 1;
        if has_channel {
            self.waiting.push(news.at(self.version));
        }
        Ok(())
    }

    /// Forgets what was told, up to a version.
    pub(super) fn told(&mut self, version: u64) {
        self.waiting.retain(|update| update.version() > version);
    }

    /// The answer of `/routing/getMapping`.
    pub(super) fn record(&self, source: &str) -> Value {
        let tags: Vec<_> = self.targets.iter().map(|target| target.node_tag.as_str()).collect();
        let nodes: Vec<_> = self.targets.iter().map(Target::record).collect();
        json!({ "sourceId": source, "nodeTags": tags, "framedbNodes": nodes })
    }
}

impl Target {
    /// The node record, with both spellings of the cluster's name (D31).
    pub(super) fn record(&self) -> Value {
        json!({
            "serviceIp": self.service_ip,
            "sentinelPort": self.sentinel_port,
            "serviceName": self.service_name,
            "redisPort": self.redis_port,
            "masterIP": self.master_ip,
            "nodeTag": self.node_tag,
            "cluster_name": self.cluster_name,
            "clusterName": self.cluster_name,
            "metadata": self.metadata,
        })
    }
}

/// The metadata of a target that has none (contract 6).
pub(super) fn no_metadata() -> Value {
    json!({ "empty": true })
}
