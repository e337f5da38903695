//! `cargo xtask docs`: the pages that are generated from code, and whether they are in step.

use crate::cargo;
use anyhow::{Context as _, Result, ensure};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Writes the pages.
pub(crate) fn write() -> Result<()> {
    let page = page();
    let text = configuration(&cargo::node(false)?)?;
    if let Some(folder) = page.parent() {
        fs::create_dir_all(folder).with_context(|| format!("create {}", folder.display()))?;
    }
    fs::write(&page, text).with_context(|| format!("write {}", page.display()))?;
    println!("wrote {}", page.display());
    Ok(())
}

/// Fails when a page is not what the code says now.
pub(crate) fn check(node: &Path) -> Result<()> {
    let page = page();
    let written = fs::read_to_string(&page).with_context(|| format!("read {}", page.display()))?;
    let line = first_difference(&written, &configuration(node)?);
    ensure!(line.is_none(), "{} is out of date from line {}", page.display(), line.unwrap_or(0));
    Ok(())
}

fn page() -> PathBuf {
    cargo::root().join("docs/configuration.md")
}

/// Every key of `framedb.toml`, as the node documents it.
fn configuration(node: &Path) -> Result<String> {
    let output = Command::new(node)
        .args(["check", "--keys"])
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("run {}", node.display()))?;
    ensure!(output.status.success(), "`framedb check --keys` ended with {}", output.status);
    String::from_utf8(output.stdout).context("`framedb check --keys` wrote what is not text")
}

/// The first line that differs, counted from 1.
fn first_difference(one: &str, other: &str) -> Option<usize> {
    if one == other {
        return None;
    }
    let same = one.split('\n').zip(other.split('\n')).take_while(|(a, b)| a == b).count();
    Some(same + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_that_differs_is_named() {
        assert_eq!(first_difference("a\nb\n", "a\nb\n"), None);
        assert_eq!(first_difference("a\nb\n", "a\nc\n"), Some(2));
        assert_eq!(first_difference("a\n", "a\nb\n"), Some(2));
    }
}
