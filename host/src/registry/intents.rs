//! `Intents`: which writes have begun, so that a crash between data and route leaves neither an
//! orphan nor a route to nothing.

use crate::{
    Error, ErrorKind, Result,
    driver::{Disk, Effort, Tables, disk_failure},
};
use framedb_core::{Intent, Kind};
use serde::Serialize;
use std::sync::Arc;

/// What the row of a group ends with: no key has such a byte.
const GROUP: u8 = 0xff;

/// Intents that are settled together: those that were written together, and those of earlier
/// attempts at the same writes.
#[derive(Debug, Default)]
pub struct Declared {
    rows: Vec<Vec<u8>>,
}

impl Declared {
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Settles an intent of an earlier attempt with these.
    pub fn include(&mut self, earlier: &Intent) {
        self.rows.push(row_of(earlier));
    }
}

/// The log of writes under way, in the node's data directory.
///
/// Those that begin together are one row, which is removed when all have ended: a row for each
/// would cost more than the write of a small object to a server. Only what a failure leaves
/// gets rows of its own.
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
    pub async fn write(&self, intents: &[Intent]) -> Result<Declared> {
        let Some(first) = intents.first() else { return Ok(Declared::default()) };
        let mut row = row_of(first);
        row.push(GROUP);
        let value = encode(first, intents)?;
        let effort = Effort {
            bytes: (row.len() + value.len()) as u64,
            sync: intents.iter().any(|intent| intent.route.kind == Kind::Storage),
            releases: false,
        };
        let key = row.clone();
        self.disk
            .write(effort, move |change| {
                change.batch.insert(&change.tables.intents, key, value);
                Ok(())
            })
            .await?;
        Ok(Declared { rows: vec![row] })
    }

    /// Forgets intents, but for those that are `left` to be settled later: these have rows of
    /// their own from here on. It need not reach the disk: an intent that comes back finds its
    /// route registered.
    ///
    /// # Errors
    ///
    /// When the data directory cannot be written.
    pub async fn settle<'a>(
        &self,
        declared: Declared,
        left: impl IntoIterator<Item = &'a Intent>,
    ) -> Result<()> {
        let left = rows(left)?;
        let mut ended = declared.rows;
        ended.retain(|row| left.iter().all(|(kept, _)| kept != row));
        self.disk
            .write(RELEASE, move |change| {
                for row in ended {
                    change.batch.remove(&change.tables.intents, row);
                }
                for (row, value) in left {
                    change.batch.insert(&change.tables.intents, row, value);
                }
                Ok(())
            })
            .await
    }

    /// Forgets an intent that has a row of its own.
    ///
    /// # Errors
    ///
    /// When the data directory cannot be written.
    pub async fn clear(&self, intent: &Intent) -> Result<()> {
        let row = row_of(intent);
        self.disk
            .write(RELEASE, move |change| {
                change.batch.remove(&change.tables.intents, row);
                Ok(())
            })
            .await
    }

    /// The writes that had begun and not ended, oldest first. From here on each has a row of its
    /// own, so it is not for a log that is being written.
    ///
    /// # Errors
    ///
    /// When the data directory cannot be read.
    pub async fn pending(&self) -> Result<Vec<Intent>> {
        let (groups, mut intents) = self.disk.read(read).await?;
        if !groups.is_empty() {
            let single = rows(&intents)?;
            let split = self.disk.write(RELEASE, move |change| {
                for row in groups {
                    change.batch.remove(&change.tables.intents, row);
                }
                for (row, value) in single {
                    change.batch.insert(&change.tables.intents, row, value);
                }
                Ok(())
            });
            split.await?;
        }
        intents.sort_by_cached_key(row_of);
        Ok(intents)
    }
}

/// A write that frees space sooner or later.
const RELEASE: Effort = Effort { bytes: 0, sync: false, releases: true };

/// The row of an intent: a key is written once in a generation.
fn row_of(intent: &Intent) -> Vec<u8> {
    [&intent.route.generation.to_be_bytes(), intent.key.as_str().as_bytes()].concat()
}

/// The rows of groups, and all intents.
fn read(tables: &Tables) -> Result<(Vec<Vec<u8>>, Vec<Intent>)> {
    let failed = |cause| disk_failure("cannot read the intents on the disk", cause);
    let corrupt = |cause| {
        Error::new(ErrorKind::Corrupt, "cannot read an intent on the disk").with_source(cause)
    };
    let (mut groups, mut intents) = (Vec::new(), Vec::new());
    for guard in tables.intents.iter() {
        let (row, value) = guard.into_inner().map_err(failed)?;
        if row.last() == Some(&GROUP) {
            let group: Vec<Intent> = serde_json::from_slice(&value).map_err(corrupt)?;
            intents.extend(group);
            groups.push(row.to_vec());
        } else {
            intents.push(serde_json::from_slice(&value).map_err(corrupt)?);
        }
    }
    Ok((groups, intents))
}

/// A row for each intent.
fn rows<'a>(intents: impl IntoIterator<Item = &'a Intent>) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
    intents.into_iter().map(|intent| Ok((row_of(intent), encode(intent, intent)?))).collect()
}

/// One or more intents as they are written; `first` is named when that fails.
fn encode(first: &Intent, value: &(impl Serialize + ?Sized)) -> Result<Vec<u8>> {
    serde_json::to_vec(value).map_err(|cause| {
        let message = format!("cannot write the intent to store {}", first.key);
        Error::new(ErrorKind::Invalid, message).with_source(cause)
    })
}
