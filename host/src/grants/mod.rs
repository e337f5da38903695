//! Grants: what a plugin may reach, decided without reaching for anything.
//!
//! In reading order: an operator writes a [`GrantsConfig`]; [`Grants`] are its guards, a guard
//! for each label; a guard answers a call with a [`Refusal`] or lets it pass. Nothing here
//! does I/O or knows the sandbox: whoever links capabilities asks before it acts, and checks
//! each address that a name turned out to have.

mod config;
mod pattern;
mod server_url;

mod refusal;

mod framedb;
pub mod http;
mod rate;
pub mod redis;
pub mod sql;

pub(crate) use config::Instances;
pub use config::{
    GrantsConfig, HttpGrant, KeyValueGrant, MysqlGrant, ObjectVerb, ObjectsGrant, RateConfig,
    RedisGrant, StreamVerb, StreamsGrant,
};
pub use framedb::{ObjectsGuard, StreamsGuard};
use http::HttpGuard;
pub use pattern::Pattern;
pub use rate::Rate;
use redis::RedisGuard;
pub use refusal::{Refusal, RefusalKind};
use refusal::{Section, shown};
pub use server_url::ServerUrl;
use sql::SqlGuard;
use std::{collections::BTreeMap, sync::Arc};

/// What an operator would write for a label, with `…` where only they know what belongs there.
const REDIS_LINES: &str = "instance = \"…\"\nkeys = [\"…\"]\ncommands = [\"read\"]";
const MYSQL_LINES: &str = "instance = \"…\"\ntables = { \"…\" = [\"select\"] }";
const KEY_VALUE_LINES: &str = "max-bytes = \"64 MiB\"";

/// What one plugin may reach: its guards, by what they guard. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Grants(Arc<Guards>);

#[derive(Debug)]
struct Guards {
    top: Section,
    plugin: String,
    redis: BTreeMap<String, Granted<RedisGrant, RedisGuard>>,
    mysql: BTreeMap<String, Granted<MysqlGrant, SqlGuard>>,
    key_value: BTreeMap<String, Granted<KeyValueGrant, ()>>,
    http: HttpGuard,
    objects: ObjectsGuard,
    streams: StreamsGuard,
    routing: bool,
    clusters: bool,
}

/// A label: where it leads, what decides over calls, and how many there may be.
#[derive(Debug)]
pub struct Granted<Config, Guard> {
    /// What the configuration says of it.
    pub config: Config,
    /// What decides over calls.
    pub guard: Guard,
    /// How many calls and bytes there may be in a second.
    pub rate: Rate,
}

impl Grants {
    /// The guards of a plugin.
    #[must_use]
    pub fn new(plugin: &str, config: &GrantsConfig) -> Self {
        let redis = config.redis.iter().map(|(label, grant)| {
            let section = Section::new(plugin, "redis", label);
            let rate = Rate::new(section.clone(), grant.rate);
            let guard = RedisGuard::new(section, grant);
            (label.clone(), Granted { config: grant.clone(), guard, rate })
        });
        let mysql = config.mysql.iter().map(|(label, grant)| {
            let section = Section::new(plugin, "mysql", label);
            let rate = Rate::new(section.clone(), grant.rate);
            let guard = SqlGuard::new(section, grant);
            (label.clone(), Granted { config: grant.clone(), guard, rate })
        });
        let key_value = config.key_value.iter().map(|(label, grant)| {
            let rate = Rate::new(Section::new(plugin, "key-value", label), grant.rate);
            (label.clone(), Granted { config: grant.clone(), guard: (), rate })
        });
        Self(Arc::new(Guards {
            top: Section::top(plugin),
            redis: redis.collect(),
            mysql: mysql.collect(),
            key_value: key_value.collect(),
            http: HttpGuard::new(plugin, &config.http),
            objects: ObjectsGuard::new(plugin, &config.objects),
            streams: StreamsGuard::new(plugin, &config.streams),
            routing: config.routing,
            clusters: config.clusters,
            plugin: plugin.to_owned(),
        }))
    }

    /// The Redis behind a label.
    ///
    /// # Errors
    ///
    /// When there is no such label.
    pub fn redis(&self, label: &str) -> Result<&Granted<RedisGrant, RedisGuard>, Refusal> {
        let redis = self.0.redis.get(label);
        redis.ok_or_else(|| self.no_label("redis", "Redis", label, REDIS_LINES))
    }

    /// The database behind a label.
    ///
    /// # Errors
    ///
    /// When there is no such label.
    pub fn mysql(&self, label: &str) -> Result<&Granted<MysqlGrant, SqlGuard>, Refusal> {
        let mysql = self.0.mysql.get(label);
        mysql.ok_or_else(|| self.no_label("mysql", "database", label, MYSQL_LINES))
    }

    /// The bucket that a plugin opens by this name.
    ///
    /// # Errors
    ///
    /// When there is no such label.
    pub fn key_value(&self, label: &str) -> Result<&Granted<KeyValueGrant, ()>, Refusal> {
        let bucket = self.0.key_value.get(label);
        bucket.ok_or_else(|| self.no_label("key-value", "bucket", label, KEY_VALUE_LINES))
    }

    /// The name of the bucket behind a label: what the grant names, else one that is the
    /// plugin's alone, whatever other plugins are called.
    #[must_use]
    pub fn bucket_name(&self, label: &str, grant: &KeyValueGrant) -> String {
        match &grant.bucket {
            Some(bucket) => format!("shared/{bucket}"),
            None => format!("own/{}/{}/{label}", self.0.plugin.len(), self.0.plugin),
        }
    }

    /// Requests over HTTP.
    #[must_use]
    pub fn http(&self) -> &HttpGuard {
        &self.0.http
    }

    /// Objects of FrameDB.
    #[must_use]
    pub fn objects(&self) -> &ObjectsGuard {
        &self.0.objects
    }

    /// Queues of FrameDB.
    #[must_use]
    pub fn streams(&self) -> &StreamsGuard {
        &self.0.streams
    }

    /// Whether the plugin may ask for routes and sources.
    ///
    /// # Errors
    ///
    /// When it may not.
    pub fn routing(&self) -> Result<(), Refusal> {
        self.switch(self.0.routing, "routing")
    }

    /// Whether the plugin may ask for instances and their health.
    ///
    /// # Errors
    ///
    /// When it may not.
    pub fn clusters(&self) -> Result<(), Refusal> {
        self.switch(self.0.clusters, "clusters")
    }

    /// Whether some label of a kind is granted, for the check of imports at load time: `redis`,
    /// `mysql`, `http`, `key-value`, `objects`, `streams`, `routing` or `clusters`.
    ///
    /// # Errors
    ///
    /// When nothing of it is granted, with the lines to add.
    pub fn any(&self, kind: &str) -> Result<(), Refusal> {
        let (granted, lines) = match kind {
            "redis" => (!self.0.redis.is_empty(), REDIS_LINES),
            "mysql" => (!self.0.mysql.is_empty(), MYSQL_LINES),
            "http" => (self.0.http.is_granted(), "host = \"…\""),
            "key-value" => (!self.0.key_value.is_empty(), KEY_VALUE_LINES),
            "objects" => {
                (self.0.objects.is_granted(), "ids = [\"…\"]\nkeys = [\"…\"]\nverbs = [\"get\"]")
            }
            "streams" => (self.0.streams.is_granted(), "queues = [\"…\"]\nverbs = [\"push\"]"),
            "routing" => return self.routing(),
            "clusters" => return self.clusters(),
            _ => return Err(self.0.top.refuse_always("no grant has what is imported")),
        };
        if granted {
            return Ok(());
        }
        let label = if kind == "key-value" { "default" } else { "LABEL" };
        let section = Section::new(&self.0.plugin, kind, label);
        Err(section.refuse(format!("nothing of `{kind}` is granted"), lines))
    }

    fn switch(&self, granted: bool, key: &str) -> Result<(), Refusal> {
        let refuse =
            || self.0.top.refuse(format!("`{key}` is not granted"), format!("{key} = true"));
        granted.then_some(()).ok_or_else(refuse)
    }

    fn no_label(&self, kind: &str, what: &str, label: &str, lines: &str) -> Refusal {
        let section = Section::new(&self.0.plugin, kind, label);
        let what = format!("the {what} `{}` is not granted", shown(label.as_bytes()));
        section.refuse(what, lines)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_grant_everything_is_refused_with_the_lines_to_add() {
        let grants = Grants::new("ingest-dedup", &GrantsConfig::default());
        let refusal = grants.redis("hot").map(drop).unwrap_err();
        assert_eq!(refusal.to_string(), "the Redis `hot` is not granted");
        assert!(refusal.add().unwrap().starts_with("[plugins.ingest-dedup.grants.redis.hot]\n"));
        for refusal in [
            grants.mysql("a").map(drop).unwrap_err(),
            grants.key_value("default").map(drop).unwrap_err(),
            grants.routing().unwrap_err(),
            grants.clusters().unwrap_err(),
        ] {
            assert!(refusal.add().unwrap().starts_with("[plugins.ingest-dedup.grants"));
        }
        let kinds = ["redis", "mysql", "http", "key-value", "objects", "streams", "routing"];
        assert!(kinds.iter().all(|kind| grants.any(kind).is_err()));
    }

    #[test]
    fn buckets_are_shared_by_name_only() {
        let text = "[key-value.default]\n[key-value.b]\nbucket = '3/a-b/default'\n";
        let config: GrantsConfig = toml::from_str(text).unwrap();
        let name = |plugin: &str, label: &str| {
            let grants = Grants::new(plugin, &config);
            grants.bucket_name(label, &grants.key_value(label).unwrap().config)
        };
        assert_eq!(name("a", "b"), name("c", "b"));
        assert_ne!(name("a", "default"), name("c", "default"));
        assert_ne!(name("a-b", "default"), name("a", "b"));
    }
}
