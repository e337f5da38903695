//! The command line: one command a file.
//!
//! Data goes to the standard output, everything else to the standard error. Doc comments are
//! the help text.

mod ask;
mod error;
mod node_args;
mod output;
mod overrides;

mod connection;
mod request;

mod logs;
mod serve;

mod get;
mod instances;
mod ls;
mod pop;
mod progress;
mod put;
mod rm;
mod sink;
mod volatile;

mod codecs;
mod dlq;
mod grants;
mod pipelines;
mod plugin;
mod plugin_run;

mod check;
mod keys;

mod compose;
mod export;
mod spin;

mod bench;

pub(crate) use error::{Exit, report};

use anyhow::{Context as _, Result};
use clap::{Parser, Subcommand};

/// FrameDB Edge: takes objects into FrameDB, through plugins in a sandbox.
///
/// Exit codes: 0 done, 1 failed, 2 misused.
#[derive(Debug, Parser)]
#[command(name = "framedb", version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::Serve),
    Put(put::Put),
    Get(get::Get),
    Ls(ls::Ls),
    Rm(rm::Rm),
    Pop(pop::Pop),
    Instances(instances::Instances),
    Check(check::Check),
    #[command(subcommand)]
    Plugin(plugin::Plugin),
    #[command(subcommand)]
    Pipelines(pipelines::Pipelines),
    #[command(subcommand)]
    Dlq(dlq::Dlq),
    #[command(subcommand)]
    Codecs(codecs::Codecs),
    Compose(compose::Compose),
    #[command(subcommand)]
    Export(export::Export),
    #[command(subcommand)]
    Spin(spin::Spin),
    #[command(subcommand)]
    Bench(bench::Bench),
}

impl Cli {
    /// Does what was asked.
    pub(crate) fn run(self) -> Result<()> {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        let runtime = runtime.context("cannot start the runtime")?;
        let done = runtime.block_on(async {
            // A node says what it logs; and lines would be measured along, thousands of them.
            if !matches!(self.command, Command::Serve(_) | Command::Spin(_) | Command::Bench(_)) {
                logs::quiet();
            }
            match self.command {
                Command::Serve(command) => command.run().await,
                Command::Put(command) => command.run().await,
                Command::Get(command) => command.run().await,
                Command::Ls(command) => command.run().await,
                Command::Rm(command) => command.run().await,
                Command::Pop(command) => command.run().await,
                Command::Instances(command) => command.run().await,
                Command::Check(command) => command.run().await,
                Command::Plugin(command) => command.run().await,
                Command::Pipelines(command) => command.run().await,
                Command::Dlq(command) => command.run().await,
                Command::Codecs(command) => command.run().await,
                Command::Compose(command) => command.run(),
                Command::Export(command) => command.run().await,
                Command::Spin(command) => command.run().await,
                Command::Bench(command) => command.run().await,
            }
        });
        // A read of the standard input that nobody waits for any more must not hold the exit.
        runtime.shutdown_background();
        done
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn verify_cli() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_forms_of_the_readme_are_understood() {
        for line in [
            "framedb serve --config f.toml --data-dir d --grpc off --http 127.0.0.1:0 --public",
            "framedb put frame.jpg --to memory --key cam-1/frame-1 --meta source=cam-1",
            "framedb put - --key k --type stream",
            "framedb get cam-1/frame-1 -o out.jpg",
            "framedb ls cam-1/ --type storage --long",
            "framedb rm a b",
            "framedb pop q",
            "framedb instances --json",
            "framedb plugin inspect serialize-lz4",
            "framedb plugin run fixed.wasm --dlq 1f0c",
            "framedb plugin run fixed.wasm --letter folder/1f0c.json",
            "framedb pipelines resume default",
            "framedb dlq ls --pipeline default --json",
            "framedb dlq show 1f0c",
            "framedb dlq export 1f0c 2e7a --to folder",
            "framedb dlq replay 1f0c --plugin fixed.wasm",
            "framedb dlq replay --all",
            "framedb dlq drop --all --yes",
            "framedb codecs prune --yes",
            "framedb check --keys",
            "framedb compose edge-worker --ingest a.wasm --serialize serialize-lz4 -o app.wasm",
            "framedb compose --chain a.wasm b.wasm c.wasm -o chain.wasm",
            "framedb export spin --config framedb.toml -o app",
            "framedb spin up --from deploy/spin.toml --variable a=b --listen 127.0.0.1:0",
        ] {
            Cli::try_parse_from(line.split(' ')).unwrap_or_else(|e| panic!("{line}: {e}"));
        }
        assert!(Cli::try_parse_from(["framedb", "put", "f", "--type", "queue"]).is_err());
        assert!(Cli::try_parse_from(["framedb", "rm"]).is_err());
        assert!(Cli::try_parse_from(["framedb", "compose", "-o", "app.wasm"]).is_err());
        let both = ["framedb", "compose", "w", "--chain", "a", "-o", "app.wasm"];
        assert!(Cli::try_parse_from(both).is_err());
        assert!(Cli::try_parse_from(["framedb", "plugin", "run", "f.wasm"]).is_err());
        assert!(Cli::try_parse_from(["framedb", "dlq", "drop"]).is_err());
        assert!(Cli::try_parse_from(["framedb", "dlq", "replay", "a", "--all"]).is_err());
    }
}
