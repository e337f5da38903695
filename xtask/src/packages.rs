//! The programs that tests start, and the packages of the system that bring them.

use anyhow::{Context as _, Result, bail, ensure};
use std::{
    env,
    ffi::OsStr,
    path::PathBuf,
    process::{Command, Stdio},
};

/// What tests need of the system.
#[derive(Debug, Clone, Copy)]
struct Need {
    what: What,
    /// The package that brings it, as apt knows it.
    package: &'static str,
}

#[derive(Debug, Clone, Copy)]
enum What {
    /// A program on the search path.
    Program(&'static str),
    /// A Python that has a module.
    Module(&'static str),
    /// A library that programs are started with.
    Library(&'static str),
}

/// Everything that tests need. The embedded engines need none.
const NEEDS: &[Need] = &[
    Need { what: What::Program("redis-server"), package: "redis-server" },
    Need { what: What::Program("mariadbd"), package: "mariadb-server" },
    Need { what: What::Program("etcd"), package: "etcd-server" },
    // What a name leads to in a test.
    Need { what: What::Library("libnss_wrapper.so"), package: "libnss-wrapper" },
    // Virtual environments are made with `ensurepip`, which Debian keeps apart.
    Need { what: What::Module("ensurepip"), package: "python3-venv" },
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
    let packages = missing(NEEDS, is_there);
    if packages.is_empty() {
        return Ok(());
    }
    let names = packages.join(" ");
    if !rustix::process::geteuid().is_root() {
        bail!("tests need more of the system: run `sudo apt-get install --yes {names}`");
    }
    apt(&["update"])?;
    apt(&[&["install", "--yes", "--no-install-recommends"], packages.as_slice()].concat())
}

fn missing(needs: &[Need], is_there: impl Fn(What) -> bool) -> Vec<&'static str> {
    needs.iter().filter(|need| !is_there(need.what)).map(|need| need.package).collect()
}

fn is_there(what: What) -> bool {
    match what {
        What::Program(program) => on_path(program),
        What::Library(library) => in_libraries(library),
        What::Module(module) => Command::new("python3")
            .args(["-c", &format!("import {module}")])
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success()),
    }
}

fn on_path(program: &str) -> bool {
    let path = env::var_os("PATH");
    let own = env::split_paths(path.as_deref().unwrap_or(OsStr::new("")));
    own.chain(SYSTEM.iter().map(PathBuf::from)).any(|place| place.join(program).is_file())
}

/// Whether a library is where Debian puts those of the machine.
fn in_libraries(library: &str) -> bool {
    let folders = std::fs::read_dir("/usr/lib").into_iter().flatten().flatten();
    folders.map(|folder| folder.path()).any(|folder| folder.join(library).is_file())
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
    fn packages_of_what_is_there_are_not_installed() {
        let needs = [
            Need { what: What::Program("one"), package: "first" },
            Need { what: What::Module("two"), package: "second" },
        ];
        assert_eq!(missing(&needs, |what| matches!(what, What::Program("one"))), ["second"]);
        assert!(on_path("cargo") && !on_path("no-such-program"));
        assert!(!is_there(What::Module("no_such_module")));
        assert!(!is_there(What::Library("no_such_library.so")));
    }
}
