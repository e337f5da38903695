//! `Config`: what an operator says, read, checked as a whole, then trusted.
//!
//! Every problem of a file is reported at once, and unknown keys with the nearest known name.
//! A setting has one name: the flag `--data-dir`, the variable `FRAMEDB_DATA_DIR` and the key
//! `data-dir` are the same; flags win over variables, variables over the file.

use crate::{
    Error, ErrorKind, Result, builtin,
    dead_letters::DeadLettersConfig,
    driver::redis::is_redis,
    grants,
    instances::InstanceConfig,
    listener::ServicesConfig,
    pipeline::{Defaults, PipelineConfig},
    plugin::{Engine, Isolation, Limits, PluginConfig},
    registry::RegistryConfig,
    sources::{Channel, Cluster, ClusterConfig, SourcesConfig},
    store::{check_url, kinds_of},
};
use bytesize::ByteSize;
use framedb_core::{DEFAULT_MAX_OBJECT, Kind, least_guest_memory};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

/// The name of the pipeline that takes what no other one is for.
pub const DEFAULT_PIPELINE: &str = "default";

/// Everything that can be said of a node. Every key has a default: an empty file, or none, is a
/// node with embedded stores and the built-in plugins.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct Config {
    /// Where the node keeps its data; it belongs to one process. Relative to the folder in which
    /// the node is started.
    pub data_dir: PathBuf,
    /// Where compiled plugins are cached; only this user may be able to write there. `cache` in
    /// the data directory when absent.
    pub cache_dir: Option<PathBuf>,
    /// Address of the gRPC door, or `off`.
    #[schemars(with = "String")]
    pub grpc: Address,
    /// Address of the HTTP door, or `off`.
    #[schemars(with = "String")]
    pub http: Address,
    /// Allows doors on addresses that other machines can reach; there is no authentication.
    pub public: bool,
    /// How logs are written.
    pub log_format: LogFormat,
    /// What is logged: a level, or `tracing` filter directives.
    pub log: String,
    /// How long a shutdown waits for what was accepted.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "String")]
    pub grace: Duration,
    /// What senders may use.
    pub limits: NodeLimits,
    /// The cluster that the node is in. Instances of the same cluster are reached at their
    /// `local-url`, others at their `public-url`; copies in it are read first.
    pub cluster_id: String,
    /// How many servers the node is connected to at most; the least frequently used is closed
    /// first.
    pub connections: usize,
    /// Where objects go when nobody says so.
    pub defaults: Defaults,
    /// Where routes, instances and source mappings are kept.
    pub registry: RegistryConfig,
    /// What the HTTP door offers beside objects, queues and health.
    pub services: ServicesConfig,
    /// How producers learn of changes of source mappings.
    pub sources: SourcesConfig,
    /// The Redis clusters that sources can be mapped to, by name.
    pub clusters: BTreeMap<String, ClusterConfig>,
    /// Where objects can be kept, by FrameDB id. `memory` and `disk` are there by default.
    pub instances: BTreeMap<String, InstanceConfig>,
    /// Where objects are kept that could not be stored.
    pub dead_letters: DeadLettersConfig,
    /// Plugins, by the name that pipelines use. The built-in ones need no entry.
    pub plugins: BTreeMap<String, PluginConfig>,
    /// Chains of plugins, by name. `default` takes what no other one is for.
    pub pipelines: BTreeMap<String, PipelineConfig>,
}

/// An address to listen on, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Address(pub Option<SocketAddr>);

/// How logs are written.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, clap::ValueEnum,
)]
#[serde(rename_all = "kebab-case")]
pub enum LogFormat {
    /// Lines for people.
    #[default]
    Text,
    /// A JSON object per line.
    Json,
}

/// `[limits]`: what senders may use.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct NodeLimits {
    /// Bytes of payload an object may have.
    #[schemars(with = "String")]
    pub max_object: ByteSize,
    /// Bytes of objects in flight; a node with more says "try later".
    #[schemars(with = "String")]
    pub in_flight: ByteSize,
    /// Bytes that plugins may be writing to FrameDB themselves; a write that finds no room is
    /// refused at once. One that is larger takes all of it.
    #[schemars(with = "String")]
    pub plugin_writes: ByteSize,
    /// Bytes that plugins may be reading from FrameDB; reads wait for room.
    #[schemars(with = "String")]
    pub plugin_reads: ByteSize,
    /// How long an object may take, retries included.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "String")]
    pub deadline: Duration,
    /// How long an object is tried while its engine, or the registry, cannot be reached and
    /// nothing of it was sent, where its sender waits for the answer: over `framedb.ObjectService`,
    /// HTTP and `Put`. What comes over a stream is tried until `deadline`, because its sender goes
    /// on sending. An object that may have been sent is tried until `deadline` too.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "String")]
    pub unreachable: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data_dir: PathBuf::from("framedb-data"),
            cache_dir: None,
            // The ports of the existing services.
            grpc: Address(Some(SocketAddr::from(([127, 0, 0, 1], 50051)))),
            http: Address(Some(SocketAddr::from(([127, 0, 0, 1], 8080)))),
            public: false,
            log_format: LogFormat::Text,
            log: "info".into(),
            grace: Duration::from_secs(30),
            limits: NodeLimits::default(),
            cluster_id: String::new(),
            // What the existing object service keeps (contract 1).
            connections: 100,
            defaults: Defaults::default(),
            registry: RegistryConfig::default(),
            services: ServicesConfig::default(),
            sources: SourcesConfig::default(),
            clusters: BTreeMap::new(),
            instances: default_instances(),
            dead_letters: DeadLettersConfig::default(),
            plugins: BTreeMap::new(),
            pipelines: default_pipelines(),
        }
    }
}

impl Default for NodeLimits {
    fn default() -> Self {
        Self {
            max_object: ByteSize::b(DEFAULT_MAX_OBJECT),
            // Four of the largest objects, or a quarter of a million of 1 KiB.
            in_flight: ByteSize::mib(256),
            // Thousands of small objects. A larger one than this takes all of it.
            plugin_writes: ByteSize::mib(8),
            // One of the largest objects at a time.
            plugin_reads: ByteSize::mib(64),
            deadline: Duration::from_secs(30),
            // A server that is started again by its supervisor is back by then, and clients
            // without a time limit of their own are not left to think that the node hangs.
            unreachable: Duration::from_secs(5),
        }
    }
}

/// The built-in plugin that places objects.
const ROUTER: &str = "resolve-rules";

/// The instances that every node has, with their URLs where the configuration says no other.
pub(crate) const DEFAULT_INSTANCES: [(&str, &str); 2] = [("memory", "memory:"), ("disk", "file:")];

fn default_instances() -> BTreeMap<String, InstanceConfig> {
    DEFAULT_INSTANCES.map(|(id, url)| (id.to_owned(), InstanceConfig::at(url))).into()
}

fn default_pipelines() -> BTreeMap<String, PipelineConfig> {
    let pipeline = PipelineConfig {
        ingest: vec!["ingest-inspect".into()],
        resolve: Some(ROUTER.into()),
        serialize: Some("serialize-raw".into()),
        ..PipelineConfig::default()
    };
    [(DEFAULT_PIPELINE.to_owned(), pipeline)].into()
}

impl TryFrom<String> for Address {
    type Error = String;

    fn try_from(text: String) -> std::result::Result<Self, String> {
        text.parse()
    }
}

impl std::str::FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        if text == "off" {
            return Ok(Self(None));
        }
        text.parse().map(|address| Self(Some(address))).map_err(|_| {
            format!("{text:?} is not an address: write it as 127.0.0.1:8080, or `off`")
        })
    }
}

impl From<Address> for String {
    fn from(address: Address) -> Self {
        address.0.map_or_else(|| "off".to_owned(), |address| address.to_string())
    }
}

impl Config {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// When it cannot be read, and with all the problems of its contents at once.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|source| {
            let message = format!("cannot read the configuration {}", path.display());
            Error::new(ErrorKind::Config, message).with_source(source)
        })?;
        let (mut config, mut problems) = Self::read_all(&text);
        // Components are named relative to the file that names them.
        let folder = path.parent().unwrap_or(Path::new("."));
        for component in config.plugins.values_mut().filter_map(|p| p.component.as_mut()) {
            *component = folder.join(&component);
        }
        if problems.is_empty() {
            return Ok(config);
        }
        // What the rest of the file gets wrong is said in the same breath.
        problems.extend(config.problems(&|_| false));
        Err(report(&format!("the configuration {}", path.display()), problems))
    }

    /// Reads TOML; the defaults stand for what it does not say.
    ///
    /// # Errors
    ///
    /// All its problems, each a line.
    pub fn parse(text: &str) -> std::result::Result<Self, Vec<String>> {
        let (config, problems) = Self::read_all(text);
        if problems.is_empty() { Ok(config) } else { Err(problems) }
    }

    /// What of TOML can be read, and the problems of the rest.
    fn read_all(text: &str) -> (Self, Vec<String>) {
        let mut table: toml::Table = match toml::from_str(text) {
            Ok(table) => table,
            Err(error) => return (Self::default(), vec![error.to_string()]),
        };
        let mut problems = Vec::new();
        // A problem ends the reading, so its key is noted and taken out, until nothing is wrong.
        let config = loop {
            let source = toml::Value::Table(table.clone());
            match serde_path_to_error::deserialize::<_, Self>(source) {
                Ok(config) => break config,
                Err(error) => {
                    let (path, problem) = explain(&error);
                    problems.push(problem);
                    if !remove(&mut table, &path) {
                        break Self::default();
                    }
                }
            }
        };
        (config.completed(), problems)
    }

    /// Adds the default instances and pipeline where the file has others only.
    fn completed(mut self) -> Self {
        for (id, instance) in default_instances() {
            self.instances.entry(id).or_insert(instance);
        }
        for (name, pipeline) in default_pipelines() {
            self.pipelines.entry(name).or_insert(pipeline);
        }
        self
    }

    /// Holds the settings against each other.
    ///
    /// # Errors
    ///
    /// All problems at once.
    pub fn check(&self) -> Result<()> {
        self.check_with(&|_| false)
    }

    /// As [`Config::check`], where some plugins' components are at hand.
    pub(crate) fn check_with(&self, at_hand: &dyn Fn(&str) -> bool) -> Result<()> {
        let problems = self.problems(at_hand);
        if problems.is_empty() { Ok(()) } else { Err(report("the configuration", problems)) }
    }

    /// What is wrong with the settings, each held against the others.
    pub(crate) fn problems(&self, at_hand: &dyn Fn(&str) -> bool) -> Vec<String> {
        let mut problems = Vec::new();
        self.check_doors(&mut problems);
        self.check_sizes(&mut problems);
        problems.extend(self.registry.problem());
        self.check_sources(&mut problems);
        self.check_instances(&mut problems);
        self.check_pipelines(at_hand, &mut problems);
        self.check_room(&mut problems);
        self.check_grants(&mut problems);
        problems
    }

    /// What works, and yet may not do what its operator expects.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let deadline = self.limits.deadline;
        let shown = |time: Duration| humantime::format_duration(time).to_string();
        let late = self.used_plugins().into_iter().filter_map(|(name, plugin)| {
            let Limits { time, batch_time, .. } = plugin.limits;
            (deadline < batch_time + time).then(|| {
                format!(
                    "limits.deadline ({}) is shorter than plugins.{name}.limits.batch-time ({}) and \
                     time ({}) together: where one object takes all of them, those beside it are \
                     refused as late",
                    shown(deadline),
                    shown(batch_time),
                    shown(time)
                )
            })
        });
        let used = self.used_plugins();
        let idle = self.plugins.keys().filter(|name| !used.contains_key(*name));
        let idle = idle.map(|name| format!("no pipeline uses the plugin `{name}`"));
        late.chain(self.misplaced()).chain(idle).collect()
    }

    /// Instances that settings of the node's own router name and the configuration does not have:
    /// they may be registered later.
    fn misplaced(&self) -> Vec<String> {
        let Some(router) = self.used_plugins().remove(ROUTER).filter(|p| p.component.is_none())
        else {
            return Vec::new();
        };
        let unknown = |(setting, id): &(&str, String)| {
            (!self.instances.contains_key(id)).then(|| {
                let near = nearest(id, self.instances.keys().map(String::as_str));
                format!("plugins.{ROUTER}.settings.{setting} names `{id}`, and no instance is called so{near}")
            })
        };
        let texts = router.setting_texts();
        let defaults = ["rules_in_memory", "rules_storage", "rules_stream"];
        let defaults =
            defaults.into_iter().filter_map(|name| Some((name, texts.get(name)?.clone())));
        let table = texts.get("rules_table").map(String::as_str).unwrap_or_default();
        let rules: Vec<serde_json::Value> = serde_json::from_str(table).unwrap_or_default();
        let ruled = rules.iter().flat_map(|rule| match &rule["to"] {
            serde_json::Value::Array(several) => several.iter().map(|one| &one["id"]).collect(),
            one => vec![one],
        });
        let ruled = ruled.filter_map(|id| Some(("rules_table", id.as_str()?.to_owned())));
        defaults.chain(ruled).filter_map(|named| unknown(&named)).collect()
    }

    fn check_doors(&self, problems: &mut Vec<String>) {
        for (door, address) in [("grpc", self.grpc), ("http", self.http)] {
            if let Some(address) = address.0
                && !address.ip().is_loopback()
                && !self.public
            {
                problems.push(format!(
                    "{door} = \"{address}\" can be reached from other machines, and the node has \
                     no authentication: use 127.0.0.1, or set `public = true` (--public)"
                ));
            }
        }
    }

    fn check_sizes(&self, problems: &mut Vec<String>) {
        let NodeLimits { max_object, in_flight, .. } = &self.limits;
        if max_object.as_u64() == 0 {
            problems.push("limits.max-object is 0: no object could be stored".into());
        }
        if in_flight < max_object {
            problems.push(format!(
                "limits.in-flight ({in_flight}) is less than limits.max-object ({max_object}): \
                 the largest object would never be admitted"
            ));
        }
        for (name, room) in [
            ("plugin-writes", self.limits.plugin_writes),
            ("plugin-reads", self.limits.plugin_reads),
        ] {
            if room.as_u64() == 0 {
                problems.push(format!("limits.{name} is 0: no plugin could ever do it"));
            }
        }
        // The page limit of a 32-bit memory, which guests have.
        let least = least_guest_memory(max_object.as_u64());
        for (name, plugin) in self.used_plugins() {
            let memory = plugin.limits.memory;
            if memory.as_u64() < least {
                problems.push(format!(
                    "plugins.{name}.limits.memory ({memory}) is less than three times \
                     limits.max-object ({max_object}): the largest object would not fit"
                ));
            }
        }
        if least > u64::from(u32::MAX) {
            problems.push(format!(
                "limits.max-object ({max_object}) is more than a plugin's 4 GiB of memory can hold \
                 three times"
            ));
        }
    }

    fn check_sources(&self, problems: &mut Vec<String>) {
        let channel = self.sources.pubsub_url.as_deref().map(Channel::new).transpose().map(drop);
        let clusters =
            self.clusters.iter().map(|(name, cluster)| Cluster::new(name, cluster).map(drop));
        let wrong = [channel].into_iter().chain(clusters).filter_map(Result::err);
        problems.extend(wrong.map(|error| error.to_string()));
    }

    fn check_instances(&self, problems: &mut Vec<String>) {
        for (id, instance) in &self.instances {
            problems.extend(instance.problems().map(|problem| format!("instances.{id}{problem}")));
        }
        for kind in [Kind::InMemory, Kind::Storage, Kind::Stream] {
            let id = self.defaults.instance(kind);
            let Some(instance) = self.instances.get(id) else {
                let near = nearest(id, self.instances.keys().map(String::as_str));
                problems.push(format!("defaults.{kind}: there is no instance `{id}`{near}"));
                continue;
            };
            let scheme = instance.scheme();
            if kinds_of(scheme).is_some_and(|kinds| !kinds.contains(&kind)) {
                problems.push(format!(
                    "defaults.{kind}: the instance `{id}` ({scheme}:) keeps no {kind} objects"
                ));
            }
        }
    }

    fn check_pipelines(&self, at_hand: &dyn Fn(&str) -> bool, problems: &mut Vec<String>) {
        for (name, plugin) in self.plugins.iter().filter(|(name, _)| !at_hand(name)) {
            match &plugin.component {
                Some(path) if !path.is_file() => problems
                    .push(format!("plugins.{name}.component: there is no file {}", path.display())),
                None if builtin::component(name).is_none() => {
                    let near = nearest(name, builtin::names());
                    problems.push(format!(
                        "plugins.{name} has no `component`, and no built-in plugin has this \
                         name{near}"
                    ));
                }
                _ => {}
            }
        }
        for (name, pipeline) in &self.pipelines {
            for (stage, plugin) in pipeline.plugins() {
                if !self.plugins.contains_key(plugin) && builtin::component(plugin).is_none() {
                    let known = self.plugins.keys().map(String::as_str);
                    let known = known.chain(builtin::names().map(|name| -> &str { name }));
                    let near = nearest(plugin, known);
                    problems.push(format!(
                        "pipelines.{name}.{stage}: there is no plugin `{plugin}`{near}"
                    ));
                }
            }
            if pipeline.batch.objects == 0 {
                problems.push(format!("pipelines.{name}.batch.objects is 0: use 1 or more"));
            }
            let wrong = pipeline.policy.problems();
            problems.extend(wrong.map(|problem| format!("pipelines.{name}.policy{problem}")));
        }
    }

    fn check_grants(&self, problems: &mut Vec<String>) {
        let instances = grants::Instances {
            scheme: &|id| self.instances.get(id).map(InstanceConfig::scheme),
            is_redis: &is_redis,
            wrong_url: &|url| check_url(url.expose()).err().map(|error| error.to_string()),
        };
        for (name, plugin) in &self.plugins {
            let wrong = plugin.grants.problems(&instances).into_iter();
            problems.extend(wrong.map(|problem| format!("plugins.{name}.grants{problem}")));
            let unset = plugin.problems();
            problems.extend(unset.map(|problem| format!("plugins.{name}{problem}")));
        }
    }

    /// All plugins of the configuration, and those that pipelines name.
    pub(crate) fn all_plugins(&self) -> BTreeMap<String, PluginConfig> {
        let said = self.plugins.keys().map(|name| (name.clone(), self.plugin(name)));
        said.chain(self.used_plugins()).collect()
    }

    /// The plugins that pipelines name, with what is said of them; those that there are.
    pub(crate) fn used_plugins(&self) -> BTreeMap<String, PluginConfig> {
        let mut used = BTreeMap::new();
        for pipeline in self.pipelines.values() {
            let there =
                |name: &str| self.plugins.contains_key(name) || builtin::component(name).is_some();
            for (_, name) in pipeline.plugins().filter(|(_, name)| there(name)) {
                used.insert(name.clone(), self.plugin(name));
            }
        }
        used
    }

    /// A plugin as it is used: what is said of it, and for the router that comes with the node
    /// where objects go that no rule of its speaks of.
    pub(crate) fn plugin(&self, name: &str) -> PluginConfig {
        let mut plugin = self.plugins.get(name).cloned().unwrap_or_default();
        if name == ROUTER && plugin.component.is_none() {
            let said = std::mem::replace(&mut plugin.settings, self.defaults.settings());
            plugin.settings.extend(said);
        }
        plugin
    }

    /// All instances of all plugins have to fit into the engine, with some room for those that
    /// replay dead letters.
    fn check_room(&self, problems: &mut Vec<String>) {
        let each = self.pools().map(|(_, instances)| (1, instances));
        problems.extend(no_room(each, "instances", Engine::MAX_INSTANCES));
    }

    /// The pools of instances that a node makes: of which plugin, and how many each may have.
    pub(crate) fn pools(&self) -> impl Iterator<Item = (&str, usize)> {
        let reads = self.pipelines.values().filter_map(|pipeline| pipeline.serialize.as_ref());
        let judges = self.pipelines.values().flat_map(PipelineConfig::plugins);
        judges.map(|(_, name)| name).chain(reads).map(|name| {
            let plugin = self.plugins.get(name).cloned().unwrap_or_default();
            let instances = match plugin.isolation {
                Isolation::Shared => 1,
                Isolation::Pipeline | Isolation::Object => plugin.limits.instances(),
            };
            (name.as_str(), instances)
        })
    }

    /// Where compiled plugins are cached.
    #[must_use]
    pub fn cache_dir(&self) -> PathBuf {
        self.cache_dir.clone().unwrap_or_else(|| self.data_dir.join("cache"))
    }
}

/// One error for many problems.
pub(crate) fn report(what: &str, problems: Vec<String>) -> Error {
    let message = match problems.as_slice() {
        [one] => format!("{what} is wrong: {one}"),
        many => format!("{what} has {} problems:\n  {}", many.len(), many.join("\n  ")),
    };
    Error::new(ErrorKind::Config, message).with_hint("`framedb check --keys` lists every key")
}

/// Where a problem is, and what it is.
fn explain(error: &serde_path_to_error::Error<toml::de::Error>) -> (Vec<String>, String) {
    use serde_path_to_error::Segment;
    let mut path: Vec<String> = error
        .path()
        .iter()
        .filter_map(|segment| match segment {
            Segment::Map { key } => Some(key.clone()),
            Segment::Seq { index } => Some(index.to_string()),
            Segment::Enum { .. } | Segment::Unknown => None,
        })
        .collect();
    // What the crates for sizes and times say of what they expect.
    let message = error
        .inner()
        .message()
        .replace("expected parsable string", "expected a size such as \"64 MiB\"")
        .replace("expected a duration", "expected a time such as \"30s\"");
    let Some(rest) = message.strip_prefix("unknown field `") else {
        return (path.clone(), format!("{}: {message}", path.join(".")));
    };
    let (unknown, known) = rest.split_once('`').unwrap_or((rest, ""));
    if path.last().is_none_or(|last| last != unknown) {
        path.push(unknown.to_owned());
    }
    let known = known.split('`').skip(1).step_by(2);
    let problem = format!("unknown key `{}`{}", path.join("."), nearest(unknown, known));
    (path, problem)
}

/// Takes a key out of a table; arrays go as a whole.
fn remove(table: &mut toml::Table, path: &[String]) -> bool {
    match path {
        [] => false,
        [last] => table.remove(last).is_some(),
        [first, rest @ ..] => match table.get_mut(first) {
            Some(toml::Value::Table(inner)) => remove(inner, rest) || table.remove(first).is_some(),
            Some(_) => table.remove(first).is_some(),
            None => false,
        },
    }
}

/// What is wrong where all plugins may have more of something than the engine has, with some room
/// for replays of dead letters: `pools` are how many of it an instance has, and how many instances
/// there may be.
pub(crate) fn no_room(
    pools: impl Iterator<Item = (usize, usize)>,
    what: &str,
    engine: u32,
) -> Option<String> {
    let most = (engine / 10 * 9) as usize;
    let (one, all) =
        pools.fold((0, 0), |(one, all), (each, instances)| (one + each, all + each * instances));
    (all > most).then(|| {
        let advice = match most / one.max(1) {
            0 => "use fewer plugins, or smaller ones".to_owned(),
            fit => format!("set plugins.*.limits.instances to {fit} or less"),
        };
        format!(
            "the plugins of all pipelines may have {all} {what} together, and a node has room for \
             {most}: {advice}"
        )
    })
}

/// The known name that is nearest to a wrong one, as the end of a sentence.
pub(crate) fn nearest<'a>(wrong: &str, known: impl Iterator<Item = &'a str>) -> String {
    // Two letters the wrong way round are much of a short name.
    let likeness = |name| match strsim::osa_distance(wrong, name) {
        1 => 1.0,
        _ => strsim::jaro_winkler(wrong, name),
    };
    let best = known.map(|name| (likeness(name), name)).max_by(|a, b| a.0.total_cmp(&b.0));
    match best {
        Some((likeness, name)) if likeness > 0.7 => format!("; did you mean `{name}`?"),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_file_is_a_whole_node() {
        let config = Config::parse("").unwrap();
        assert!(config.instances.contains_key("disk") && config.pipelines.contains_key("default"));
        config.check().unwrap();
    }

    #[test]
    fn all_problems_are_reported_together_with_the_nearest_name() {
        let problems = Config::parse(
            "htp = \"127.0.0.1:1\"\n[limits]\nmax-objekt = 1\ndeadline = 5\n\
             [pipelines.default.batch]\nobjetcs = 4\n",
        )
        .unwrap_err();
        let all = problems.join("\n");
        assert_eq!(problems.len(), 4, "{all}");
        assert!(all.contains("unknown key `htp`; did you mean `http`?"), "{all}");
        assert!(
            all.contains("unknown key `limits.max-objekt`; did you mean `max-object`?"),
            "{all}"
        );
        assert!(all.contains("limits.deadline: "), "{all}");
        assert!(
            all.contains("`pipelines.default.batch.objetcs`; did you mean `objects`?"),
            "{all}"
        );
    }

    #[test]
    fn the_instances_of_all_plugins_fit_into_a_node() {
        let config = |instances: usize| {
            let text = format!("[plugins.serialize-raw.limits]\ninstances = {instances}\n");
            Config::parse(&text).unwrap().check()
        };
        config(300).unwrap();
        let error = config(600).unwrap_err().to_string();
        assert!(error.contains("room for 900: set plugins.*.limits.instances to 225"), "{error}");
    }

    #[test]
    fn urls_that_no_engine_can_use_are_refused() {
        for (url, problem) in [
            ("memory:big", "behind `memory:`"),
            ("mysql://h:port/d", "it is not a URL"),
            ("redis://", "host"),
            ("rediss://h?ssl-ca=/no/such.pem", "/no/such.pem"),
        ] {
            let text = format!("[instances.i]\nurl = \"{url}\"\n");
            let error = Config::parse(&text).unwrap().check().unwrap_err().to_string();
            assert!(error.contains("instances.i.url: ") && error.contains(problem), "{error}");
        }
    }

    #[test]
    fn instances_that_rules_name_and_nobody_has_are_told() {
        let text = "[plugins.resolve-rules.settings]\nrules_stream = \"mem\"\nrules_table = [\
                    {to = \"disk\"}, {to = \"dusk\"}, {to = [{id = \"disk\"}, {id = \"tape\"}]}]\n";
        let warnings = Config::parse(text).unwrap().warnings().join("\n");
        for told in ["rules_stream names `mem`", "rules_table names `dusk`", "names `tape`"] {
            assert!(warnings.contains(told), "{warnings}");
        }
        assert_eq!(warnings.lines().count(), 3, "{warnings}");
    }

    #[test]
    fn a_deadline_that_leaves_no_time_to_replay_is_told() {
        let warnings = |text: &str| Config::parse(text).unwrap().warnings();
        assert!(warnings("").is_empty());
        let short = warnings("[limits]\ndeadline = \"5s\"\n");
        let told = "plugins.serialize-raw.limits.batch-time (5s) and time (2s) together";
        assert!(short.iter().any(|line| line.contains(told)), "{short:?}");
    }

    #[test]
    fn only_a_redis_has_replicas_to_wait_for() {
        let instance = |url: &str| format!("[instances.i]\nurl = \"{url}\"\nwait-replicas = 1\n");
        for url in ["redis://h", "rediss-sentinel://h/m", "redis-cluster://h"] {
            Config::parse(&instance(url)).unwrap().check().unwrap();
        }
        let error = Config::parse(&instance("file:/tmp/x")).unwrap().check().unwrap_err();
        assert!(error.to_string().contains("instances.i.wait-replicas"), "{error}");
    }

    #[test]
    fn grants_are_held_against_the_instances() {
        let grants = "[instances.hot]\nurl = \"redis://:secret@h\"\n\
                      [plugins.serialize-raw.grants.redis.hot]\ninstance = \"hot\"\n\
                      keys = [\"dedup:*\"]\ncommands = [\"read\"]\n";
        Config::parse(grants).unwrap().check().unwrap();
        let wrong = format!(
            "{grants}[plugins.serialize-raw.grants.redis.cold]\ninstance = \"cold\"\n\
             [plugins.serialize-raw.grants.mysql.db]\n"
        );
        let error = Config::parse(&wrong).unwrap().check().unwrap_err().to_string();
        let start = "plugins.serialize-raw.grants.redis.cold.instance: there is no instance `cold`";
        assert!(error.contains(start) && error.contains("mysql.db leads nowhere"), "{error}");
        let problems =
            Config::parse("[plugins.p.grants.redis.a]\nkey = []\ncommands = [\"a b c\"]\n")
                .unwrap_err();
        let all = problems.join("\n");
        assert!(all.contains("did you mean `keys`?") && all.contains("neither a class"), "{all}");
    }

    #[test]
    fn urls_of_grants_are_read_and_not_shown() {
        let check = |kind: &str, url: &str, allows: &str| {
            let grant = format!("[plugins.serialize-raw.grants.{kind}.a]\nurl = \"{url}\"\n");
            Config::parse(&format!("{grant}{allows}\n")).unwrap().check()
        };
        let (commands, tables) = ("commands = [\"read\"]", "tables = { t = [\"select\"] }");
        check("redis", "redis://:hunter2@h/0", commands).unwrap();
        check("mysql", "mysql://u:hunter2@h/d", tables).unwrap();
        for (kind, url, allows) in [
            ("mysql", "mysql:/u:hunter2@h/d", tables),
            ("mysql", "mysql://u:hunter2@h:port/d", tables),
            ("redis", "redis://:hunter2@h:port", commands),
        ] {
            let error = check(kind, url, allows).unwrap_err().to_string();
            assert!(error.contains(&format!("grants.{kind}.a.url: ")), "{url}: {error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn limits_of_zero_are_refused_together() {
        let limits = "time = \"0s\"\nbatch-cpu = \"0s\"\nhost-calls = 0\nhandles = 0\noutput = 0\n";
        let text = format!("[plugins.serialize-raw.limits]\n{limits}");
        let error = Config::parse(&text).unwrap().check().unwrap_err().to_string();
        for name in ["time", "batch-cpu", "host-calls", "handles"] {
            let problem = format!("plugins.serialize-raw.limits.{name} is 0");
            assert!(error.contains(&problem), "{name}: {error}");
        }
        assert!(!error.contains("output"), "{error}");
    }

    #[test]
    fn combinations_that_cannot_work_are_refused_together() {
        let config = Config::parse(
            "http = \"0.0.0.0:1\"\n[limits]\nmax-object = \"512MiB\"\n\
             [pipelines.default]\nserialize = \"serialize-lz\"\n",
        )
        .unwrap();
        let error = config.check().unwrap_err().to_string();
        assert!(error.contains("public = true"), "{error}");
        assert!(error.contains("limits.in-flight"), "{error}");
        assert!(error.contains("did you mean `serialize-lz4`?"), "{error}");
    }
}
