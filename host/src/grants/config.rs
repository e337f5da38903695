//! `GrantsConfig`: `[plugins.NAME.grants]`, what an operator allows a plugin.
//!
//! What is not written is refused. Guests name labels; where a label leads, and with which
//! credentials, is written here and stays here. Values are decoded into types that cannot be
//! wrong, so that a guard never meets a text that it does not understand.

use super::{
    Pattern,
    http::{HostPattern, Method, Network, PathPrefix, Scheme},
    redis::CommandRule,
    server_url::ServerUrl,
    sql::{TableName, TableVerb},
};
use bytesize::ByteSize;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, num::NonZeroU32, path::PathBuf};

/// `[plugins.NAME.grants]`: what the plugin may reach. Without an entry it reaches nothing;
/// addresses and credentials stay outside of the plugin, which knows labels only.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct GrantsConfig {
    /// Servers that speak Redis, by the label that the plugin uses as an address.
    pub redis: BTreeMap<String, RedisGrant>,
    /// Databases that speak MySQL, by the label that the plugin uses as an address.
    pub mysql: BTreeMap<String, MysqlGrant>,
    /// Servers that requests over HTTP may go to, gRPC included.
    pub http: BTreeMap<String, HttpGrant>,
    /// Buckets of the plugin's own state, by the name that the plugin opens; `default` is what
    /// most plugins ask for.
    pub key_value: BTreeMap<String, KeyValueGrant>,
    /// Objects of FrameDB, by a name for the rule.
    pub objects: BTreeMap<String, ObjectsGrant>,
    /// Queues of FrameDB, by a name for the rule.
    pub streams: BTreeMap<String, StreamsGrant>,
    /// Whether the plugin may ask where objects are, and which cluster a source is mapped to.
    pub routing: bool,
    /// Whether the plugin may ask which instances there are, and how they are.
    pub clusters: bool,
}

/// `[plugins.NAME.grants.*.LABEL.rate]`: how much the plugin may do in a second with the grant,
/// over all its instances. A second's worth may be used at once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct RateConfig {
    /// Calls in a second.
    pub calls: Option<NonZeroU32>,
    /// Bytes in a second, in both directions.
    #[schemars(with = "Option<String>")]
    pub bytes: Option<ByteSize>,
}

/// `[plugins.NAME.grants.redis.LABEL]`: a Redis, and what the plugin may do there.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct RedisGrant {
    /// The instance at whose Redis it is. Its keys are those of FrameDB's objects, too.
    pub instance: Option<String>,
    /// Where it is, in place of `instance`; written as the URL of an instance.
    #[schemars(with = "Option<String>")]
    pub url: Option<ServerUrl>,
    /// Keys that may be used: names, or beginnings as in `dedup:*`; `*` is for all.
    #[schemars(with = "Vec<String>")]
    pub keys: Vec<Pattern>,
    /// Commands that may be sent: `read` and `write` for those that read or change what is
    /// under keys, `publish`, or single ones by name as in `flushdb`, `xgroup create` or
    /// `xgroup`. What blocks, runs scripts, speaks of no key or administrates has to be named;
    /// a script may use keys that are not granted. `*` allows all known commands but those of
    /// transactions and connections: where one of those is named, the plugin has connections of
    /// its own.
    #[schemars(with = "Vec<String>")]
    pub commands: Vec<CommandRule>,
    /// Channels that may be published to, written as keys are.
    #[schemars(with = "Vec<String>")]
    pub channels: Vec<Pattern>,
    /// How much in a second.
    pub rate: RateConfig,
}

/// `[plugins.NAME.grants.mysql.LABEL]`: a database, and what the plugin may do there.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct MysqlGrant {
    /// The instance at whose database it is.
    pub instance: Option<String>,
    /// Where it is, in place of `instance`; written as the URL of an instance.
    #[schemars(with = "Option<String>")]
    pub url: Option<ServerUrl>,
    /// Tables with what may be done in them, as in `{ audit = ["insert", "select"] }`: `select`,
    /// `insert`, `replace`, `update`, `delete`, or `*` for all. `db.table` is a table of another
    /// database than the URL's, `db.*` all of one, `*` all of the URL's, compared letter by
    /// letter.
    #[schemars(with = "BTreeMap<String, Vec<String>>")]
    pub tables: BTreeMap<TableName, Vec<TableVerb>>,
    /// Functions that may be called beside those which only compute: stored ones, or such as
    /// `last_insert_id`. `*` allows all.
    pub functions: Vec<String>,
    /// How much in a second.
    pub rate: RateConfig,
}

/// `[plugins.NAME.grants.http.LABEL]`: a server over HTTP. The label is a host name for the
/// plugin, too, where `host` is a single one.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct HttpGrant {
    /// The host: a name, an address, all names under one as in `*.example.com`, or `*`.
    #[schemars(with = "String")]
    pub host: HostPattern,
    /// Ports; those of the schemes when empty.
    #[serde(default)]
    pub ports: Vec<u16>,
    /// `https` and `http`; `https` alone unless both are written.
    #[serde(default = "https")]
    #[schemars(with = "Vec<String>")]
    pub schemes: Vec<Scheme>,
    /// Paths with what is below them, as in `/v1`; all when empty.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub paths: Vec<PathPrefix>,
    /// Methods, as in `GET`; all but `CONNECT` and `TRACE` when empty.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub methods: Vec<Method>,
    /// Whether `http` means HTTP/2 without TLS, as gRPC inside of a site has it.
    #[serde(default)]
    pub plaintext_http2: bool,
    /// Networks that the host may be in although they are not public, as in `10.0.0.0/8` or
    /// `127.0.0.1`: private, loopback, link-local (where clouds keep credentials), multicast and
    /// reserved ones are refused else, also when a public name leads there, unless `host` is that
    /// very address.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub private: Vec<Network>,
    /// A file of certificates to trust with `https`, in PEM, in place of the system's.
    #[serde(default)]
    pub ssl_ca: Option<PathBuf>,
    /// How much in a second.
    #[serde(default)]
    pub rate: RateConfig,
}

/// `[plugins.NAME.grants.key-value.LABEL]`: a bucket of the plugin's own state.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct KeyValueGrant {
    /// The bucket; plugins that name the same one share it. Without it, the bucket has the
    /// plugin's name and the label's, and is the plugin's alone.
    pub bucket: Option<String>,
    /// The Redis instance that keeps it; the node's own disk when absent.
    pub instance: Option<String>,
    /// Bytes that the bucket may take on the node's disk; `64 MiB` when absent.
    #[schemars(with = "Option<String>")]
    pub max_bytes: Option<ByteSize>,
    /// How much in a second.
    pub rate: RateConfig,
}

/// What may be done with objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ObjectVerb {
    /// Read an object.
    Get,
    /// Write an object.
    Put,
    /// Delete an object.
    Delete,
    /// List keys.
    List,
}

/// `[plugins.NAME.grants.objects.LABEL]`: objects of FrameDB, and what may be done with them.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct ObjectsGrant {
    /// FrameDB ids of instances, written as keys are.
    #[schemars(with = "Vec<String>")]
    pub ids: Vec<Pattern>,
    /// Keys: names, or beginnings as in `cam-1/*`; `*` is for all.
    #[schemars(with = "Vec<String>")]
    pub keys: Vec<Pattern>,
    /// `get`, `put`, `delete` and `list`.
    pub verbs: Vec<ObjectVerb>,
    /// How much in a second.
    pub rate: RateConfig,
}

/// What may be done with queues.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StreamVerb {
    /// Append an element.
    Push,
    /// Take elements, and acknowledge them or give them back.
    Lease,
    /// Ask how many elements there are.
    Length,
}

/// `[plugins.NAME.grants.streams.LABEL]`: queues of FrameDB, and what may be done with them.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct StreamsGrant {
    /// FrameDB ids of instances; all when empty.
    #[schemars(with = "Vec<String>")]
    pub ids: Vec<Pattern>,
    /// Queues: names, or beginnings as in `frames:*`; `*` is for all.
    #[schemars(with = "Vec<String>")]
    pub queues: Vec<Pattern>,
    /// `push`, `lease` and `length`.
    pub verbs: Vec<StreamVerb>,
    /// How much in a second.
    pub rate: RateConfig,
}

impl HttpGrant {
    /// All of every host, for whom other lists decide.
    pub(super) fn anywhere() -> Self {
        Self {
            host: HostPattern::Any,
            ports: Vec::new(),
            schemes: vec![Scheme::Https, Scheme::Http],
            paths: Vec::new(),
            methods: Vec::new(),
            plaintext_http2: false,
            private: Network::ALL.to_vec(),
            ssl_ca: None,
            rate: RateConfig::default(),
        }
    }
}

impl KeyValueGrant {
    /// Bytes that a bucket may take unless more is said: room for hundreds of thousands of
    /// hashes or counters, and little of a disk.
    pub const DEFAULT_MAX_BYTES: ByteSize = ByteSize::mib(64);

    /// Bytes that the bucket may take.
    #[must_use]
    pub fn max_bytes(&self) -> u64 {
        self.max_bytes.unwrap_or(Self::DEFAULT_MAX_BYTES).as_u64()
    }
}

fn https() -> Vec<Scheme> {
    vec![Scheme::Https]
}

/// What the node's configuration says of instances, as far as grants depend on it.
pub(crate) struct Instances<'a> {
    /// The scheme of an instance's URL, if there is one of this id.
    pub(crate) scheme: &'a dyn Fn(&str) -> Option<&'a str>,
    /// Whether a scheme is that of a Redis.
    pub(crate) is_redis: &'a dyn Fn(&str) -> bool,
    /// What is wrong with the URL of a Redis or a MySQL, in words that do not show it.
    pub(crate) wrong_url: &'a dyn Fn(&ServerUrl) -> Option<String>,
}

impl GrantsConfig {
    /// What is granted: the kinds, as their sections are called, and the labels of those that
    /// have labels.
    #[must_use]
    pub fn granted(&self) -> Vec<(&'static str, Option<&str>)> {
        fn labels<'a, T>(
            kind: &'static str,
            grants: &'a BTreeMap<String, T>,
        ) -> impl Iterator<Item = (&'static str, Option<&'a str>)> {
            grants.keys().map(move |label| (kind, Some(label.as_str())))
        }
        let switch = |kind, on: bool| on.then_some((kind, None));
        labels("redis", &self.redis)
            .chain(labels("mysql", &self.mysql))
            .chain(labels("http", &self.http))
            .chain(labels("key-value", &self.key_value))
            .chain(labels("objects", &self.objects))
            .chain(labels("streams", &self.streams))
            .chain(switch("routing", self.routing))
            .chain(switch("clusters", self.clusters))
            .collect()
    }

    /// The servers that are no instances: kind, label and URL.
    pub(crate) fn servers(&self) -> Vec<(&'static str, &str, &ServerUrl)> {
        let redis = self.redis.iter().map(|(label, grant)| ("redis", label, &grant.url));
        let mysql = self.mysql.iter().map(|(label, grant)| ("mysql", label, &grant.url));
        let all = redis.chain(mysql);
        all.filter_map(|(kind, label, url)| Some((kind, label.as_str(), url.as_ref()?))).collect()
    }

    /// What is wrong with it, each with the key it is about, which begins with a dot.
    pub(crate) fn problems(&self, instances: &Instances<'_>) -> Vec<String> {
        let mut problems = Vec::new();
        let is_mysql = |scheme: &str| matches!(scheme, "mysql" | "mysql+pymysql");
        for (label, grant) in &self.redis {
            let at = format!(".redis.{label}");
            let (instance, url) = (grant.instance.as_deref(), grant.url.as_ref());
            problems.extend(place(&at, instance, url, "Redis", instances.is_redis, instances));
            problems.extend(allows(&at, "commands", grant.commands.len()));
            let all_keys = grant.keys.iter().any(Pattern::is_all);
            let wrong = grant.commands.iter().filter_map(|rule| rule.problem(all_keys));
            problems.extend(wrong.map(|wrong| format!("{at}.commands: {wrong}")));
        }
        for (label, grant) in &self.mysql {
            let at = format!(".mysql.{label}");
            let (instance, url) = (grant.instance.as_deref(), grant.url.as_ref());
            problems.extend(place(&at, instance, url, "MySQL", &is_mysql, instances));
            problems.extend(allows(&at, "tables", grant.tables.len() + grant.functions.len()));
        }
        for (label, grant) in &self.objects {
            let at = format!(".objects.{label}");
            problems.extend(allows(&at, "ids", grant.ids.len()));
            problems.extend(allows(&at, "keys", grant.keys.len()));
            problems.extend(allows(&at, "verbs", grant.verbs.len()));
        }
        for (label, grant) in &self.streams {
            let at = format!(".streams.{label}");
            problems.extend(allows(&at, "queues", grant.queues.len()));
            problems.extend(allows(&at, "verbs", grant.verbs.len()));
        }
        for (label, grant) in &self.key_value {
            let at = format!(".key-value.{label}");
            if let Some(id) = &grant.instance {
                let redis = instances.is_redis;
                problems.extend(place(&at, Some(id), None, "Redis", redis, instances));
                if grant.max_bytes.is_some() {
                    problems.push(format!(
                        "{at}.max-bytes is for buckets on the node's disk; how much the Redis \
                         `{id}` takes is its own setting"
                    ));
                }
            }
        }
        for (label, grant) in &self.http {
            let at = format!(".http.{label}");
            problems.extend(allows(&at, "schemes", grant.schemes.len()));
            if grant.plaintext_http2 && !grant.schemes.contains(&Scheme::Http) {
                problems.push(format!(
                    "{at}.plaintext-http2 is for `http`, which {at}.schemes does not have"
                ));
            }
            if grant.ssl_ca.is_some() && !grant.schemes.contains(&Scheme::Https) {
                problems
                    .push(format!("{at}.ssl-ca is for `https`, which {at}.schemes does not have"));
            }
        }
        problems
    }
}

/// What is wrong with a list that has to have something.
fn allows(at: &str, key: &str, length: usize) -> Option<String> {
    (length == 0).then(|| format!("{at}.{key} is empty: the grant would allow nothing"))
}

/// What is wrong with where a label leads.
fn place(
    at: &str,
    instance: Option<&str>,
    url: Option<&ServerUrl>,
    kind: &str,
    fits: &dyn Fn(&str) -> bool,
    instances: &Instances<'_>,
) -> Option<String> {
    match (instance, url) {
        (None, None) => Some(format!("{at} leads nowhere: set `instance` or `url`")),
        (Some(_), Some(_)) => Some(format!("{at} has an `instance` and a `url`: keep one")),
        (Some(id), None) => match (instances.scheme)(id) {
            None => Some(format!("{at}.instance: there is no instance `{id}`")),
            Some(scheme) if !fits(scheme) => {
                Some(format!("{at}.instance: `{id}` is `{scheme}:`, and no {kind}"))
            }
            Some(_) => None,
        },
        // The text is not shown: without a scheme it may be a password.
        (None, Some(url)) if !fits(url.scheme()) => {
            Some(format!("{at}.url is not the URL of a {kind}"))
        }
        (None, Some(url)) => (instances.wrong_url)(url).map(|wrong| format!("{at}.url: {wrong}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str) -> Vec<String> {
        let config: GrantsConfig = toml::from_str(text).unwrap();
        config.problems(&Instances {
            scheme: &|id| match id {
                "hot" => Some("redis"),
                "disk" => Some("file"),
                _ => None,
            },
            is_redis: &|scheme| scheme == "redis",
            wrong_url: &|url| url.expose().ends_with("//").then(|| "it names no host".into()),
        })
    }

    #[test]
    fn everything_that_can_be_granted_is_read() {
        let text = "
            routing = true
            clusters = true
            [redis.hot]
            instance = 'hot'
            keys = ['dedup:*']
            commands = ['read', 'write', 'XGROUP|CREATE']
            channels = ['*']
            rate = { calls = 1000, bytes = '10 MiB' }
            [mysql.audit]
            url = 'mysql://u:secret@db/audit'
            tables = { audit = ['insert', 'select'], 'other.*' = ['*'] }
            [http.api]
            host = '*.example.com'
            ports = [443, 8443]
            paths = ['/v1']
            methods = ['GET']
            private = ['10.0.0.0/8', '::1']
            ssl-ca = 'ca.pem'
            [http.grpc]
            host = 'routes.internal'
            schemes = ['http']
            plaintext-http2 = true
            [key-value.default]
            max-bytes = '1 MiB'
            [objects.frames]
            ids = ['disk']
            keys = ['cam-1/*']
            verbs = ['get', 'list']
            [streams.jobs]
            queues = ['jobs']
            verbs = ['push', 'lease', 'length']
        ";
        assert_eq!(problems(text), Vec::<String>::new());
        let config: GrantsConfig = toml::from_str(text).unwrap();
        assert!(!format!("{config:?}").contains("secret"));
        let again: GrantsConfig = toml::from_str(&toml::to_string(&config).unwrap()).unwrap();
        assert_eq!(format!("{config:?}"), format!("{again:?}"));
    }

    #[test]
    fn labels_that_lead_nowhere_are_reported_together_and_without_secrets() {
        let problems = problems(
            "[redis.a]\ncommands = ['read']\n[redis.b]\ninstance = 'hot'\nurl = 'redis://h'\n\
             commands = ['read']\n[redis.c]\ninstance = 'nobody'\ncommands = ['read']\n\
             [redis.d]\ninstance = 'disk'\ncommands = ['read']\n[mysql.e]\n\
             url = 'redis://:secret@h'\ntables = { t = ['*'] }\n[key-value.f]\n\
             instance = 'hot'\nmax-bytes = '1 MiB'\n\
             [http.g]\nhost = 'h'\nplaintext-http2 = true\n\
             [http.h]\nhost = 'h'\nschemes = ['http']\nssl-ca = 'ca.pem'\n",
        );
        let all = problems.join("\n");
        assert_eq!(problems.len(), 8, "{all}");
        assert!(all.contains(".redis.a leads nowhere"), "{all}");
        assert!(all.contains(".redis.d.instance: `disk` is `file:`, and no Redis"), "{all}");
        assert!(all.contains(".mysql.e.url is not the URL of a MySQL"), "{all}");
        assert!(!all.contains("secret"), "{all}");
    }

    #[test]
    fn commands_that_would_never_do_anything_are_reported() {
        let commands = |keys: &str, commands: &str| {
            let hot = "[redis.a]\ninstance = 'hot'\n";
            problems(&format!("{hot}keys = ['{keys}']\ncommands = ['{commands}']\n")).join("\n")
        };
        let all = commands("a:*", "xgruop create");
        assert!(all.contains("`xgruop create` is no command that is known"), "{all}");
        assert!(all.contains("did you mean `xgroup create`?"), "{all}");
        let all = commands("a:*", "reed");
        assert!(all.contains("did you mean `read`?"), "{all}");
        for name in [
            "get",
            "select",
            "MULTI",
            "client",
            "xgroup",
            "blpop",
            "flushdb",
            "script load",
            "read",
        ] {
            assert_eq!(commands("a:*", name), "", "{name}");
        }
        // A module may have it.
        assert_eq!(commands("*", "json.get"), "");
    }

    #[test]
    fn a_grant_that_would_allow_nothing_is_reported() {
        let problems = problems(
            "[redis.a]\ninstance = 'hot'\n[mysql.b]\nurl = 'mysql://h/d'\n[objects.c]\n\
             verbs = ['get']\n[streams.d]\nqueues = ['q']\n",
        );
        let empty = [".redis.a.commands", ".mysql.b.tables", ".objects.c.ids", ".objects.c.keys"];
        for key in empty.into_iter().chain([".streams.d.verbs"]) {
            let problem = format!("{key} is empty: the grant would allow nothing");
            assert!(problems.contains(&problem), "{key}: {problems:?}");
        }
        assert_eq!(problems.len(), 5, "{problems:?}");
    }

    #[test]
    fn what_is_no_grant_is_refused() {
        for text in [
            "redis = true",
            "[redis.a]\nkey = ['a']",
            "[redis.a]\nkeys = ['a*b']",
            "[redis.a]\ncommands = ['get set x']",
            "[mysql.a]\ntables = { t = ['drop'] }",
            "[mysql.a]\ntables = { 'a.b.c' = ['select'] }",
            "[http.a]\nports = [443]",
            "[http.a]\nhost = 'https://example.com'",
            "[http.a]\nhost = 'a.*.com'",
            "[http.a]\nhost = 'a'\npaths = ['v1']",
            "[http.a]\nhost = 'a'\nmethods = ['CONNECT']",
            "[http.a]\nhost = 'a'\nprivate = ['10.0.0.0/33']",
            "[objects.a]\nverbs = ['drop']",
            "[redis.a]\nrate = { calls = 0 }",
        ] {
            assert!(toml::from_str::<GrantsConfig>(text).is_err(), "{text}");
        }
    }
}
