//! `Intents`: which writes have begun, so that a crash between data and route leaves neither an
//! orphan nor a route to nothing.

use crate::{
    Error, ErrorKind, Result,
    driver::{Disk, Effort, disk_failure},
};
use framedb_core::{Key, Kind, Route};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A write that is under way: where it goes, and by which bytes it is known there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Intent {
    /// The object's key.
    pub key: Key,
    /// The route to register once the data is stored; it says where.
    pub route: Route,
    /// Length of the stored bytes.
    pub stored_size: u64,
    /// CRC32C of the stored bytes.
    pub crc32c: u32,
    /// The key's route before the write; data that it finds elsewhere is deleted.
    pub previous: Option<Route>,
}

impl Intent {
    /// The intent to store `stored` under a route.
    #[must_use]
    pub fn new(key: Key, route: Route, stored: &[u8], previous: Option<Route>) -> Self {
        let (stored_size, crc32c) = (stored.len() as u64, crc32c::crc32c(stored));
        Self { key, route, stored_size, crc32c, previous }
    }

    /// Whether `stored` are the bytes of this write.
    #[must_use]
    pub fn matches(&self, stored: &[u8]) -> bool {
        self.stored_size == stored.len() as u64 && self.crc32c == crc32c::crc32c(stored)
    }

    /// The row: a key is written once in a generation.
    fn row(&self) -> Vec<u8> {
        [&self.route.generation.to_be_bytes(), self.key.as_str().as_bytes()].concat()
    }
}

/// The log of writes under way, in the node's data directory.
#[derive(Debug, Clone)]
pub struct Intents {
    disk: Arc<Disk>,
}

impl Intents {
    /// The log in a data directory.
    #[must_use]
    pub fn new(disk: Arc<Disk>) -> Self {
        Self { disk }
    }

    /// Writes intents in one commit, before their data. It is fsynced when one is for
    /// `storage`; the others survive a killed process.
    ///
    /// # Errors
    ///
    /// When the data directory cannot be written; then none is written.
    pub async fn write(&self, intents: &[Intent]) -> Result<()> {
        let encode = |intent: &Intent| {
            let row = serde_json::to_vec(intent).map_err(|cause| {
                let message = format!("cannot write the intent to store {}", intent.key);
                Error::new(ErrorKind::Invalid, message).with_source(cause)
            })?;
            Ok((intent.row(), row))
        };
        let rows: Vec<(Vec<u8>, Vec<u8>)> = intents.iter().map(encode).collect::<Result<_>>()?;
        let effort = Effort {
            bytes: rows.iter().map(|(key, row)| (key.len() + row.len()) as u64).sum(),
            sync: intents.iter().any(|intent| intent.route.kind == Kind::Storage),
            releases: false,
        };
        self.disk
            .write(effort, move |change| {
                for (key, row) in rows {
                    change.batch.insert(&change.tables.intents, key, row);
                }
                Ok(())
            })
            .await
    }

    /// Forgets intents whose writes have ended. It need not reach the disk: one that comes back
    /// finds its route registered.
    ///
    /// # Errors
    ///
    /// When the data directory cannot be written.
    pub async fn clear(&self, intents: &[Intent]) -> Result<()> {
        let rows: Vec<Vec<u8>> = intents.iter().map(Intent::row).collect();
        let effort = Effort { bytes: 0, sync: false, releases: true };
        self.disk
            .write(effort, move |change| {
                for row in rows {
                    change.batch.remove(&change.tables.intents, row);
                }
                Ok(())
            })
            .await
    }

    /// The writes that had begun and not ended, oldest first.
    ///
    /// # Errors
    ///
    /// When the data directory cannot be read.
    pub async fn pending(&self) -> Result<Vec<Intent>> {
        self.disk
            .read(|tables| {
                let failed = |cause| disk_failure("cannot read the intents on the disk", cause);
                let mut intents = Vec::new();
                for guard in tables.intents.iter() {
                    let row = guard.value().map_err(failed)?;
                    intents.push(serde_json::from_slice(&row).map_err(|cause| {
                        Error::new(ErrorKind::Corrupt, "cannot read an intent on the disk")
                            .with_source(cause)
                    })?);
                }
                Ok(intents)
            })
            .await
    }
}
