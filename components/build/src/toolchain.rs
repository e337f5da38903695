//! The compiler that builds guests: its programs, its folders, and the target it needs.

use crate::paths::TARGET;
use anyhow::{Context as _, Result, bail, ensure};
use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
};

/// A compiler that has the guests' target.
#[derive(Debug)]
pub(crate) struct Toolchain {
    /// The cargo that runs this build, or the one on the path.
    pub(crate) cargo: OsString,
    /// Where the compiler is installed.
    pub(crate) sysroot: PathBuf,
    /// The commit that the compiler's own library was built from; its paths are named by it.
    pub(crate) commit: String,
    /// Where cargo keeps the sources of dependencies.
    pub(crate) cargo_home: PathBuf,
}

impl Toolchain {
    /// Finds the toolchain of the workspace at `root`, and adds the target if it is missing.
    pub(crate) fn find(root: &Path) -> Result<Self> {
        let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
        let ask = |arguments: &[&str]| -> Result<String> {
            let output = Command::new(&rustc)
                .args(arguments)
                .current_dir(root)
                .output()
                .with_context(|| format!("run {}", rustc.display()))?;
            ensure!(
                output.status.success(),
                "run {} {}: {}",
                rustc.display(),
                arguments.join(" "),
                String::from_utf8_lossy(&output.stderr).trim()
            );
            Ok(String::from_utf8_lossy(&output.stdout).trim().into())
        };
        if !Path::new(&ask(&["--print", "target-libdir", "--target", TARGET])?).exists() {
            add_target(root)?;
        }
        let version = ask(&["--version", "--verbose"])?;
        let commit = version.lines().find_map(|line| line.strip_prefix("commit-hash: "));
        Ok(Self {
            cargo: env::var_os("CARGO").unwrap_or_else(|| "cargo".into()),
            sysroot: ask(&["--print", "sysroot"])?.into(),
            commit: commit.unwrap_or("unknown").into(),
            cargo_home: cargo_home()?,
        })
    }
}

fn add_target(root: &Path) -> Result<()> {
    let added = Command::new("rustup").args(["target", "add", TARGET]).current_dir(root).status();
    match added {
        Ok(status) if status.success() => Ok(()),
        _ => bail!("the target {TARGET} is missing: run `rustup target add {TARGET}`"),
    }
}

fn cargo_home() -> Result<PathBuf> {
    if let Some(home) = env::var_os("CARGO_HOME") {
        return Ok(home.into());
    }
    let home = env::home_dir().context("find the home directory: set CARGO_HOME")?;
    Ok(home.join(".cargo"))
}
