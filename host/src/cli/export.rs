//! `framedb export`: a node's configuration for other platforms.

use super::output;
use anyhow::{Context as _, Result};
use clap::{Args, Subcommand};
use framedb_host::{
    Config, DEFAULT_PIPELINE, Error, ErrorKind,
    plugin::Engine,
    spin::{self, Export as Exported},
};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Write a node's configuration for another platform.
#[derive(Debug, Subcommand)]
pub(crate) enum Export {
    Spin(Spin),
}

/// Write a pipeline as an application of Spin: a manifest, its components, and what Spin is to be
/// told beside.
///
/// Instances, settings and grants become variables and allowed hosts. What holds a login or is a
/// secret setting is written nowhere: it becomes a variable that has to be given. What Spin has no
/// words for is said, and refused where the pipeline depends on it.
#[derive(Debug, Args)]
pub(crate) struct Spin {
    /// The configuration.
    #[arg(long, value_name = "FILE", default_value = "framedb.toml")]
    config: PathBuf,
    /// The pipeline.
    #[arg(long, value_name = "NAME", default_value = DEFAULT_PIPELINE)]
    pipeline: String,
    /// The folder to write to, which has no manifest yet.
    #[arg(short, long, value_name = "FOLDER")]
    output: PathBuf,
}

impl Export {
    pub(super) async fn run(self) -> Result<()> {
        match self {
            Self::Spin(spin) => spin.run().await,
        }
    }
}

impl Spin {
    async fn run(self) -> Result<()> {
        let manifest = self.output.join("spin.toml");
        if manifest.exists() {
            let what = format!("cannot write {}: it is there", manifest.display());
            return Err(Error::new(ErrorKind::Conflict, what)
                .with_hint("remove it, or name another folder with -o")
                .into());
        }
        let config = Config::read(&self.config)?;
        config.check()?;
        let engine = Engine::new(None)?;
        let exported = spin::export(&config, &self.pipeline, &engine).await?;
        write(&self.output, &exported)?;
        for warning in &exported.warnings {
            output::note(&format!("warning: {warning}"));
        }
        for name in &exported.secrets {
            let variable = name.to_uppercase();
            output::note(&format!("give the variable `{name}`: SPIN_VARIABLE_{variable}=…"));
        }
        let runtime = exported.runtime_config.as_ref();
        let runtime = runtime.map_or("", |_| " --runtime-config-file runtime-config.toml");
        output::note(&format!("run it in {}: spin up{runtime}", self.output.display()));
        output::data(&manifest.display().to_string())
    }
}

/// Writes components first, so that a manifest never names what is not there.
fn write(folder: &Path, exported: &Exported) -> Result<()> {
    let file = |name: &str, contents: &[u8]| -> Result<()> {
        let path = folder.join(name);
        let parent = path.parent().unwrap_or(folder);
        fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))?;
        fs::write(&path, contents).with_context(|| format!("cannot write {}", path.display()))
    };
    for (name, bytes) in &exported.components {
        file(name, bytes)?;
    }
    if let Some(runtime) = &exported.runtime_config {
        file("runtime-config.toml", runtime.as_bytes())?;
    }
    let schema = "#:schema https://schemas.spinframework.dev/spin/manifest-v2/latest.json\n\n";
    file("spin.toml", format!("{schema}{}", exported.manifest.to_toml()?).as_bytes())
}
