//! What the node costs, measured side by side in one run.
//!
//! These machines are noisy, so what is compared runs alternately, and what is published are
//! medians of ratios; absolute rates stand beside them for orientation.

mod door;
mod echo;
mod evict;
mod ready;
mod stage;

mod bisect;
mod concurrency;
mod guards;
mod service;

mod etcd;
mod mysql;
mod redis;

mod running;
mod sender;
mod senders;
mod server;
mod spin;

/// The messages of the service that `resolve-grpc` asks, for a bench that answers it.
mod proto {
    #![allow(
        dead_code,
        missing_docs,
        unreachable_pub,
        clippy::all,
        clippy::pedantic,
        clippy::allow_attributes_without_reason,
        reason = "generated"
    )]
    tonic::include_proto!("framedb.resolve.v1");
}

use crate::{Error, ErrorKind, Result};
use serde::Serialize;
use std::{fmt, path::Path, time::Duration};

/// One measured figure.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// Its name, stable between releases.
    pub name: String,
    /// The figure.
    pub value: f64,
    /// Its unit; `ratio` has none.
    pub unit: &'static str,
}

/// The figures of a run.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Report {
    /// In the order in which they were measured.
    pub rows: Vec<Row>,
}

/// How long a run measures.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    /// Alternating rounds of what is compared.
    pub rounds: usize,
    /// Objects of a round over the door.
    pub objects: usize,
    /// Objects into the evicting instance.
    pub evicted: usize,
    /// Time for each figure of a stage.
    pub stage: Duration,
    /// Alternating rounds of what is compared on a server.
    pub engine_rounds: usize,
    /// Values of a round of a server's own benchmark.
    pub raw: usize,
    /// Time of a round of senders to a server.
    pub senders: Duration,
}

impl Effort {
    /// For published figures: about two minutes.
    #[must_use]
    pub fn full() -> Self {
        Self {
            rounds: 7,
            objects: 200_000,
            evicted: 1_000_000,
            stage: Duration::from_millis(400),
            engine_rounds: 3,
            raw: 2_000_000,
            senders: Duration::from_secs(4),
        }
    }

    /// For a look, and for tests: a few seconds.
    #[must_use]
    pub fn quick() -> Self {
        Self {
            rounds: 1,
            objects: 5_000,
            evicted: 20_000,
            stage: Duration::from_millis(5),
            engine_rounds: 1,
            raw: 20_000,
            senders: Duration::from_millis(200),
        }
    }
}

/// `framedb bench pipeline`: the path of objects, native and sandboxed.
///
/// `progress` is told what is being measured; `serve` is the program whose start is timed, with
/// the arguments before `serve`, where there is one.
///
/// # Errors
///
/// When a node cannot be started, or an object is not stored.
pub async fn pipeline(
    scratch: &Path,
    effort: Effort,
    serve: Option<&Path>,
    mut progress: impl FnMut(&str),
) -> Result<Report> {
    let mut report = Report::default();
    progress("the streaming door: native identity, three sandboxed stages, a bare echo");
    door::measure(scratch, effort, &mut report).await?;
    progress("each stage by object size and batch size");
    stage::measure(scratch, effort, &mut report).await?;
    progress("an evicting instance");
    evict::measure(scratch, effort, &mut report).await?;
    if let Some(program) = serve {
        progress("the start of `framedb serve`");
        ready::measure(scratch, effort, program, &mut report).await?;
    }
    Ok(report)
}

/// `framedb bench sandbox`: what grants, limits and isolation cost.
///
/// It starts a Redis of its own in `scratch`, and stops it. `progress` is told what is being
/// measured.
///
/// # Errors
///
/// When `redis-server` is not installed, a node cannot be started, or an object is not stored.
pub async fn sandbox(
    scratch: &Path,
    effort: Effort,
    mut progress: impl FnMut(&str),
) -> Result<Report> {
    let mut report = Report::default();
    progress("a plugin that asks a Redis, under narrow grants and under wildcards");
    guards::measure(scratch, effort, &mut report).await?;
    progress("a batch with one object that traps, and the same batch without");
    bisect::measure(scratch, effort, &mut report).await?;
    progress("plugins that ask a service over HTTP/2, one call at a time and 256 at once");
    concurrency::measure(scratch, effort, &mut report).await?;
    Ok(report)
}

/// `framedb bench spin`: the worker that runs on Spin, beside the node.
///
/// It starts a Redis of its own in `scratch`, and stops it. `progress` is told what is being
/// measured.
///
/// # Errors
///
/// When `redis-server` is not installed, the node or the worker cannot be started, or an object
/// is not stored.
pub async fn spin(
    scratch: &Path,
    effort: Effort,
    mut progress: impl FnMut(&str),
) -> Result<Report> {
    let mut report = Report::default();
    progress("objects over HTTP into Redis, through the worker of Spin and through the node");
    spin::measure(scratch, effort, &mut report).await?;
    Ok(report)
}

/// A server that the node keeps objects or routes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// Redis, beside `redis-benchmark`.
    Redis,
    /// A server of the MySQL protocol, with and without grouping.
    Mysql,
    /// etcd as the registry, beside its own rate.
    Etcd,
}

/// `framedb bench engine`: the path of objects, or of their routes, into a real server.
///
/// Without a URL it starts a server of its own in `scratch`, and stops it; at a URL it leaves
/// what it wrote. `progress` is told what is being measured.
///
/// # Errors
///
/// When the server's program is not installed, the server cannot be started or used, an object
/// is not stored, or a route not registered.
pub async fn engine(
    engine: Engine,
    scratch: &Path,
    effort: Effort,
    url: Option<&str>,
    mut progress: impl FnMut(&str),
) -> Result<Report> {
    let mut report = Report::default();
    match engine {
        Engine::Redis => {
            progress("three sandboxed stages into Redis, and redis-benchmark beside them");
            redis::measure(scratch, effort, url, &mut report).await?;
        }
        Engine::Mysql => {
            progress("64 senders to a MySQL-protocol server, in groups and each by itself");
            mysql::measure(scratch, effort, url, &mut report).await?;
        }
        Engine::Etcd => {
            progress("routes of 64 senders into etcd, and plain puts beside them");
            etcd::measure(scratch, effort, url, &mut report).await?;
        }
    }
    Ok(report)
}

fn failed(what: &str) -> Error {
    Error::new(ErrorKind::Unavailable, format!("cannot {what}"))
}

impl Report {
    fn add(&mut self, name: impl Into<String>, value: f64, unit: &'static str) {
        self.rows.push(Row { name: name.into(), value, unit });
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.rows.iter().map(|row| row.name.len()).max().unwrap_or(0);
        for Row { name, value, unit } in &self.rows {
            let digits = if value.abs() >= 1000.0 { 0 } else { 3 };
            writeln!(f, "{name:width$}  {value:>12.digits$} {unit}")?;
        }
        Ok(())
    }
}

/// The middle one of some figures.
fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}

/// CPU time of this process so far, in seconds.
fn cpu_seconds() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}
