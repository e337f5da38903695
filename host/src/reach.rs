//! `reach`: whether the servers of a configuration can be used.

use crate::{
    Config, Error, ErrorKind, Result,
    driver::{mysql::Lent, redis},
    registry::{self, Table},
    sources::{Channel, Cluster},
    store,
};
use futures::future::join_all;
use std::time::{Duration, Instant};

/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(15);

/// What became of the attempt to use a server, or of a place inside of the node, which needs
/// none.
#[derive(Debug)]
pub struct Reached {
    /// What it is, as `instance cache`.
    pub what: String,
    /// What it says of itself, and how long it took; or why it cannot be used.
    pub outcome: Result<(String, Duration)>,
}

/// Connects to every server of a configuration as a node would, side by side, and to none of
/// the places inside of the node. It only looks: what a node would make at its start, as the
/// database of a MySQL server, is said and not made.
pub async fn reach(config: &Config) -> Vec<Reached> {
    let registry = async {
        let attempt = async {
            let Some(registry) = registry::connect(&config.registry).await? else {
                return Ok("inside of the node".to_owned());
            };
            let registered = registry.documents(Table::Instances).await?.len();
            Ok(format!("{}, {registered} instances registered", registry.describe()))
        };
        Reached { what: "registry".into(), outcome: within(attempt).await }
    };
    let instances = config.instances.iter().map(async |(id, instance)| Reached {
        what: format!("instance {id}"),
        outcome: within(store::look(&instance.url, id, &instance.options())).await,
    });
    let channel = config.sources.pubsub_url.iter().map(async |url| {
        let attempt = async { Channel::new(url)?.check().await };
        Reached { what: "update channel".into(), outcome: within(attempt).await }
    });
    let clusters = config.clusters.iter().map(async |(name, cluster)| {
        let attempt = async {
            let cluster = Cluster::new(name, cluster)?;
            let master = cluster.discovery().verified_master().await?;
            Ok(format!("its master is {master}"))
        };
        Reached { what: format!("cluster {name}"), outcome: within(attempt).await }
    });
    let grants = config.plugins.iter().flat_map(|(name, plugin)| {
        let servers = plugin.grants.servers().into_iter();
        servers
            .map(move |(kind, label, url)| (format!("plugins.{name}.grants.{kind}.{label}"), url))
    });
    let grants =
        grants.map(async |(what, url)| Reached { outcome: within(lent(url.expose())).await, what });
    let (registry, instances, channel, clusters, grants) = tokio::join!(
        registry,
        join_all(instances),
        join_all(channel),
        join_all(clusters),
        join_all(grants)
    );
    [registry].into_iter().chain(instances).chain(channel).chain(clusters).chain(grants).collect()
}

/// Connects to a server as for a plugin, which may do no more there than its grant says.
async fn lent(url: &str) -> Result<String> {
    if !redis::is_redis(url.split(':').next().unwrap_or_default()) {
        return Lent::new(url)?.look().await;
    }
    let (address, servers) = redis::Address::parse(url)?;
    let said = format!("Redis at {address}, database {}", address.database());
    redis::Connection::new(address, servers, 0).ping().await?;
    Ok(said)
}

async fn within(attempt: impl Future<Output = Result<String>>) -> Result<(String, Duration)> {
    let started = Instant::now();
    match tokio::time::timeout(PATIENCE, attempt).await {
        Ok(reached) => reached.map(|said| (said, started.elapsed())),
        Err(_) => {
            let waited = humantime::format_duration(PATIENCE);
            Err(Error::new(ErrorKind::Timeout, format!("no answer within {waited}")))
        }
    }
}
