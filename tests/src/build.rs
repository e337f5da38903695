//! `Build`: what a test says of its node before it starts.

use crate::{
    TestNode,
    component::{cache_dir, fixture, scratch},
    wait::within,
};
use bytes::Bytes;
use framedb_core::Kind;
use framedb_host::{
    Address, Config, ErrorKind, InstanceConfig, Result, Worker,
    pipeline::{BatchConfig, MatchConfig, PipelineConfig},
    plugin::PluginConfig,
};
use std::{collections::HashMap, net::SocketAddr, sync::Arc, time::Duration};
use tempfile::TempDir;

/// How long a stopping node may finish what it accepted.
pub(crate) const GRACE: Duration = Duration::from_secs(20);

/// The kinds of objects, each with a default instance that keeps it.
pub const KINDS: [(Kind, &str); 3] =
    [(Kind::InMemory, "memory"), (Kind::Storage, "disk"), (Kind::Stream, "memory")];

/// A node to be: the default configuration, but for its doors and what is said here.
#[derive(Debug)]
pub struct Build {
    directory: Arc<TempDir>,
    again: bool,
    config: Config,
    components: HashMap<String, Bytes>,
}

/// A node whose default pipeline has the fixture `misbehave` in every stage.
#[must_use]
pub fn misbehaving() -> Build {
    TestNode::build().fixture("misbehave", |_| {}).pipeline("default", |pipeline| {
        pipeline.ingest = vec!["misbehave".into()];
        pipeline.resolve = Some("misbehave".into());
        pipeline.serialize = Some("misbehave".into());
    })
}

impl Build {
    pub(crate) fn new() -> Self {
        let any = Address(Some(SocketAddr::from(([127, 0, 0, 1], 0))));
        let config = Config {
            grpc: any,
            http: any,
            cache_dir: Some(cache_dir()),
            grace: GRACE,
            pipelines: [("default".to_owned(), PipelineConfig::default())].into(),
            ..Config::default()
        };
        let directory = Arc::new(scratch());
        Self { directory, again: false, config, components: HashMap::new() }
    }

    /// Keeps the data in a directory that another node used before.
    #[must_use]
    pub fn in_directory(mut self, directory: &Arc<TempDir>) -> Self {
        self.directory = directory.clone();
        self.again = true;
        self
    }

    /// Changes anything of the configuration.
    #[must_use]
    pub fn config(mut self, change: impl FnOnce(&mut Config)) -> Self {
        change(&mut self.config);
        self
    }

    /// Adds an instance.
    #[must_use]
    pub fn instance(self, framedb_id: &str, url: &str) -> Self {
        self.config(|config| {
            config.instances.insert(framedb_id.into(), InstanceConfig::at(url));
        })
    }

    /// Adds the instance `second`, on a disk of its own beside the data directory.
    #[must_use]
    pub fn second_disk(self) -> Self {
        let url = format!("file:{}", self.directory.path().join("second").display());
        self.instance("second", &url)
    }

    /// Adds a fixture as a plugin of the same name.
    #[must_use]
    pub fn fixture(self, name: &str, change: impl FnOnce(&mut PluginConfig)) -> Self {
        self.plugin(name, fixture(name), change)
    }

    /// Adds a component as a plugin.
    #[must_use]
    pub fn plugin(
        mut self,
        name: &str,
        component: impl Into<Bytes>,
        change: impl FnOnce(&mut PluginConfig),
    ) -> Self {
        self.components.insert(name.into(), component.into());
        self.configure(name, change)
    }

    /// Changes what is said of a plugin.
    #[must_use]
    pub fn configure(self, name: &str, change: impl FnOnce(&mut PluginConfig)) -> Self {
        self.config(|config| change(config.plugins.entry(name.into()).or_default()))
    }

    /// Adds or changes a pipeline; it begins without plugins, and takes one batch at a time.
    #[must_use]
    pub fn pipeline(self, name: &str, change: impl FnOnce(&mut PipelineConfig)) -> Self {
        let mut pipeline = PipelineConfig {
            // What is sent together shares a batch, however long plugins take.
            batch: BatchConfig { at_once: 1, time: Duration::ZERO, ..BatchConfig::default() },
            ..PipelineConfig::default()
        };
        change(&mut pipeline);
        self.config(|config| drop(config.pipelines.insert(name.into(), pipeline)))
    }

    /// A pipeline whose only plugin is one of the serialize stage.
    #[must_use]
    pub fn serializer(self, plugin: &str) -> Self {
        self.pipeline("default", |pipeline| pipeline.serialize = Some(plugin.into()))
    }

    /// A pipeline for a source, with one ingest plugin.
    #[must_use]
    pub fn for_source(self, name: &str, source: &str, ingest: &str) -> Self {
        self.pipeline(name, |pipeline| {
            pipeline.matches =
                MatchConfig { source: Some(source.into()), ..MatchConfig::default() };
            pipeline.ingest = vec![ingest.into()];
        })
    }

    /// Starts the node with its doors closed.
    pub async fn start(self) -> TestNode {
        self.try_start().await.unwrap_or_else(|error| panic!("{}", error.chain()))
    }

    /// Starts the node with its doors closed, or says why it cannot.
    ///
    /// # Errors
    ///
    /// As [`Worker::new`].
    pub async fn try_start(self) -> Result<TestNode> {
        let directory = self.directory.clone();
        Ok(TestNode::closed(directory, self.worker().await?))
    }

    /// Starts the node with its doors open.
    pub async fn open(self) -> TestNode {
        let directory = self.directory.clone();
        let worker = self.worker().await.unwrap_or_else(|error| panic!("{}", error.chain()));
        TestNode::open(directory, worker.open().await.unwrap())
    }

    async fn worker(self) -> Result<Worker> {
        let started = async {
            loop {
                let mut builder = Worker::builder().config(self.config.clone());
                builder = builder.data_dir(self.directory.path().join("data"));
                for (name, component) in &self.components {
                    let config = self.config.plugins.get(name).cloned().unwrap_or_default();
                    builder = builder.plugin(name, component.clone(), config);
                }
                match builder.build().await {
                    // The tasks of the node before may hold the directory for a moment.
                    Err(error) if self.again && error.kind() == ErrorKind::Conflict => {
                        tokio::time::sleep(Duration::from_millis(10)).await;
                    }
                    result => return result,
                }
            }
        };
        within("starting a node", started).await
    }
}
