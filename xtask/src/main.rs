//! What people and CI run, without a shell: `cargo xtask demo`, `cargo xtask test`, and others.
//!
//! Each command does all the set-up that it needs. Exit codes: 0 done, 1 failed, 2 misused.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command: results on standard output, what it is doing on standard error"
)]

mod bench;
mod cargo;
mod check;
mod components;
mod demo;
mod docs;
mod fuzz;
mod packages;
mod python;
mod setup;
mod steps;
mod tally;
mod test;

use anyhow::Result;
use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// The commands of this repository; each does all the set-up that it needs.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs a node and a synthetic camera, reads everything back, and reports.
    Demo(demo::Demo),
    /// Runs every check: formatting, lints, documentation, a short demo, all tests.
    Test,
    /// Checks formatting and lints only.
    Check,
    /// Measures with an optimised build; arguments go to `framedb bench`, which measures the
    /// pipeline when they name nothing else.
    Bench(bench::Bench),
    /// Runs the fuzzers, which need cargo-fuzz.
    Fuzz(fuzz::Fuzz),
    /// Builds the plugins into components, and lists them.
    Components,
    /// Writes the documentation that is generated from code.
    Docs,
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            for cause in error.chain().skip(1) {
                eprintln!("  because: {cause}");
            }
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<()> {
    match command {
        Command::Demo(demo) => demo.run(),
        Command::Test => test::run(),
        Command::Check => check::run(),
        Command::Bench(bench) => bench.run(),
        Command::Fuzz(fuzz) => fuzz.run(),
        Command::Components => components::run(),
        Command::Docs => docs::write(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_arguments_are_consistent() {
        Arguments::command().debug_assert();
    }
}
