//! The tally of a test run: cargo closes every test binary with a line of its own, so the whole
//! run is closed with one line over all of them.

use crate::cargo;
use anyhow::{Context as _, Result, ensure};
use std::{
    io::{BufRead as _, BufReader},
    process::Stdio,
};

/// How many tests there were.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    passed: u64,
    failed: u64,
    /// Lines that name failed tests.
    failures: Vec<String>,
}

/// Runs cargo's tests, shows what they print, and closes with `N passed, N failed`.
pub(crate) fn run(arguments: &[&str]) -> Result<()> {
    let line = cargo::line(arguments);
    let mut child = cargo::command(arguments)
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("run `{line}`"))?;
    let mut tally = Tally::default();
    for line in child.stdout.take().into_iter().flat_map(|out| BufReader::new(out).lines()) {
        let line = line.context("read what the tests print")?;
        tally.count(&line);
        println!("{line}");
    }
    let status = child.wait().with_context(|| format!("wait for `{line}`"))?;
    for failure in &tally.failures {
        println!("{failure}");
    }
    println!("{} passed, {} failed", tally.passed, tally.failed);
    ensure!(status.success(), "`{line}` ended with {status}");
    ensure!(tally.passed > 0, "`{line}` ran no test");
    Ok(())
}

impl Tally {
    /// Counts a line of libtest's.
    fn count(&mut self, line: &str) {
        if line.starts_with("test ") && line.ends_with("... FAILED") {
            self.failures.push(line.to_owned());
        }
        let Some(result) = line.strip_prefix("test result: ") else { return };
        let number = |what: &str| {
            let before = result.split(what).next()?;
            before.rsplit([' ', '.']).find(|word| !word.is_empty())?.parse::<u64>().ok()
        };
        self.passed += number(" passed").unwrap_or(0);
        self.failed += number(" failed").unwrap_or(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_the_sum_of_its_binaries() {
        let mut tally = Tally::default();
        for line in [
            "running 2 tests",
            "test a::b ... ok",
            "test a::c ... FAILED",
            "test result: FAILED. 18 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out",
            "test result: ok. 110 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out",
        ] {
            tally.count(line);
        }
        let failures = vec!["test a::c ... FAILED".to_owned()];
        assert_eq!(tally, Tally { passed: 128, failed: 1, failures });
    }
}
