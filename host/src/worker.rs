//! `Worker`: builds every part of a node, runs it, drains it.

use crate::{
    Error, ErrorKind, Result, builtin,
    codecs::Codecs,
    config::{Address, Config, DEFAULT_PIPELINE, no_room, report},
    dead_letters::DeadLetters,
    driver::{Arena, Disks},
    framedb::OwnFrameDb,
    health::Health,
    instances::{InstanceConfig, Instances},
    listener::Doors,
    node::Node,
    pipeline::{
        Admission, Ingress, Pipeline, PipelineConfig, Shared, Stages, order::Order, sink::Sink,
    },
    plugin::{Breaker, Engine, Environment, Parts, Plugin, PluginConfig, Pool, framedb::FrameDb},
    reader::Reader,
    registrar::Registrar,
    registry::{
        self, Generations, Intents, NodeRegistry, Recovered, Recovery, Registry, settle_abandoned,
        sweep,
    },
    sources::Sources,
    telemetry::Telemetry,
};
use bytes::Bytes;
use framedb_core::{Key, Rule, Stage};
use std::{
    collections::{BTreeMap, HashMap},
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, atomic::AtomicBool},
    time::{Duration, Instant, SystemTime},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How often what has expired is removed; reads do not wait for it.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

/// Expired objects that one step of a sweep removes.
const SWEEP_STEP: usize = 1000;

/// A node: built from a [`Config`], then run until a future resolves.
///
/// Nothing of it is global, so that several can live in one process; each needs a data
/// directory of its own.
#[derive(Debug)]
pub struct Worker {
    node: Arc<Node>,
    tasks: TaskTracker,
    background: CancellationToken,
    // Dropped last: closing the data directory waits for what was written.
    _disks: Arc<Disks>,
}

/// Builds a [`Worker`] from code.
#[derive(Debug, Default)]
pub struct Builder {
    config: Config,
    components: HashMap<String, Bytes>,
}

impl Worker {
    /// A builder with the default configuration.
    #[must_use]
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Opens the stores, loads the plugins and starts the pipelines. The node takes objects
    /// from code at once, and over its doors when [`Worker::run`] opens them. An instance whose
    /// server cannot be reached is used as soon as it can be; see [`Health`].
    ///
    /// # Errors
    ///
    /// When the configuration is wrong, also in the eyes of a server that it names, the registry
    /// or the data directory cannot be used, or a plugin cannot be loaded.
    pub async fn new(config: Config) -> Result<Self> {
        Builder { config, components: HashMap::new() }.build().await
    }

    /// Holds a configuration against everything but its data: its settings against each other,
    /// and every plugin that a pipeline names by loading it.
    ///
    /// # Errors
    ///
    /// As [`Worker::new`].
    pub async fn check(config: &Config) -> Result<Vec<Arc<Plugin>>> {
        // A look at a configuration makes no folders.
        let cache = Some(config.cache_dir()).filter(|folder| folder.is_dir());
        let engine = Engine::new(cache.as_deref())?;
        // What has no component is a problem of the settings.
        let mut used = config.all_plugins();
        used.retain(|name, plugin| match &plugin.component {
            Some(path) => path.is_file(),
            None => builtin::component(name).is_some(),
        });
        let loaded = load(&engine, &Environment::default(), config, used, &HashMap::new()).await;
        let mut problems = config.problems(&|_| false);
        match loaded {
            Ok(plugins) if problems.is_empty() => Ok(plugins.into_values().collect()),
            Ok(_) => Err(report("the configuration", problems)),
            Err(unusable) if problems.is_empty() => Err(together(unusable)),
            Err(unusable) => {
                problems.extend(unusable.iter().map(Error::advice));
                Err(report("the configuration", problems))
            }
        }
    }

    /// What works, and yet may not do what the operator expects: a line for each.
    #[must_use]
    pub fn warnings(config: &Config, plugins: &[Arc<Plugin>]) -> Vec<String> {
        let of_plugins = plugins.iter().flat_map(|plugin| plugin.warnings());
        config.warnings().into_iter().chain(of_plugins.map(ToString::to_string)).collect()
    }

    /// The way in: ingests objects from code.
    #[must_use]
    pub fn ingress(&self) -> &Ingress {
        &self.node.ingress
    }

    /// The way out: reads, lists, deletes, takes out of queues.
    #[must_use]
    pub fn reader(&self) -> &Reader {
        &self.node.reader
    }

    /// Everything that doors and commands work with.
    #[must_use]
    pub fn node(&self) -> &Arc<Node> {
        &self.node
    }

    /// Opens the doors and serves until `shutdown` resolves; then closes them and finishes what
    /// was accepted, within the grace period.
    ///
    /// # Errors
    ///
    /// When an address is in use or may not be used.
    pub async fn run(self, shutdown: impl Future<Output = ()> + Send) -> Result<()> {
        self.open().await?.serve(shutdown).await
    }

    /// Opens the doors; the node is ready.
    ///
    /// # Errors
    ///
    /// When an address is in use or may not be used.
    pub async fn open(self) -> Result<Serving> {
        let doors = Doors::open(&self.node).await?;
        self.node.set_ready(true);
        Ok(Serving { worker: self, doors })
    }

    /// Finishes what was accepted, within `grace`.
    pub async fn drain(self, grace: Duration) {
        let accepted = self.node.ingress.admission().clone();
        let finished = async {
            // Objects on their way to a batch are in no task yet; their permits are taken.
            accepted.idle().await;
            self.tasks.close();
            self.tasks.wait().await;
        };
        if tokio::time::timeout(grace, finished).await.is_err() {
            tracing::warn!(
                bytes = accepted.in_flight(),
                "the grace period ended before everything that was accepted"
            );
        }
        self.background.cancel();
    }
}

/// A node with open doors.
#[derive(Debug)]
pub struct Serving {
    worker: Worker,
    doors: Doors,
}

impl Serving {
    /// Where the doors are: gRPC and HTTP. With port 0 in the configuration this says which
    /// port the operating system chose.
    #[must_use]
    pub fn addresses(&self) -> (Option<SocketAddr>, Option<SocketAddr>) {
        self.doors.addresses()
    }

    /// The node behind them.
    #[must_use]
    pub fn worker(&self) -> &Worker {
        &self.worker
    }

    /// Serves until `shutdown` resolves; then closes the doors and finishes what was accepted,
    /// within the grace period.
    ///
    /// # Errors
    ///
    /// None at present; a door that fails says so in the log.
    pub async fn serve(self, shutdown: impl Future<Output = ()> + Send) -> Result<()> {
        let Self { worker, doors } = self;
        shutdown.await;
        worker.node.set_ready(false);
        let grace = worker.node.config.grace;
        let started = Instant::now();
        doors.close(&worker.node, grace).await;
        worker.drain(grace.saturating_sub(started.elapsed())).await;
        Ok(())
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.background.cancel();
    }
}

impl Builder {
    /// Starts from a configuration.
    #[must_use]
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// Where the node keeps its data.
    #[must_use]
    pub fn data_dir(mut self, path: impl Into<PathBuf>) -> Self {
        self.config.data_dir = path.into();
        self
    }

    /// Keeps the doors closed: objects come from code alone.
    #[must_use]
    pub fn without_network(mut self) -> Self {
        self.config.grpc = Address(None);
        self.config.http = Address(None);
        self
    }

    /// Adds an instance.
    #[must_use]
    pub fn instance(mut self, framedb_id: &str, config: InstanceConfig) -> Self {
        self.config.instances.insert(framedb_id.into(), config);
        self
    }

    /// Adds a plugin whose component is at hand; `config.component` is not read.
    #[must_use]
    pub fn plugin(mut self, name: &str, component: impl Into<Bytes>, config: PluginConfig) -> Self {
        self.components.insert(name.into(), component.into());
        self.config.plugins.insert(name.into(), config);
        self
    }

    /// Adds a pipeline, or replaces `default`.
    #[must_use]
    pub fn pipeline(mut self, name: &str, config: PipelineConfig) -> Self {
        self.config.pipelines.insert(name.into(), config);
        self
    }

    /// As [`Worker::new`].
    ///
    /// # Errors
    ///
    /// As [`Worker::new`].
    pub async fn build(self) -> Result<Worker> {
        // Boxed, because it is large and callers nest it deep.
        Box::pin(self.assemble()).await
    }

    async fn assemble(self) -> Result<Worker> {
        let Self { config, components } = self;
        config.check_with(&|name| components.contains_key(name))?;
        let telemetry = Telemetry::new();
        let disks = Arc::new(Disks::new(&config.data_dir));
        // The cache of compiled plugins is in it, and would make it for everybody.
        disks.make_home()?;
        let disk = tokio::task::spawn_blocking({
            let disks = disks.clone();
            move || disks.home()
        });
        // The engine and the data directory take their time side by side.
        let engine = Engine::new(Some(&config.cache_dir()))?;
        let environment = Environment::new(&config.instances, telemetry.clone(), disks.clone());
        let plugins = load(&engine, &environment, &config, config.used_plugins(), &components)
            .await
            .map_err(together)?;
        let warnings = plugins.values().flat_map(|plugin| plugin.warnings());
        for line in config.warnings().iter().chain(warnings) {
            tracing::warn!("{line}");
        }
        let disk = disk.await.map_err(|source| {
            Error::new(ErrorKind::Unavailable, "cannot open the data directory").with_source(source)
        })??;
        let arena = Arc::new(Arena::new());
        let durable = registry::open(&config.registry, disk.clone()).await?;
        let registry: Arc<dyn Registry> = Arc::new(NodeRegistry::new(arena.clone(), durable));
        let instances = Instances::open(&config, arena, disks.clone(), registry.clone()).await?;
        let instances = Arc::new(instances);
        let look = Health::first(&config, instances.clone(), registry.clone(), telemetry.clone());
        let health = Arc::new(look.await?);
        let dead_letters = Arc::new(DeadLetters::new(disk.clone(), &config.dead_letters));
        let intents = Arc::new(Intents::new(disk));
        let pending = intents.pending().await?;
        let recovery = Arc::new(Recovery::new(pending));
        let max_object = config.limits.max_object.as_u64();
        let codecs = Arc::new(Codecs::new(
            engine.clone(),
            &config.data_dir,
            max_object,
            telemetry.clone(),
            plugins.values().filter(|p| p.exports_stage(Stage::Serialize)).cloned().collect(),
        ));
        let order = Order::new();
        let tasks = TaskTracker::new();
        let background = CancellationToken::new();
        spawn_background(&background, &recovery, &intents, &registry, &instances, &order);
        tokio::spawn({
            let (health, ended) = (health.clone(), background.clone());
            async move { ended.run_until_cancelled(health.run()).await }
        });
        let generations = Arc::new(Generations::new());
        let shared = Arc::new(Shared {
            order: order.clone(),
            instances: instances.clone(),
            defaults: config.defaults.clone(),
            codecs: codecs.clone(),
            sink: Sink {
                instances: instances.clone(),
                registry: registry.clone(),
                intents: intents.clone(),
                generations: generations.clone(),
                recovery: recovery.clone(),
            },
            dead_letters: dead_letters.clone(),
            tasks: tasks.clone(),
        });
        let mut breakers = Breakers::new();
        let pipelines = start_pipelines(&config, &plugins, &mut breakers, &shared, &telemetry);
        let reader = Reader {
            instances: instances.clone(),
            registry: registry.clone(),
            codecs: codecs.clone(),
            order: order.clone(),
            recovery,
            // Who waits is told as soon as those who write.
            patience: config.limits.unreachable.min(config.limits.deadline),
        };
        let sources = Sources::new(&config, registry.clone(), tasks.clone())?;
        let framedb = Arc::new(OwnFrameDb {
            shared,
            reader: reader.clone(),
            sources: sources.clone(),
            writes: Admission::new(config.limits.plugin_writes.as_u64(), max_object),
            reads: Admission::new(config.limits.plugin_reads.as_u64(), max_object),
        });
        let lent: Arc<dyn FrameDb> = framedb.clone();
        environment.lend(Arc::downgrade(&lent));
        let node = Arc::new(Node {
            ingress: Ingress {
                pipelines: pipelines.clone(),
                admission: Admission::new(config.limits.in_flight.as_u64(), max_object),
                instances: instances.clone(),
                registry: registry.clone(),
                order: order.clone(),
                telemetry: telemetry.clone(),
                deadline: config.limits.deadline,
                unreachable: config.limits.unreachable,
            },
            sources,
            _framedb: framedb,
            registrar: Registrar {
                reader: reader.clone(),
                order,
                intents,
                generations,
                tasks: tasks.clone(),
                patience: config.limits.deadline,
            },
            reader,
            instances,
            registry,
            codecs,
            plugins: plugins.into_values().collect(),
            breakers: breakers.into_values().collect(),
            engine,
            environment,
            dead_letters,
            pipelines,
            telemetry,
            health,
            tasks: tasks.clone(),
            started: Instant::now(),
            ready: AtomicBool::new(false),
            config,
        });
        Ok(Worker { node, tasks, background, _disks: disks })
    }
}

/// Loads every plugin that a pipeline names, side by side.
async fn load(
    engine: &Engine,
    environment: &Environment,
    config: &Config,
    used: BTreeMap<String, PluginConfig>,
    components: &HashMap<String, Bytes>,
) -> std::result::Result<BTreeMap<String, Arc<Plugin>>, Vec<Error>> {
    let loading = used.into_iter().map(|(name, plugin)| async move {
        let bytes = match (components.get(&name), &plugin.component) {
            (Some(bytes), _) => bytes.clone(),
            (None, Some(path)) => Bytes::from(tokio::fs::read(path).await.map_err(|source| {
                let message =
                    format!("cannot read the component of plugin `{name}`, {}", path.display());
                Error::new(ErrorKind::Plugin, message).with_source(source)
            })?),
            (None, None) => builtin::component(&name).unwrap_or_default(),
        };
        let loaded = Plugin::load(engine, environment, &name, bytes, &plugin).await?;
        Ok::<_, Error>((name, Arc::new(loaded)))
    });
    let mut plugins = BTreeMap::new();
    let mut problems = Vec::new();
    for loaded in futures::future::join_all(loading).await {
        match loaded {
            Ok((name, plugin)) => drop(plugins.insert(name, plugin)),
            Err(problem) => problems.push(problem),
        }
    }
    for (pipeline, chain) in &config.pipelines {
        for (stage, name) in chain.plugins() {
            if let Some(plugin) = plugins.get(name)
                && !plugin.exports_stage(stage)
            {
                let exported: Vec<_> = plugin.stages().map(|(s, ..)| s.as_str()).collect();
                let message = format!(
                    "pipelines.{pipeline}.{stage} names the plugin `{name}`, which exports {} only",
                    exported.join(" and ")
                );
                problems.push(Error::new(ErrorKind::Config, message));
            }
        }
    }
    if problems.is_empty() {
        problems.extend(crowded(config, &plugins));
    }
    if problems.is_empty() { Ok(plugins) } else { Err(problems) }
}

/// What is wrong where the components of all plugins are together too much for the engine.
fn crowded(config: &Config, plugins: &BTreeMap<String, Arc<Plugin>>) -> Option<Error> {
    let beyond = |part: fn(Parts) -> usize, what, engine| {
        let pools = config.pools();
        let pools =
            pools.filter_map(|(name, count)| Some((part(plugins.get(name)?.parts()), count)));
        let largest = plugins.values().max_by_key(|plugin| part(plugin.parts()));
        no_room(pools, what, engine).zip(largest)
    };
    let memories = beyond(|parts| parts.memories, "linear memories", Engine::MAX_MEMORIES);
    let tables = || beyond(|parts| parts.tables, "tables", Engine::MAX_TABLES);
    let (message, largest) = memories.or_else(tables)?;
    let hint = format!(
        "an instance of `{}` has {} linear memories and {} tables: one component may be several",
        largest.name(),
        largest.parts().memories,
        largest.parts().tables,
    );
    Some(Error::new(ErrorKind::Config, message).with_hint(hint))
}

/// One error for all the plugins that cannot be used.
fn together(mut problems: Vec<Error>) -> Error {
    if problems.len() == 1 {
        return problems.remove(0);
    }
    let lines: Vec<_> = problems.iter().map(Error::advice).collect();
    let message = format!("{} plugins cannot be used:\n  {}", lines.len(), lines.join("\n  "));
    Error::new(ErrorKind::Plugin, message)
}

/// The breakers of plugins, by plugin and stage.
type Breakers = BTreeMap<(String, &'static str), Arc<Breaker>>;

fn start_pipelines(
    config: &Config,
    plugins: &BTreeMap<String, Arc<Plugin>>,
    breakers: &mut Breakers,
    shared: &Arc<Shared>,
    telemetry: &Telemetry,
) -> Arc<[Arc<Pipeline>]> {
    let max_object = config.limits.max_object.as_u64();
    let mut chains: Vec<_> = config.pipelines.iter().collect();
    // The default pipeline takes what no other one is for.
    chains.sort_by_key(|(name, chain)| (*name == DEFAULT_PIPELINE, chain.priority));
    let mut start = |(name, chain): (&String, &PipelineConfig)| {
        let mut pool = |stage: Stage, plugin: &String| {
            let loaded = plugins.get(plugin)?.clone();
            let said = config.plugins.get(plugin);
            let isolation = said.map(|p| p.isolation).unwrap_or_default();
            let breaker = breakers.entry((plugin.clone(), stage.as_str())).or_insert_with(|| {
                let said = said.map(|p| p.breaker.clone()).unwrap_or_default();
                Arc::new(Breaker::new(plugin, stage, &said, telemetry))
            });
            let pool = Pool::new(loaded, isolation, max_object, telemetry.pool(name, plugin));
            Some(Arc::new(pool.with_breaker(breaker.clone())))
        };
        let stages = Stages {
            ingest: chain.ingest.iter().filter_map(|p| pool(Stage::Ingest, p)).collect(),
            resolve: chain.resolve.as_ref().and_then(|p| pool(Stage::Resolve, p)),
            serialize: chain.serialize.as_ref().and_then(|p| pool(Stage::Serialize, p)),
        };
        let rule = if name == DEFAULT_PIPELINE { Rule::default() } else { chain.matches.rule() };
        Pipeline::start(name, rule, chain, stages, shared.clone(), telemetry.pipeline(name))
    };
    chains.into_iter().map(&mut start).collect()
}

/// Recovery of writes whose outcome is unclear and the removal of what has expired, beside new
/// traffic.
fn spawn_background(
    ended: &CancellationToken,
    recovery: &Arc<Recovery>,
    intents: &Arc<Intents>,
    registry: &Arc<dyn Registry>,
    instances: &Arc<Instances>,
    order: &Arc<Order>,
) {
    let order = order.clone();
    let (recovery, intents) = (recovery.clone(), intents.clone());
    let (registry, instances) = (registry.clone(), instances.clone());
    let ended = ended.clone();
    tokio::spawn(async move {
        let turn = |key: &Key| {
            let place = order.enter(key);
            async {
                place.come().await;
                place
            }
        };
        let recover = async {
            loop {
                recovery.wanted().await;
                let Recovered { registered, left } =
                    recovery.run(&intents, registry.as_ref(), &*instances).await;
                tracing::info!(
                    stored = registered,
                    not_stored = left,
                    "every write whose outcome was unclear is settled: objects that were found \
                     stored are readable, the keys of the others are as they were before the write"
                );
            }
        };
        let held = |key: &Key| recovery.holds(key);
        let sweeping = async {
            loop {
                tokio::time::sleep(SWEEP_EVERY).await;
                match settle_abandoned(registry.as_ref(), &*instances, turn, held).await {
                    Ok(Recovered { registered: 0, left: 0 }) => {}
                    Ok(Recovered { registered, left }) => tracing::info!(
                        stored = registered,
                        not_stored = left,
                        "writes that workers on Spin had begun and given up are settled"
                    ),
                    Err(error) => {
                        let error = error.chain();
                        tracing::warn!(error, "cannot look for interrupted writes of workers");
                    }
                }
                loop {
                    let now = SystemTime::now();
                    match sweep(registry.as_ref(), &*instances, turn, held, now, SWEEP_STEP).await {
                        Ok(removed) if removed >= SWEEP_STEP => {}
                        Ok(_) => break,
                        Err(error) => {
                            tracing::warn!(error = error.chain(), "cannot remove what has expired");
                            break;
                        }
                    }
                }
            }
        };
        tokio::select! {
            () = ended.cancelled() => {}
            () = recover => {}
            () = sweeping => {}
        }
    });
}
