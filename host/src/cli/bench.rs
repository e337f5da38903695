//! `framedb bench`: what the node costs on this machine.

use super::output;
use anyhow::{Context as _, Result};
use clap::Subcommand;
use framedb_host::bench::{Effort, pipeline};

/// Measure what the node costs on this machine.
#[derive(Debug, Subcommand)]
pub(crate) enum Bench {
    /// The path of objects: native against sandboxed stages, over the streaming door.
    Pipeline {
        /// Print the figures as JSON.
        #[arg(long)]
        json: bool,

        /// Measure for a few seconds only, for a look.
        #[arg(long)]
        quick: bool,
    },
}

impl Bench {
    pub(super) async fn run(self) -> Result<()> {
        let Self::Pipeline { json, quick } = self;
        let effort = if quick { Effort::quick() } else { Effort::full() };
        let scratch = tempfile::tempdir().context("cannot make a folder to measure in")?;
        let program = std::env::current_exe().context("cannot find this program")?;
        let say = |what: &str| output::note(&format!("measuring {what}"));
        let report = pipeline(scratch.path(), effort, Some(&program), say).await?;
        if json {
            return output::data(&serde_json::to_string(&report)?);
        }
        output::data(report.to_string().trim_end())
    }
}
