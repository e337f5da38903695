//! The virtual environment of the tests that speak as existing Python clients do.

use crate::cargo;
use anyhow::{Context as _, Result, bail, ensure};
use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

/// What is installed there, from the workspace's folder.
const REQUIREMENTS: &str = "tests/python/requirements.txt";

/// Its folder in the target directory, where the tests look for it.
const FOLDER: &str = "python";

/// Its interpreter.
const PYTHON: &str = "bin/python";

/// The requirements that it was made from.
const INSTALLED: &str = "installed.txt";

/// Makes the environment, unless the one that is there has the same requirements and works.
///
/// # Errors
///
/// When Python or pip fails; each says on standard error what was wrong.
pub(crate) fn environment() -> Result<()> {
    make(&cargo::root().join(REQUIREMENTS), &cargo::target_dir().join(FOLDER))
}

fn make(requirements: &Path, folder: &Path) -> Result<()> {
    let wanted = fs::read_to_string(requirements)
        .with_context(|| format!("read {}", requirements.display()))?;
    if is_current(folder, &wanted) {
        return Ok(());
    }
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            bail!("remove the old environment in {}: {error}", folder.display())
        }
        _ => {}
    }
    run(Command::new("python3").args(["-m", "venv"]).arg(folder))?;
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"];
    run(Command::new(folder.join(PYTHON)).args(pip).arg(requirements))?;
    // Written last, so that what an interruption left is made again.
    let installed = folder.join(INSTALLED);
    fs::write(&installed, wanted).with_context(|| format!("write {}", installed.display()))
}

/// Whether an environment has these requirements, and starts: it does not outlive the Python
/// that made it.
fn is_current(folder: &Path, wanted: &str) -> bool {
    let installed = fs::read_to_string(folder.join(INSTALLED));
    let starts = || {
        let mut python = Command::new(folder.join(PYTHON));
        python.args(["-c", ""]).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
    };
    installed.is_ok_and(|installed| installed == wanted) && starts()
}

fn run(command: &mut Command) -> Result<()> {
    let line = format!("{command:?}").replace('"', "");
    let status = command.stdout(Stdio::null()).status().with_context(|| format!("run `{line}`"))?;
    ensure!(status.success(), "`{line}` ended with {status}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_environment_is_kept_while_its_requirements_are_the_same_and_it_starts() {
        let folder = tempfile::tempdir().unwrap();
        let python = folder.path().join(PYTHON);
        assert!(!is_current(folder.path(), "redis==1"));
        fs::write(folder.path().join(INSTALLED), "redis==1").unwrap();
        assert!(!is_current(folder.path(), "redis==1"), "there is no interpreter");
        fs::create_dir(python.parent().unwrap()).unwrap();
        std::os::unix::fs::symlink("/bin/true", &python).unwrap();
        assert!(is_current(folder.path(), "redis==1"));
        assert!(!is_current(folder.path(), "redis==2"));
        fs::remove_file(&python).unwrap();
        std::os::unix::fs::symlink("/bin/false", &python).unwrap();
        assert!(!is_current(folder.path(), "redis==1"));
    }
}
