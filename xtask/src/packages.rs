//! The servers that tests start, and the packages of the system that bring them.

use anyhow::{Context as _, Result, bail, ensure};
use std::{env, ffi::OsStr, path::PathBuf, process::Command};

/// A program that tests run.
#[derive(Debug, Clone, Copy)]
struct Server {
    /// The program's name on the search path.
    program: &'static str,
    /// The package that brings it, as apt knows it.
    package: &'static str,
}

/// Every server that tests run. The embedded engines need none.
const SERVERS: &[Server] = &[
    Server { program: "redis-server", package: "redis-server" },
    Server { program: "mariadbd", package: "mariadb-server" },
    Server { program: "etcd", package: "etcd-server" },
];

/// Where packages put servers, whether or not the search path of a user has it.
const SYSTEM: &[&str] = &["/usr/sbin", "/usr/local/sbin"];

/// Installs the packages that are missing, or says how.
///
/// # Errors
///
/// When a package is missing, and this is not root or the installation fails; the message holds
/// the command to run.
pub(crate) fn install() -> Result<()> {
    let packages = missing(SERVERS, on_path);
    if packages.is_empty() {
        return Ok(());
    }
    let names = packages.join(" ");
    if !rustix::process::geteuid().is_root() {
        bail!("tests need servers: run `sudo apt-get install --yes {names}`");
    }
    apt(&["update"])?;
    apt(&[&["install", "--yes", "--no-install-recommends"], packages.as_slice()].concat())
}

fn missing(servers: &[Server], is_there: impl Fn(&str) -> bool) -> Vec<&'static str> {
    let absent = servers.iter().filter(|server| !is_there(server.program));
    absent.map(|server| server.package).collect()
}

fn on_path(program: &str) -> bool {
    let path = env::var_os("PATH");
    let own = env::split_paths(path.as_deref().unwrap_or(OsStr::new("")));
    own.chain(SYSTEM.iter().map(PathBuf::from)).any(|place| place.join(program).is_file())
}

fn apt(arguments: &[&str]) -> Result<()> {
    let line = format!("apt-get {}", arguments.join(" "));
    let status = Command::new("apt-get")
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .status()
        .with_context(|| format!("run `{line}`"))?;
    ensure!(status.success(), "`{line}` ended with {status}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_whose_program_is_there_are_not_installed() {
        let servers = [
            Server { program: "one", package: "first" },
            Server { program: "two", package: "second" },
        ];
        assert_eq!(missing(&servers, |program| program == "one"), ["second"]);
        assert!(on_path("cargo") && !on_path("no-such-program"));
    }
}
