//! `InstanceConfig`: what the configuration says of an instance.

use crate::{
    driver::{Eviction, redis::is_redis},
    store::{KNOWN_ENGINES, Options, SyncMode, check_url, is_embedded, kinds_of},
};
use bytesize::ByteSize;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// `[instances.ID]`: a place where objects can be kept. Its server may be down when the node
/// starts.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct InstanceConfig {
    /// The engine: `memory:`, `file:` (in the data directory), `file:/another/directory`; a
    /// Redis server: `redis://[user][:password]@host[:6379][/db]` or `unix:///path?db=n`; the
    /// master that Redis sentinels watch:
    /// `redis-sentinel://[user][:password]@host[:26379][,host…]/master[/db]`; a Redis cluster:
    /// `redis-cluster://[user][:password]@host[:6379][,host…]` (`rediss` in place of `redis` asks
    /// for TLS, `?ssl-ca=` names a file of certificates to trust, `?sentinel-tls=false` leaves
    /// the sentinels without TLS); or `mysql://user:password@host:port/database` (TiDB, MariaDB, MySQL;
    /// `?ssl-mode=` is `disabled`, `required`, `verify-ca` or `verify-identity`, `ssl-ca=` a
    /// file of certificates).
    pub url: String,
    /// Bytes a `memory:` instance may take.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub max_bytes: Option<ByteSize>,
    /// What a full `memory:` instance does: `none` refuses new objects, `least-frequent` drops
    /// the objects that were used least.
    #[serde(default)]
    #[schemars(with = "String")]
    pub eviction: Eviction,
    /// When a write to a `file:` instance is acknowledged: `always` after an fsync, `os` when
    /// the operating system has it.
    #[serde(default)]
    #[schemars(with = "String")]
    pub sync: SyncMode,
    /// Where clients reach the server from everywhere; as `url` when absent.
    #[serde(default)]
    pub public_url: Option<String>,
    /// Where clients of the instance's own cluster reach the server; as `url` when absent.
    #[serde(default)]
    pub local_url: Option<String>,
    /// The cluster that the server is in; the node's when absent.
    #[serde(default)]
    pub cluster_id: Option<String>,
    /// The machine that the server is on.
    #[serde(default)]
    pub node_id: String,
    /// How many replicas of a Redis must acknowledge a write before it counts as done; with all
    /// of them, no failover loses what was acknowledged. The server's own
    /// `min-replicas-to-write` only bounds what is lost.
    #[serde(default)]
    pub wait_replicas: u32,
    /// Whether writes to a `mysql:` instance that wait at the same time share statements, which
    /// they do unless this is `false`.
    #[serde(default)]
    pub grouping: Option<bool>,
    /// Whether a `mysql:` instance keeps objects that no row takes as numbered chunks, in
    /// the tables `framedb_chunks` and `framedb_manifests`, where existing clients do not look.
    /// Without it they are refused. Restart every other node on the database once the first one
    /// has made these tables, so that it looks there too.
    #[serde(default)]
    pub chunks: Option<bool>,
    /// Bytes that a statement to a `mysql:` instance may have, instead of the server's
    /// `max_allowed_packet`; only less than that counts.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub max_packet: Option<ByteSize>,
    /// Bytes that a row of a `mysql:` instance may have, instead of TiDB's
    /// `txn-entry-size-limit`.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub max_entry: Option<ByteSize>,
}

/// The least that `max-packet` and `max-entry` may say: a key and what goes with it take half.
const LEAST_PACKET: ByteSize = ByteSize::kib(8);

impl fmt::Debug for InstanceConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InstanceConfig")
            .field("scheme", &self.scheme())
            .field("max_bytes", &self.max_bytes)
            .field("eviction", &self.eviction)
            .field("sync", &self.sync)
            .field("wait_replicas", &self.wait_replicas)
            .field("grouping", &self.grouping)
            .field("chunks", &self.chunks)
            .field("max_packet", &self.max_packet)
            .field("max_entry", &self.max_entry)
            .finish_non_exhaustive()
    }
}

impl InstanceConfig {
    /// An instance at `url` with the engine's defaults.
    #[must_use]
    pub fn at(url: &str) -> Self {
        Self {
            url: url.into(),
            max_bytes: None,
            eviction: Eviction::default(),
            sync: SyncMode::default(),
            grouping: None,
            chunks: None,
            max_packet: None,
            max_entry: None,
            public_url: None,
            local_url: None,
            cluster_id: None,
            node_id: String::new(),
            wait_replicas: 0,
        }
    }

    /// The settings that its engine takes.
    pub(crate) fn options(&self) -> Options {
        let defaults = Options::default();
        Options {
            max_bytes: self.max_bytes.map(|bytes| bytes.as_u64()),
            eviction: self.eviction,
            sync: self.sync,
            wait_replicas: self.wait_replicas,
            grouping: self.grouping.unwrap_or(defaults.grouping),
            chunks: self.chunks.unwrap_or(defaults.chunks),
            max_packet: self.max_packet.map(|bytes| bytes.as_u64()),
            max_entry: self.max_entry.map(|bytes| bytes.as_u64()),
        }
    }

    /// The URL's scheme; what follows it may hold a password.
    pub(crate) fn scheme(&self) -> &str {
        self.url.split(':').next().unwrap_or_default()
    }

    /// What is wrong with it, each with the key it is about, which begins with a dot.
    pub(crate) fn problems(&self) -> impl Iterator<Item = String> {
        let scheme: String = self.scheme().chars().take(32).collect();
        if kinds_of(&scheme).is_none() {
            let problem = format!(
                ".url: no engine has the scheme {scheme:?}; this build knows {KNOWN_ENGINES}"
            );
            return vec![problem].into_iter();
        }
        let mut problems = Vec::new();
        problems
            .extend(check_url(&self.url).err().map(|error| format!(".url: {}", error.advice())));
        for (key, engine, is_for) in self.said() {
            if !is_for(&scheme) {
                problems
                    .push(format!(".{key} is for `{engine}:` instances; this one is `{scheme}:`"));
            }
        }
        for (key, size) in [("max-packet", self.max_packet), ("max-entry", self.max_entry)] {
            if let Some(size) = size.filter(|size| *size < LEAST_PACKET) {
                problems.push(format!(
                    ".{key} ({size}) is less than {LEAST_PACKET}: a key and what goes with it \
                     would leave no room"
                ));
            }
        }
        if is_embedded(&scheme) && (self.public_url.is_some() || self.local_url.is_some()) {
            problems.push(format!(
                ": `{scheme}:` is inside of the node, and has neither a `public-url` nor a \
                 `local-url`"
            ));
        }
        problems.into_iter()
    }

    /// The keys that say something, each with an engine that it is for, and whether it is for
    /// that of a scheme.
    fn said(&self) -> impl Iterator<Item = (&'static str, &'static str, fn(&str) -> bool)> {
        let memory: fn(&str) -> bool = |scheme| scheme == "memory";
        let file: fn(&str) -> bool = |scheme| scheme == "file";
        let mysql: fn(&str) -> bool = |scheme| matches!(scheme, "mysql" | "mysql+pymysql");
        let keys = [
            ("max-bytes", "memory", memory, self.max_bytes.is_some()),
            ("eviction", "memory", memory, self.eviction != Eviction::default()),
            ("sync", "file", file, self.sync != SyncMode::default()),
            ("wait-replicas", "redis", is_redis, self.wait_replicas > 0),
            ("grouping", "mysql", mysql, self.grouping.is_some()),
            ("chunks", "mysql", mysql, self.chunks.is_some()),
            ("max-packet", "mysql", mysql, self.max_packet.is_some()),
            ("max-entry", "mysql", mysql, self.max_entry.is_some()),
        ];
        let said = keys.into_iter().filter(|(.., said)| *said);
        said.map(|(key, engine, is_for, _)| (key, engine, is_for))
    }
}
