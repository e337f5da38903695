//! Which node: the arguments that every command has.

use anyhow::Result;
use clap::Args;
use framedb_host::Config;
use std::path::PathBuf;

/// Which node.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct NodeArgs {
    /// The configuration file; without one, every setting has its default.
    #[arg(long, value_name = "FILE", env = "FRAMEDB_CONFIG", help_heading = "Node")]
    pub(super) config: Option<PathBuf>,

    /// Where the node keeps its data; `framedb-data` unless the configuration says otherwise.
    #[arg(long, value_name = "DIR", env = "FRAMEDB_DATA_DIR", help_heading = "Node")]
    pub(super) data_dir: Option<PathBuf>,

    /// Where compiled plugins are cached; `cache` in the data directory unless the
    /// configuration says otherwise.
    #[arg(long, value_name = "DIR", env = "FRAMEDB_CACHE_DIR", help_heading = "Node")]
    pub(super) cache_dir: Option<PathBuf>,
}

impl NodeArgs {
    /// The configuration: the arguments over the file over the defaults.
    pub(super) fn config(&self) -> Result<Config> {
        let mut config = match &self.config {
            Some(path) => Config::read(path)?,
            None => Config::default(),
        };
        if let Some(data_dir) = &self.data_dir {
            config.data_dir.clone_from(data_dir);
        }
        if self.cache_dir.is_some() {
            config.cache_dir.clone_from(&self.cache_dir);
        }
        Ok(config)
    }
}
