//! What an operator says of sources and of the clusters that they are written to.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The port of a cluster's master, where nothing else is said.
const REDIS_PORT: u16 = 6379;

/// The name that sentinels of FrameDB clusters watch their master under.
const MASTER: &str = "mymaster";

/// `[sources]`: source mappings, and the channel that tells producers of their changes.
#[derive(Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct SourcesConfig {
    /// The Redis that changes of a source mapping are published on, where producers subscribe to
    /// `SOURCE__routing_updates`: `redis://[user][:password]@host[:6379]`, `rediss://…`,
    /// `unix:///path` or `redis-sentinel://…@host[:26379][,host…]/mymaster`. Without one, nobody
    /// is told of changes, and back pressure cannot be switched.
    pub pubsub_url: Option<String>,
}

/// `[clusters.NAME]`: a Redis with sentinels that sources can be mapped to.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ClusterConfig {
    /// The tag of the nodes whose sources it takes.
    pub node_tag: String,
    /// Where its sentinels are, as `host[:26379]`. Producers are told the first one.
    pub sentinels: Vec<String>,
    /// The name that its sentinels watch the master under.
    #[serde(default = "master")]
    pub master: String,
    /// The password of its servers and its sentinels, if they have one.
    #[serde(default)]
    pub password: Option<String>,
    /// The name of its service; `NAME-redis.framedb.svc.cluster.local` when absent.
    #[serde(default)]
    pub service_name: Option<String>,
    /// The address that producers ask its sentinels at; the host of the first one when absent.
    #[serde(default)]
    pub service_ip: Option<String>,
    /// The port of its Redis servers, as `/cluster/getClusterInfo` shows it. Mappings have the
    /// port of the master that sentinels name.
    #[serde(default = "redis_port")]
    pub redis_port: u16,
}

impl ClusterConfig {
    /// A cluster on the nodes of a tag, with the defaults of everything else.
    #[must_use]
    pub fn at(node_tag: &str, sentinels: &[&str]) -> Self {
        Self {
            node_tag: node_tag.into(),
            sentinels: sentinels.iter().map(|sentinel| (*sentinel).to_owned()).collect(),
            master: master(),
            password: None,
            service_name: None,
            service_ip: None,
            redis_port: REDIS_PORT,
        }
    }
}

fn master() -> String {
    MASTER.to_owned()
}

fn redis_port() -> u16 {
    REDIS_PORT
}

// The URL may hold a password.
impl fmt::Debug for SourcesConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = self.pubsub_url.as_deref().and_then(|url| url.split(':').next());
        f.debug_struct("SourcesConfig").field("scheme", &scheme).finish_non_exhaustive()
    }
}

impl fmt::Debug for ClusterConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClusterConfig")
            .field("node_tag", &self.node_tag)
            .field("sentinels", &self.sentinels)
            .field("master", &self.master)
            .finish_non_exhaustive()
    }
}
