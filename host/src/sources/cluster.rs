//! `Clusters`: the Redis clusters that sources can be mapped to.

use super::{
    ClusterConfig,
    mapping::{Target, no_metadata},
};
use crate::{
    Error, ErrorKind, Result,
    driver::redis::{Discovery, Node},
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use url::Url;

/// The port of a sentinel that is written without one.
const SENTINEL_PORT: u16 = 26_379;

/// The port of the exporter beside each server, as the reference deploys it.
const METRICS_PORT: u16 = 9121;

/// What stands between a cluster's name and a number in the name of a pod.
const POD: &str = "-redis-node-";

/// A cluster of the configuration.
#[derive(Debug)]
pub(crate) struct Cluster {
    name: String,
    config: ClusterConfig,
    service_ip: String,
    sentinel_port: u16,
    discovery: Discovery,
}

/// All of them, by name.
#[derive(Debug)]
pub(crate) struct Clusters(BTreeMap<String, Cluster>);

impl Clusters {
    /// Reads what is said of them; nothing is connected to.
    ///
    /// # Errors
    ///
    /// As [`Cluster::new`].
    pub(crate) fn new(configs: &BTreeMap<String, ClusterConfig>) -> Result<Self> {
        let cluster = |(name, config): (&String, &ClusterConfig)| {
            Ok((name.clone(), Cluster::new(name, config)?))
        };
        configs.iter().map(cluster).collect::<Result<_>>().map(Self)
    }

    /// The cluster of this name.
    pub(crate) fn get(&self, name: &str) -> Option<&Cluster> {
        self.0.get(name)
    }

    /// The cluster that clients call by its name, or by the name of one of its pods
    /// (contract 5.3).
    pub(crate) fn of(&self, framedb_id: &str) -> Option<&Cluster> {
        self.get(framedb_id).or_else(|| {
            let (name, number) = framedb_id.rsplit_once(POD)?;
            let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
            is_number.then(|| self.get(name)).flatten()
        })
    }

    /// Those that take the sources of nodes with a tag.
    pub(super) fn on<'a>(&'a self, node_tag: &'a str) -> impl Iterator<Item = &'a Cluster> {
        self.0.values().filter(move |cluster| cluster.config.node_tag == node_tag)
    }

    /// Their names, in order.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

impl Cluster {
    /// Reads what is said of a cluster.
    ///
    /// # Errors
    ///
    /// Says which key is wrong, and shows no password.
    pub(crate) fn new(name: &str, config: &ClusterConfig) -> Result<Self> {
        let wrong = |key: &str, what: String| {
            Error::new(ErrorKind::Config, format!("clusters.{name}{key}: {what}"))
        };
        if name.is_empty() || name.contains(char::is_control) {
            return Err(wrong("", "the name is empty, or has a control character".into()));
        }
        if config.node_tag.is_empty() {
            return Err(wrong(".node-tag", "it is empty".into()));
        }
        let place = |sentinel: &String| {
            let written = || wrong(".sentinels", format!("{sentinel:?} is not host[:port]"));
            if sentinel.contains(['/', '@', '?', '#', ',']) {
                return Err(written());
            }
            let url = Url::parse(&format!("redis://{sentinel}")).map_err(|_| written())?;
            let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(written)?;
            Ok((host.to_owned(), url.port().unwrap_or(SENTINEL_PORT)))
        };
        let sentinels: Vec<(String, u16)> =
            config.sentinels.iter().map(place).collect::<Result<_>>()?;
        let Some((host, sentinel_port)) = sentinels.first() else {
            return Err(wrong(".sentinels", "there are none".into()));
        };
        if config.master.is_empty() {
            return Err(wrong(".master", "it is empty".into()));
        }
        let service_ip = config.service_ip.clone();
        let service_ip = service_ip.unwrap_or_else(|| host.trim_matches(['[', ']']).to_owned());
        let discovery = Discovery::new(&url(&sentinels, config), &format!("clusters.{name}"))?;
        Ok(Self {
            name: name.to_owned(),
            config: config.clone(),
            service_ip,
            sentinel_port: *sentinel_port,
            discovery,
        })
    }

    /// Its name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The tag of the nodes whose sources it takes.
    pub(super) fn node_tag(&self) -> &str {
        &self.config.node_tag
    }

    /// The name of its master among those that its sentinels watch.
    pub(crate) fn master_name(&self) -> &str {
        &self.config.master
    }

    /// Where its servers are now.
    pub(crate) fn discovery(&self) -> &Discovery {
        &self.discovery
    }

    /// The cluster as a target of sources, with the master that was found and no metadata.
    pub(super) fn target(&self, master: &Node) -> Target {
        Target {
            service_ip: self.service_ip.clone(),
            sentinel_port: self.sentinel_port,
            service_name: self.service_name(),
            redis_port: master.port,
            master_ip: master.host.clone(),
            node_tag: self.config.node_tag.clone(),
            cluster_name: self.name.clone(),
            metadata: no_metadata(),
        }
    }

    /// The cluster's record (contract 5.3). Pods are known to whoever deployed it.
    pub(crate) fn record(&self) -> Value {
        json!({
            "_id": self.name,
            "node_tag": self.config.node_tag,
            "svc_name": self.service_name(),
            "svc_host": self.service_ip,
            "metrics_svc": "",
            "namespace": "framedb",
            "master_port": self.config.redis_port,
            "sentinel_port": self.sentinel_port,
            "metrics_port": METRICS_PORT,
            "clusterPods": [],
        })
    }

    fn service_name(&self) -> String {
        let name = self.config.service_name.clone();
        name.unwrap_or_else(|| format!("{}-redis.framedb.svc.cluster.local", self.name))
    }
}

/// The URL that the driver reads.
fn url(sentinels: &[(String, u16)], config: &ClusterConfig) -> String {
    let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let login = config.password.as_deref().map(|password| format!(":{}@", encode(password)));
    let hosts: Vec<_> = sentinels.iter().map(|(host, port)| format!("{host}:{port}")).collect();
    let login = login.unwrap_or_default();
    format!("redis-sentinel://{login}{}/{}", hosts.join(","), encode(&config.master))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_is_known_by_its_name_and_by_its_pods() {
        let config = ClusterConfig::at("edge", &["10.0.0.1", "10.0.0.2:7000"]);
        let clusters = Clusters::new(&[("a".to_owned(), config)].into()).unwrap();
        for (id, known) in [
            ("a", true),
            ("a-redis-node-0", true),
            ("a-redis-node-12", true),
            ("a-redis-node-", false),
            ("a-redis-node-x", false),
            ("b", false),
        ] {
            assert_eq!(clusters.of(id).is_some(), known, "{id}");
        }
        let record = clusters.get("a").unwrap().record();
        assert_eq!(
            (&record["svc_host"], &record["sentinel_port"]),
            (&"10.0.0.1".into(), &26_379.into())
        );
        assert_eq!(record["svc_name"], "a-redis.framedb.svc.cluster.local");
    }

    #[test]
    fn what_is_wrong_is_named_and_no_password_is_shown() {
        let good = ClusterConfig {
            password: Some("s3cret/?#@".into()),
            ..ClusterConfig::at("edge", &["[::1]:7000"])
        };
        let cluster = Cluster::new("a", &good).unwrap();
        assert_eq!(cluster.service_ip, "::1");
        let mut shown = format!("{cluster:?}");
        for (config, problem) in [
            (
                ClusterConfig { sentinels: vec![], ..good.clone() },
                "clusters.a.sentinels: there are none",
            ),
            (
                ClusterConfig { sentinels: vec!["x@y".into()], ..good.clone() },
                "clusters.a.sentinels: \"x@y\"",
            ),
            (ClusterConfig { node_tag: String::new(), ..good.clone() }, "clusters.a.node-tag"),
            (ClusterConfig { master: String::new(), ..good }, "clusters.a.master"),
        ] {
            let error = Cluster::new("a", &config).unwrap_err();
            assert!(error.to_string().starts_with(problem), "{error}");
            shown += &format!("{error:?}");
        }
        assert!(!shown.contains("s3cret"), "{shown}");
    }
}
