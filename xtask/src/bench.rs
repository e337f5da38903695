//! `cargo xtask bench`: the measurements of `framedb bench`, with an optimised build.

use crate::cargo;
use anyhow::Result;
use clap::Args;

/// What to measure.
#[derive(Debug, Args)]
pub(crate) struct Bench {
    /// Arguments of `framedb bench`, such as `engine redis --json`; `pipeline` when they name
    /// nothing to measure.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

impl Bench {
    /// Builds the node with optimisations, and measures.
    pub(crate) fn run(&self) -> Result<()> {
        let mut line = vec![
            "run",
            "--release",
            "--package",
            "framedb-host",
            "--bin",
            "framedb",
            "--",
            "bench",
        ];
        if self.arguments.first().is_none_or(|first| first.starts_with('-')) {
            line.push("pipeline");
        }
        line.extend(self.arguments.iter().map(String::as_str));
        cargo::run(&line)
    }
}
