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
use framedb_core::NotAllowed;
pub use framedb_core::{AllowedHost, AllowedHosts, InvalidHost};
use http::HttpGuard;
pub use pattern::Pattern;
pub use rate::Rate;
use redis::RedisGuard;
pub use refusal::{Refusal, RefusalKind};
use refusal::{Section, is_url, shown};
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
    redis: BTreeMap<String, Arc<Granted<RedisGrant, RedisGuard>>>,
    mysql: BTreeMap<String, Arc<Granted<MysqlGrant, SqlGuard>>>,
    key_value: BTreeMap<String, Arc<Granted<KeyValueGrant, ()>>>,
    /// Where what is opened is an address, and no label.
    addresses: Option<Addresses>,
    http: HttpGuard,
    objects: ObjectsGuard,
    streams: StreamsGuard,
    routing: bool,
    clusters: bool,
}

/// What a component may reach that names addresses by itself, as on Spin.
#[derive(Debug, Clone, Default)]
pub struct Addresses {
    /// The hosts that it may connect to.
    pub hosts: AllowedHosts,
    /// The key-value stores that it may open.
    pub stores: Vec<String>,
}

/// A label: where it leads, what decides over calls, and how many there may be.
#[derive(Debug)]
pub struct Granted<Config, Guard> {
    /// What the configuration says of it.
    pub config: Config,
    /// What decides over calls; none where an address is granted, whatever is sent there.
    pub guard: Option<Guard>,
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
            let guard = Some(guard);
            (label.clone(), Arc::new(Granted { config: grant.clone(), guard, rate }))
        });
        let mysql = config.mysql.iter().map(|(label, grant)| {
            let section = Section::new(plugin, "mysql", label);
            let rate = Rate::new(section.clone(), grant.rate);
            let guard = SqlGuard::new(section, grant);
            let guard = Some(guard);
            (label.clone(), Arc::new(Granted { config: grant.clone(), guard, rate }))
        });
        let key_value = config.key_value.iter().map(|(label, grant)| {
            let rate = Rate::new(Section::new(plugin, "key-value", label), grant.rate);
            let guard = Some(());
            (label.clone(), Arc::new(Granted { config: grant.clone(), guard, rate }))
        });
        Self(Arc::new(Guards {
            top: Section::top(plugin),
            redis: redis.collect(),
            mysql: mysql.collect(),
            key_value: key_value.collect(),
            addresses: None,
            http: HttpGuard::new(plugin, &config.http),
            objects: ObjectsGuard::new(plugin, &config.objects),
            streams: StreamsGuard::new(plugin, &config.streams),
            routing: config.routing,
            clusters: config.clusters,
            plugin: plugin.to_owned(),
        }))
    }

    /// What a component may reach that names addresses by itself: nothing of FrameDB's own.
    #[must_use]
    pub fn to_addresses(component: &str, addresses: Addresses) -> Self {
        Self(Arc::new(Guards {
            top: Section::top(component),
            plugin: component.to_owned(),
            redis: BTreeMap::new(),
            mysql: BTreeMap::new(),
            key_value: BTreeMap::new(),
            http: HttpGuard::to_hosts(component, addresses.hosts.clone()),
            addresses: Some(addresses),
            objects: ObjectsGuard::new(component, &BTreeMap::new()),
            streams: StreamsGuard::new(component, &BTreeMap::new()),
            routing: false,
            clusters: false,
        }))
    }

    /// Whether what is opened is an address, and no label.
    #[must_use]
    pub fn names_addresses(&self) -> bool {
        self.0.addresses.is_some()
    }

    /// The Redis behind a label.
    ///
    /// # Errors
    ///
    /// When there is no such label.
    pub fn redis(&self, label: &str) -> Result<Arc<Granted<RedisGrant, RedisGuard>>, Refusal> {
        if let Some(addresses) = &self.0.addresses {
            addresses.hosts.check(label, "redis").map_err(not_allowed)?;
            let url = Some(ServerUrl::from(label));
            return Ok(self.open(RedisGrant { url, ..Default::default() }));
        }
        let redis = self.0.redis.get(label).cloned();
        redis.ok_or_else(|| self.no_label("redis", "Redis", label, REDIS_LINES))
    }

    /// The database behind a label.
    ///
    /// # Errors
    ///
    /// When there is no such label.
    pub fn mysql(&self, label: &str) -> Result<Arc<Granted<MysqlGrant, SqlGuard>>, Refusal> {
        if let Some(addresses) = &self.0.addresses {
            addresses.hosts.check(label, "mysql").map_err(not_allowed)?;
            let url = Some(ServerUrl::from(label));
            return Ok(self.open(MysqlGrant { url, ..Default::default() }));
        }
        let mysql = self.0.mysql.get(label).cloned();
        mysql.ok_or_else(|| self.no_label("mysql", "database", label, MYSQL_LINES))
    }

    /// The bucket that a plugin opens by this name.
    ///
    /// # Errors
    ///
    /// When there is no such label.
    pub fn key_value(&self, label: &str) -> Result<Arc<Granted<KeyValueGrant, ()>>, Refusal> {
        if let Some(addresses) = &self.0.addresses {
            if addresses.stores.iter().any(|store| store == label) {
                return Ok(self.open(KeyValueGrant::default()));
            }
            let store = shown(label.as_bytes());
            let what = format!("the key-value store `{store}` is not one of the component's");
            return Err(Refusal::unlisted(what));
        }
        let bucket = self.0.key_value.get(label).cloned();
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

    /// What leads to an address, whatever is sent there.
    fn open<Config, Guard>(&self, config: Config) -> Arc<Granted<Config, Guard>> {
        let rate = Rate::new(self.0.top.clone(), RateConfig::default());
        Arc::new(Granted { config, guard: None, rate })
    }

    fn no_label(&self, kind: &str, what: &str, label: &str, lines: &str) -> Refusal {
        let mut what = format!("the {what} `{}` is not granted", shown(label.as_bytes()));
        let mut name = label;
        if is_url(label) {
            what.push_str(": plugins name labels, and their grants have the addresses");
            name = "LABEL";
        }
        Section::new(&self.0.plugin, kind, name).refuse(what, lines)
    }
}

/// What is told of an address that may not be connected to.
fn not_allowed(why: NotAllowed) -> Refusal {
    match why {
        NotAllowed::Unreadable(_) => Refusal::unreadable(why.to_string()),
        NotAllowed::Unlisted(_) => Refusal::unlisted(why.to_string()),
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
    fn an_address_in_place_of_a_label_is_told_without_its_password() {
        let grants = Grants::new("router", &GrantsConfig::default());
        for refusal in [
            grants.redis("redis://:hunter2@127.0.0.1:6379").map(drop).unwrap_err(),
            grants.mysql("mysql://u:hunter2@db/audit").map(drop).unwrap_err(),
            grants.key_value("redis://u:hunter2@db/0").map(drop).unwrap_err(),
            grants.http().check("GET", "https://u:hunter2@h/").map(drop).unwrap_err(),
            grants.http().check("GET", "https://u:hunter2@[h/").map(drop).unwrap_err(),
        ] {
            let told = refusal.for_guest();
            assert!(!told.contains("hunter2"), "{told}");
        }
        let refusal = grants.redis("redis://:hunter2@127.0.0.1:6379").map(drop).unwrap_err();
        let section = "[plugins.router.grants.redis.LABEL]\n";
        assert!(refusal.add().unwrap().starts_with(section), "{refusal:?}");
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
