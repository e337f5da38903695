//! The files of a folder as objects.

use super::object::{Class, Object, Payload};
use anyhow::{Context as _, Result, bail};
use std::{fs, path::Path, time::Duration};

/// Every file below `folder`, in the order of its key, which is its path in the folder.
///
/// Links are not followed, because they may lead in circles.
///
/// # Errors
///
/// When a folder cannot be read, or a name is not UTF-8 and so can be no key.
pub(crate) fn files(folder: &Path) -> Result<Vec<Object>> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        let failed = || format!("read the folder {}", next.display());
        for entry in fs::read_dir(&next).with_context(failed)? {
            let entry = entry.with_context(failed)?;
            let kind = entry.file_type().with_context(failed)?;
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() {
                files.push(object(folder, &entry.path())?);
            }
        }
    }
    files.sort_by(|one, other| one.key.cmp(&other.key));
    Ok(files)
}

fn object(folder: &Path, path: &Path) -> Result<Object> {
    let relative = path.strip_prefix(folder).unwrap_or(path);
    let Some(key) = relative.to_str() else {
        bail!("{} is no key: its name is not UTF-8", path.display());
    };
    Ok(Object {
        key: key.to_owned(),
        key_by_run: false,
        source: "",
        class: Class::FILES,
        at: Duration::ZERO,
        // The node finds out.
        content_type: "",
        metadata: String::new(),
        payload: Payload::File(path.to_path_buf()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_paths_in_the_folder_in_order() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("b/c")).unwrap();
        for (name, text) in [("b/c/two.txt", "2"), ("a.txt", "1"), ("b/three", "")] {
            fs::write(folder.path().join(name), text).unwrap();
        }
        std::os::unix::fs::symlink(folder.path(), folder.path().join("b/circle")).unwrap();
        let files = files(folder.path()).unwrap();
        let keys: Vec<_> = files.iter().map(|file| file.key.as_str()).collect();
        assert_eq!(keys, ["a.txt", "b/c/two.txt", "b/three"]);
        assert_eq!(files[1].payload.read().unwrap(), "2");
    }

    #[test]
    fn a_missing_folder_is_named() {
        let error = files(Path::new("/no/such/folder")).unwrap_err();
        assert!(format!("{error:#}").contains("/no/such/folder"), "{error:#}");
    }
}
