//! Copies that leave unchanged files alone.

use anyhow::{Context as _, Result};
use std::{fs, path::Path, process};

/// Makes `to` hold what `from` holds, and does not touch it when it does already.
///
/// Readers find the old bytes or the new ones, never a part.
pub(crate) fn copy_if_changed(from: &Path, to: &Path) -> Result<()> {
    let bytes = fs::read(from).with_context(|| format!("read {}", from.display()))?;
    if fs::read(to).is_ok_and(|present| present == bytes) {
        return Ok(());
    }
    let aside = to.with_extension(format!("{}.part", process::id()));
    fs::write(&aside, bytes)
        .and_then(|()| fs::rename(&aside, to))
        .with_context(|| format!("write {}", to.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unchanged_file_is_not_written() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("to.wasm"));
        fs::write(&from, "one").unwrap();
        copy_if_changed(&from, &to).unwrap();
        let written = fs::metadata(&to).unwrap().modified().unwrap();
        copy_if_changed(&from, &to).unwrap();
        assert_eq!(fs::metadata(&to).unwrap().modified().unwrap(), written);
        fs::write(&from, "two").unwrap();
        copy_if_changed(&from, &to).unwrap();
        assert_eq!(fs::read_to_string(&to).unwrap(), "two");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}
