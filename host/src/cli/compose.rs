//! `framedb compose`: components of several.

use super::{output, plugin};
use anyhow::{Context as _, Result};
use clap::Args;
use framedb_core::Stage;
use framedb_host::{
    Error, ErrorKind, builtin,
    compose::{self, Plug},
    plugin::digest,
};
use std::path::PathBuf;

/// Compose plugins into a worker, or several ingest plugins into one.
///
/// With a worker, its imports of stages are filled with plugins, as Spin does with the
/// dependencies of a manifest; a stage that no plugin is given for changes nothing, and places
/// objects where their senders said. With `--chain`,
/// ingest plugins become one that calls them one after the other by the rules of a pipeline; the
/// node takes it as well as Spin.
#[derive(Debug, Args)]
#[command(override_usage = "framedb compose <WORKER> [--ingest <PLUGIN>] [--resolve <PLUGIN>] \
                            [--serialize <PLUGIN>] -o <FILE>\n       \
                            framedb compose --chain <PLUGIN> <PLUGIN>... -o <FILE>")]
pub(crate) struct Compose {
    /// The worker: a component that imports the stages, a file or `edge-worker`.
    #[arg(value_name = "WORKER", required_unless_present = "chain", conflicts_with = "chain")]
    worker: Option<String>,
    /// The plugin of the ingest stage, a file or the name of a built-in one.
    #[arg(long, value_name = "PLUGIN", conflicts_with = "chain")]
    ingest: Option<String>,
    /// The plugin of the resolve stage.
    #[arg(long, value_name = "PLUGIN", conflicts_with = "chain")]
    resolve: Option<String>,
    /// The plugin of the serialize stage.
    #[arg(long, value_name = "PLUGIN", conflicts_with = "chain")]
    serialize: Option<String>,
    /// Ingest plugins in the order in which objects pass them.
    #[arg(long, value_name = "PLUGIN", num_args = 1..)]
    chain: Vec<String>,
    /// Where to write the component.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

impl Compose {
    pub(super) fn run(self) -> Result<()> {
        let bytes = match &self.worker {
            Some(worker) => self.plug(worker)?,
            None => self.chained()?,
        };
        std::fs::write(&self.output, &bytes)
            .with_context(|| format!("cannot write {}", self.output.display()))?;
        let size = output::size(bytes.len() as u64);
        output::note(&format!("{} {size} {}", self.output.display(), digest(&bytes)));
        Ok(())
    }

    fn plug(&self, worker: &str) -> Result<Vec<u8>> {
        let builtin = |name: &str| builtin::part(name).or_else(|| builtin::component(name));
        let hint = || "give the file of a worker, or `edge-worker`".to_owned();
        let socket = plugin::read_or(worker, builtin, hint)?;
        let mut plugs = Vec::new();
        let imports = compose::imports(worker, &socket)?;
        for (stage, plugin) in [
            (Stage::Ingest, &self.ingest),
            (Stage::Resolve, &self.resolve),
            (Stage::Serialize, &self.serialize),
        ] {
            let Some(import) = compose::interface(stage) else { continue };
            let name = match plugin {
                Some(plugin) => plugin.as_str(),
                None if imports.contains(&import) => compose::stand_in(stage),
                None => continue,
            };
            plugs.push((import, name, plugin::read(name)?));
        }
        if plugs.is_empty() {
            let what = format!("`{worker}` imports no stage");
            return Err(Error::new(ErrorKind::Invalid, what)
                .with_hint("give the worker of FrameDB, or a component that imports a stage")
                .into());
        }
        let plugs: Vec<_> = plugs
            .iter()
            .map(|(import, name, bytes)| Plug { import, export: None, name, bytes })
            .collect();
        Ok(compose::plug(worker, &socket, &plugs)?)
    }

    fn chained(&self) -> Result<Vec<u8>> {
        let read = self.chain.iter().map(|name| plugin::read(name));
        let components = read.collect::<Result<Vec<_>>>()?;
        let names = self.chain.iter().map(String::as_str);
        let plugins: Vec<_> = names.zip(components.iter().map(|bytes| &bytes[..])).collect();
        Ok(compose::chain(&plugins)?)
    }
}
