//! `framedb plugin`: components, away from a node.

use super::{grants::Grants, output, plugin_run::Run};
use anyhow::Result;
use bytes::Bytes;
use clap::Subcommand;
use framedb_host::{
    Error, ErrorKind, builtin,
    plugin::{Engine, Environment, Inspection, Offered, Plugin as Loaded, PluginConfig, digest},
};
use std::path::Path;

/// Look at plugins.
#[derive(Debug, Subcommand)]
pub(crate) enum Plugin {
    /// Show what a component imports and exports, and whether this node can run it.
    ///
    /// Fails where the node could not run it, and says why.
    Inspect {
        /// A component file, or the name of a built-in plugin.
        #[arg(value_name = "FILE|BUILTIN")]
        plugin: String,
    },
    Grants(Grants),
    Run(Run),
}

impl Plugin {
    pub(super) async fn run(self) -> Result<()> {
        match self {
            Self::Inspect { plugin } => inspect(&plugin).await,
            Self::Grants(grants) => grants.run().await,
            Self::Run(run) => run.run().await,
        }
    }
}

/// What a configuration would call a plugin.
pub(super) fn name_of(plugin: &str) -> &str {
    Path::new(plugin).file_stem().and_then(|stem| stem.to_str()).unwrap_or(plugin)
}

async fn inspect(plugin: &str) -> Result<()> {
    let bytes = read(plugin)?;
    let engine = Engine::new(None)?;
    let name = name_of(plugin);
    let inspection = Inspection::load(&engine, name, bytes.clone()).await?;
    let loaded = match inspection.check(name) {
        Ok(()) => {
            Loaded::load(
                &engine,
                &Environment::default(),
                name,
                bytes.clone(),
                &PluginConfig::default(),
            )
            .await
        }
        Err(error) => Err(error),
    };
    output::data(&format!("component  {plugin}"))?;
    output::data(&format!("digest     {}", digest(&bytes)))?;
    output::data(&format!("size       {}", output::size(bytes.len() as u64)))?;
    match &loaded {
        Ok(loaded) => {
            for (stage, name, version) in loaded.stages() {
                output::data(&format!("stage      {stage}: {name} {version}"))?;
            }
            if !loaded.writes().is_empty() || !loaded.reads().is_empty() {
                let list = |formats: &[framedb_core::Format]| match formats {
                    [] => "nothing".to_owned(),
                    formats => {
                        formats.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
                    }
                };
                output::data(&format!("writes     {}", list(loaded.writes())))?;
                output::data(&format!("reads      {}", list(loaded.reads())))?;
            }
        }
        Err(_) => {
            for stage in inspection.stages() {
                output::data(&format!("stage      {stage}"))?;
            }
        }
    }
    for (import, offered) in &inspection.imports {
        let mark = match offered {
            Offered::Freely => String::new(),
            Offered::Granted(section) => format!("   to be granted: {section}"),
            Offered::No => "   NOT OFFERED".to_owned(),
        };
        output::data(&format!("import     {import}{mark}"))?;
    }
    for export in &inspection.exports {
        output::data(&format!("export     {export}"))?;
    }
    match loaded {
        Ok(_) => output::note("this node can run it"),
        // What its settings should be is said where it is configured.
        Err(error) if error.kind() == ErrorKind::Config => {
            output::note(&format!("this node can run it, given its settings: {error}"));
            output::note(error.hint().unwrap_or_default());
        }
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

/// The bytes of a file, else of a built-in plugin with this name.
pub(super) fn read(plugin: &str) -> Result<Bytes> {
    read_or(plugin, builtin::component, || {
        let names: Vec<_> = builtin::names().collect();
        format!("give a file, or one of the built-in plugins: {}", names.join(", "))
    })
}

/// The bytes of a component: of a file, else what the binary has under that name.
pub(super) fn read_or(
    name: &str,
    builtin: impl FnOnce(&str) -> Option<Bytes>,
    hint: impl FnOnce() -> String,
) -> Result<Bytes> {
    let path = Path::new(name);
    if !path.exists()
        && let Some(component) = builtin(name)
    {
        return Ok(component);
    }
    let bytes = std::fs::read(path).map_err(|source| {
        Error::new(ErrorKind::Invalid, format!("cannot read the component {name}"))
            .with_source(source)
            .with_hint(hint())
    })?;
    Ok(bytes.into())
}
