//! `InstanceRecord`: what is known of an instance, as the config services say it.

use crate::{
    Error, ErrorKind, Result,
    store::{is_embedded, kinds_of},
};
use framedb_core::Kind;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::{fmt, sync::Arc};
use url::Url;

/// The port of a Redis server whose URL names none.
const REDIS_PORT: u16 = 6379;

/// The port of a MySQL-protocol server whose URL names none: TiDB's (contract 3.2).
const SQL_PORT: u16 = 4000;

/// Who existing clients log in as, and where, when a URL does not say (contract 3.2).
const SQL_USER: &str = "root";
const SQL_DATABASE: &str = "framedb";

/// Which of the two families of the config services an instance belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Family {
    /// Keeps `in-memory` objects and queues.
    InMemory,
    /// Keeps `storage` objects.
    Persistent,
}

impl Family {
    /// The family that keeps objects of a kind.
    #[must_use]
    pub fn of(kind: Kind) -> Self {
        match kind {
            Kind::InMemory | Kind::Stream => Self::InMemory,
            Kind::Storage => Self::Persistent,
        }
    }

    /// The family in words.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InMemory => "in-memory",
            Self::Persistent => "persistent",
        }
    }

    /// A URL as every generation of clients can use it: with a scheme, and for databases with a
    /// user, a port and a database (contract 3.3). An address without a scheme, or with one of
    /// the web as documentation shows it, gets the family's.
    ///
    /// # Errors
    ///
    /// When it is none; nothing of it is shown, because it may hold a password.
    pub fn client_url(self, text: &str) -> Result<String> {
        let invalid = |what: &str| Error::new(ErrorKind::Invalid, format!("the URL {what}"));
        let (scheme, rest) = match text.split_once("://") {
            Some(parts) => parts,
            None if is_inside(text) => return Err(invalid("leads to the inside of a node")),
            None => ("", text),
        };
        let scheme = match (self, scheme) {
            (Self::InMemory, "" | "http" | "https") => "redis",
            (Self::Persistent, "" | "http" | "https" | "mysql") => "mysql+pymysql",
            (_, scheme) => scheme,
        };
        let family = |kinds: &[Kind]| kinds.iter().any(|kind| Self::of(*kind) == self);
        if is_embedded(scheme) || !kinds_of(scheme).is_some_and(family) {
            return Err(invalid(&format!("does not lead to a server of the {self} family")));
        }
        if rest.is_empty() {
            return Err(invalid("has no address"));
        }
        if self == Self::InMemory {
            return Ok(match scheme {
                "redis" if !rest.contains(['/', '?']) && !has_port(rest) => {
                    format!("redis://{rest}:{REDIS_PORT}")
                }
                scheme => format!("{scheme}://{}", rest.trim_end_matches('/')),
            });
        }
        let mut url = Url::parse(&format!("{scheme}://{rest}"))
            .map_err(|cause| invalid("cannot be read").with_source(cause))?;
        if url.host_str().is_none_or(str::is_empty) {
            return Err(invalid("has no host"));
        }
        if url.username().is_empty() {
            let _ = url.set_username(SQL_USER);
        }
        if url.port().is_none() {
            let _ = url.set_port(Some(SQL_PORT));
        }
        if url.path().trim_matches('/').is_empty() {
            url.set_path(SQL_DATABASE);
        }
        Ok(url.into())
    }
}

/// Whether an address without `//` is that of an embedded engine, and no host of its name.
fn is_inside(text: &str) -> bool {
    let is_port = |rest: &str| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit());
    text.split_once(':').is_some_and(|(scheme, rest)| is_embedded(scheme) && !is_port(rest))
}

fn has_port(authority: &str) -> bool {
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let after = host.rsplit_once(']').map_or(host, |(_, after)| after);
    after.contains(':')
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An instance as the config services know it (contract 5.1).
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct InstanceRecord {
    /// Its id.
    pub framedb_id: Arc<str>,
    /// Its family.
    pub family: Family,
    /// The cluster that it is in; empty where clusters have no names.
    #[serde(default)]
    pub cluster_id: String,
    /// The machine that it is on.
    #[serde(default)]
    pub node_id: String,
    /// Where every client reaches it; empty for one inside of a node.
    #[serde(default)]
    pub public_url: String,
    /// Where clients of its own cluster reach it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub local_url: Option<String>,
    /// What its owner says of it.
    #[serde(default)]
    pub metadata: Value,
    /// What else the config services keep: `port`, `status`, `storage_size`, `redis_config`, …
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

impl InstanceRecord {
    /// The URL that a member of `cluster` uses: the local one in the instance's own cluster,
    /// else the public one. Who has no cluster is in nobody's. One rule for reads and writes
    /// (defect D9).
    #[must_use]
    pub fn url(&self, cluster: &str) -> &str {
        match &self.local_url {
            Some(local) if is_near(&self.cluster_id, cluster) && !local.is_empty() => local,
            _ => &self.public_url,
        }
    }

    /// Whether it is inside of a node, where direct clients cannot reach it.
    #[must_use]
    pub fn is_embedded(&self) -> bool {
        self.public_url.is_empty()
    }
}

/// Whether an instance's cluster is the one that somebody is in; none is where it has no name.
pub(super) fn is_near(of_instance: &str, own: &str) -> bool {
    !own.is_empty() && of_instance == own
}

// URLs may hold passwords.
impl fmt::Debug for InstanceRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InstanceRecord")
            .field("framedb_id", &self.framedb_id)
            .field("family", &self.family)
            .field("cluster_id", &self.cluster_id)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_become_what_clients_can_use() {
        let redis = |text| Family::InMemory.client_url(text).unwrap();
        assert_eq!(redis("example.com:30701"), "redis://example.com:30701");
        assert_eq!(redis("http://example.com:30701"), "redis://example.com:30701");
        assert_eq!(redis("redis://:pw@h"), "redis://:pw@h:6379");
        assert_eq!(redis("[::1]"), "redis://[::1]:6379");
        assert_eq!(redis("rediss://h:1/2"), "rediss://h:1/2");
        assert_eq!(redis("memory:6379"), "redis://memory:6379");
        assert_eq!(redis("redis-sentinel://h:26379/mymaster"), "redis-sentinel://h:26379/mymaster");
        let sql = |text| Family::Persistent.client_url(text).unwrap();
        assert_eq!(sql("cluster-01:30903"), "mysql+pymysql://root@cluster-01:30903/framedb");
        assert_eq!(sql("http://h:1"), "mysql+pymysql://root@h:1/framedb");
        assert_eq!(sql("mysql://me:p%40w@h/db"), "mysql+pymysql://me:p%40w@h:4000/db");
    }

    #[test]
    fn wrong_urls_are_refused_without_being_shown() {
        for text in ["", "redis://", "s3cret /x://h", "mysql://:s3cret@"] {
            let error = Family::Persistent.client_url(text).unwrap_err();
            assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
        }
        for text in ["memory:", "file:", "file:/s3cret", "file:///s3cret", "file:s3cret"] {
            for family in [Family::InMemory, Family::Persistent] {
                let error = family.client_url(text).unwrap_err();
                assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
            }
        }
    }

    #[test]
    fn members_of_the_cluster_use_the_local_url() {
        let record: InstanceRecord = serde_json::from_value(serde_json::json!({
            "framedb_id": "a", "family": "in-memory", "cluster_id": "c1",
            "public_url": "redis://out", "local_url": "redis://in", "port": 1,
        }))
        .unwrap();
        assert_eq!(
            (record.url("c1"), record.url("c2"), record.url("")),
            ("redis://in", "redis://out", "redis://out")
        );
        let nowhere = InstanceRecord { cluster_id: String::new(), ..record.clone() };
        assert_eq!((nowhere.url("c1"), nowhere.url("")), ("redis://out", "redis://out"));
        assert_eq!(record.more.get("port"), Some(&1.into()));
        assert!(!format!("{record:?}").contains("redis://"));
    }
}
