//! `framedb bench`: what the node costs on this machine.

use super::output;
use anyhow::{Context as _, Result, bail};
use clap::{Args, Subcommand, ValueEnum};
use framedb_host::bench::{self, Effort, Report};

/// Measure what the node costs on this machine.
#[derive(Debug, Subcommand)]
pub(crate) enum Bench {
    /// The path of objects: native against sandboxed stages, over the streaming door.
    Pipeline {
        #[command(flatten)]
        manner: Manner,
    },
    /// The path of objects, or of their routes, into a real server.
    ///
    /// Redis: through three sandboxed stages with their routes registered, beside what
    /// `redis-benchmark` writes. MySQL: 64 senders, with writes in groups and each by itself.
    /// etcd: routes that 64 senders register, beside the plain puts that etcd itself takes.
    Engine {
        /// The server's kind.
        engine: Engine,

        /// Measure at this server instead of one that is started for it; what is written there
        /// stays: up to two million keys, in etcd below `bench/` under the URL's prefix.
        #[arg(long)]
        url: Option<String>,

        #[command(flatten)]
        manner: Manner,
    },
    /// The worker that runs on Spin, beside the node.
    ///
    /// `spin-vs-native` is the part of the node's rate that the worker reaches, over HTTP with 16
    /// connections, for objects of 1 KiB that go into a Redis through three plugins that do
    /// nothing. The worker runs under this node's runtime; they are measured in turn.
    Spin {
        #[command(flatten)]
        manner: Manner,
    },
    /// What grants, limits and isolation cost.
    ///
    /// `guard-tax` is the part of throughput that narrow grants and the default limits take, of a
    /// plugin that asks a Redis for every batch. `bisect-cost` is the time of a batch of 256 with
    /// one object that traps, in times of the batch's own. `concurrency-gain` is how many times
    /// the calls of one at a time 256 in flight make, of a plugin that asks an HTTP/2 server for
    /// every object, which answers after 1 ms; `grpc-concurrency-gain` is the same where the
    /// plugin makes a call of gRPC.
    Sandbox {
        #[command(flatten)]
        manner: Manner,
    },
}

/// A server's kind.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Engine {
    /// Redis or Valkey.
    Redis,
    /// MariaDB, MySQL or TiDB.
    Mysql,
    /// etcd, as the registry.
    Etcd,
}

/// How it is measured and shown.
#[derive(Debug, Args)]
pub(crate) struct Manner {
    /// Print the figures as JSON.
    #[arg(long)]
    json: bool,

    /// Measure for a few seconds only, for a look.
    #[arg(long)]
    quick: bool,
}

impl Bench {
    pub(super) async fn run(self) -> Result<()> {
        let json = self.manner().json;
        tokio::select! {
            report = self.measure() => show(&report?, json),
            // What was started for it ends before this does.
            _ = tokio::signal::ctrl_c() => bail!("interrupted"),
        }
    }

    fn manner(&self) -> &Manner {
        match self {
            Self::Pipeline { manner }
            | Self::Engine { manner, .. }
            | Self::Spin { manner }
            | Self::Sandbox { manner } => manner,
        }
    }

    async fn measure(self) -> Result<Report> {
        let effort = if self.manner().quick { Effort::quick() } else { Effort::full() };
        let scratch = tempfile::tempdir().context("cannot make a folder to measure in")?;
        let say = |what: &str| output::note(&format!("measuring {what}"));
        Ok(match self {
            Self::Pipeline { .. } => {
                let program = std::env::current_exe().context("cannot find this program")?;
                bench::pipeline(scratch.path(), effort, Some(&program), say).await?
            }
            Self::Spin { .. } => bench::spin(scratch.path(), effort, say).await?,
            Self::Sandbox { .. } => bench::sandbox(scratch.path(), effort, say).await?,
            Self::Engine { engine, url, .. } => {
                let engine = match engine {
                    Engine::Redis => bench::Engine::Redis,
                    Engine::Mysql => bench::Engine::Mysql,
                    Engine::Etcd => bench::Engine::Etcd,
                };
                bench::engine(engine, scratch.path(), effort, url.as_deref(), say).await?
            }
        })
    }
}

fn show(report: &Report, json: bool) -> Result<()> {
    if json {
        return output::data(&serde_json::to_string(report)?);
    }
    output::data(report.to_string().trim_end())
}
