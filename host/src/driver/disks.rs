//! `Disks`: the directories of one node, each opened once.

use super::{Disk, disk::make_folder};
use crate::Result;
use parking_lot::Mutex;
use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::Arc,
};

/// The directories of one node: instances that name the same one share it.
#[derive(Debug)]
pub struct Disks {
    home: PathBuf,
    opened: Mutex<HashMap<PathBuf, Arc<Disk>>>,
}

impl Disks {
    /// Directories of a node whose data directory is `home`.
    pub fn new(home: impl Into<PathBuf>) -> Self {
        Self { home: home.into(), opened: Mutex::default() }
    }

    /// Makes the node's data directory, before anything is put into it.
    ///
    /// # Errors
    ///
    /// When the file system does not let it.
    pub fn make_home(&self) -> Result<()> {
        make_folder(&self.home)
    }

    /// The node's data directory.
    ///
    /// # Errors
    ///
    /// As [`Disk::open`].
    pub fn home(&self) -> Result<Arc<Disk>> {
        self.at(&self.home)
    }

    /// A directory.
    ///
    /// # Errors
    ///
    /// As [`Disk::open`].
    pub fn at(&self, path: &Path) -> Result<Arc<Disk>> {
        let mut opened = self.opened.lock();
        let real = || std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        if let Some(disk) = opened.get(&real()) {
            return Ok(disk.clone());
        }
        let disk = Arc::new(Disk::open(path)?);
        opened.insert(real(), disk.clone());
        Ok(disk)
    }
}
