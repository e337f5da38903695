//! `cargo xtask fuzz`: the fuzzers of `fuzz/`, one after the other.
//!
//! They need cargo-fuzz, which nothing else here does, and no other compiler than the pinned one:
//! our code has no `unsafe` that the address sanitizer of a nightly compiler would watch. With
//! such a compiler, `--nightly` uses it. The corpus is run by `cargo xtask test` without any of
//! this.

use crate::cargo;
use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;
use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

/// What to fuzz, and for how long.
#[derive(Debug, Args)]
pub(crate) struct Fuzz {
    /// One of the targets of `fuzz/fuzz_targets`; all of them when absent.
    target: Option<String>,
    /// How long each target runs.
    #[arg(long, default_value_t = 600)]
    seconds: u64,
    /// Builds them with a nightly compiler and the address sanitizer.
    #[arg(long)]
    nightly: bool,
}

impl Fuzz {
    /// Runs the fuzzers; the first finding ends it, and names the file that reproduces it.
    pub(crate) fn run(&self) -> Result<()> {
        let targets = self.targets()?;
        let missing = self.missing();
        if !missing.is_empty() {
            bail!("fuzzing needs what is not installed:\n  {}", missing.join("\n  "));
        }
        for target in targets {
            eprintln!("== {target}");
            let corpus = format!("fuzz/corpus/{target}");
            // What a fuzzer finds interesting goes to the first folder; the kept corpus stays as
            // it is.
            let found = cargo::target_dir().join("fuzz/corpus").join(&target);
            fs::create_dir_all(&found).with_context(|| format!("create {}", found.display()))?;
            let sanitizer = if self.nightly { "address" } else { "none" };
            let status = self
                .command(&["cargo", "fuzz", "run", "--dev", "--sanitizer", sanitizer, &target])
                .args([found.as_path(), Path::new(&corpus)])
                .args(["--", &format!("-max_total_time={}", self.seconds), "-timeout=10"])
                .status()
                .with_context(|| format!("run the fuzzer {target}"))?;
            ensure!(
                status.success(),
                "the fuzzer {target} found something: it said above which file reproduces it; \
                 keep that file in {corpus}"
            );
        }
        Ok(())
    }

    /// What has to be installed first, as the commands that do it.
    fn missing(&self) -> Vec<&'static str> {
        let mut missing = Vec::new();
        if self.nightly && !self.answers(&["rustc", "--version"]) {
            missing.push("rustup toolchain install nightly --profile minimal");
        }
        if !self.answers(&["cargo", "fuzz", "--version"]) {
            missing.push("cargo install cargo-fuzz");
        }
        missing
    }

    fn targets(&self) -> Result<Vec<String>> {
        let folder = cargo::root().join("fuzz/fuzz_targets");
        let mut all = names(&folder).with_context(|| format!("read {}", folder.display()))?;
        all.sort_unstable();
        match &self.target {
            None => Ok(all),
            Some(target) if all.contains(target) => Ok(vec![target.clone()]),
            Some(target) => bail!("there is no target {target}: one of {}", all.join(", ")),
        }
    }

    /// A command of the compiler that builds the fuzzers, in the workspace's folder.
    fn command(&self, words: &[&str]) -> Command {
        let (program, arguments) = words.split_first().unwrap_or((&"cargo", &[]));
        let mut command = Command::new(program);
        command.args(arguments).current_dir(cargo::root());
        if self.nightly {
            // The compiler that runs this is pinned, and says so to all it starts.
            for name in ["CARGO", "RUSTC", "RUSTDOC"] {
                command.env_remove(name);
            }
            command.env("RUSTUP_TOOLCHAIN", "nightly");
        }
        // Other flags, and another compiler, make other components of the plugins, which must
        // not take the place of those that are tested.
        command.env("CARGO_TARGET_DIR", cargo::target_dir().join("fuzz"));
        command
    }

    fn answers(&self, words: &[&str]) -> bool {
        let mut command = self.command(words);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    }
}

fn names(folder: &Path) -> std::io::Result<Vec<String>> {
    let name = |file: std::io::Result<fs::DirEntry>| {
        Ok(file?.file_name().to_string_lossy().trim_end_matches(".rs").to_owned())
    };
    fs::read_dir(folder)?.map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_target_is_answered_with_those_there_are() {
        let fuzz =
            |target: &str| Fuzz { target: Some(target.to_owned()), seconds: 1, nightly: false };
        assert_eq!(fuzz("sql-guard").targets().unwrap(), ["sql-guard"]);
        let error = fuzz("sql").targets().unwrap_err().to_string();
        assert!(error.contains("redis-guard, "), "{error}");
    }
}
