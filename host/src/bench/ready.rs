//! How long `framedb serve` takes until it is ready, with plugins in the cache and without.

use super::{Effort, Report, median};
use crate::{Error, ErrorKind, Result};
use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

pub(super) async fn measure(
    scratch: &Path,
    effort: Effort,
    program: &Path,
    report: &mut Report,
) -> Result<()> {
    let data_dir = scratch.join("ready");
    let start = || start(program, &data_dir);
    let cold = tokio::task::block_in_place(start)?;
    let warm = (0..effort.rounds)
        .map(|_| tokio::task::block_in_place(start).map(|time| time.as_secs_f64() * 1e3))
        .collect::<Result<Vec<_>>>()?;
    report.add("ready-ms", median(warm), "ms from start to ready, plugins cached");
    report.add(
        "ready-cold-ms",
        cold.as_secs_f64() * 1e3,
        "ms from start to ready, plugins compiled",
    );
    Ok(())
}

/// Starts a node, waits until it says on standard output that it is ready, and ends it.
fn start(program: &Path, data_dir: &Path) -> Result<Duration> {
    let failed = |what: &str| {
        Error::new(ErrorKind::Unavailable, format!("cannot {what} {} serve", program.display()))
    };
    let started = Instant::now();
    let mut node = Command::new(program)
        .args(["serve", "--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0", "--data-dir"])
        .arg(data_dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|source| failed("start").with_source(source))?;
    let ready = node.stdout.take().is_some_and(|stdout| {
        BufReader::new(stdout)
            .lines()
            .map_while(std::io::Result::ok)
            .any(|l| l.starts_with("ready"))
    });
    let took = started.elapsed();
    let _ = node.kill();
    let _ = node.wait();
    if ready { Ok(took) } else { Err(failed("wait for")) }
}
