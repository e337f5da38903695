//! `DeadLetters`: objects that could not be stored, kept on the disk with what is needed to see
//! why, to reproduce it and to try again.
//!
//! The queue is bounded by bytes. What does not fit is refused, and its sender told so: nothing
//! is pushed out for it. An entry leaves when it was stored in a replay, or when an operator
//! drops it.

mod config;
mod evidence;
mod letter;

pub use config::DeadLettersConfig;
pub use evidence::{Evidence, Recorded, Seen};
pub use letter::{Culprit, DeadLetter, Sent, letter_id};

use crate::{
    Error, ErrorKind, Result,
    driver::{Disk, Effort, Tables, disk_failure, tables::number},
};
use bytes::Bytes;
use bytesize::ByteSize;
use serde::{Serialize, de::DeserializeOwned};
use std::{fmt, sync::Arc};

/// The name under which `meta` holds how many letters there are, and their bytes.
const TOTALS: &str = "dead-letters";

/// Letters of an id to be found by: what a person copies from a screen.
pub(crate) const LEAST_PREFIX: usize = 4;

/// The dead letters of a node, in its data directory.
pub struct DeadLetters {
    disk: Arc<Disk>,
    max_bytes: u64,
}

/// What becomes of an earlier letter of the same object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Earlier {
    /// The attempts add up, and everything else is the newest.
    Replaced,
    /// The attempts add up, and everything else stays if a plugin had failed: what failed now is
    /// no news of that.
    Stays,
}

/// How many letters there are, and what they take.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Letters.
    pub count: u64,
    /// Bytes of payloads and records.
    pub bytes: u64,
}

impl DeadLetters {
    /// The queue in a data directory.
    #[must_use]
    pub fn new(disk: Arc<Disk>, config: &DeadLettersConfig) -> Self {
        Self { disk, max_bytes: config.max_bytes.as_u64() }
    }

    /// Keeps a letter with its object's bytes, and answers it as it is kept; `earlier` says what
    /// becomes of one that its object has already. It is on the disk itself when this returns.
    /// Evidence for which there is no room is left out.
    ///
    /// # Errors
    ///
    /// *Full* when there is no room; otherwise what the data directory says. Nothing is kept
    /// then, and an earlier letter of the object stays as it was.
    pub async fn keep(
        &self,
        letter: DeadLetter,
        data: Bytes,
        evidence: Option<Evidence>,
        earlier: Earlier,
    ) -> Result<DeadLetter> {
        let evidence = evidence.map(|evidence| written(&letter, &evidence)).transpose()?;
        let beside = evidence.as_ref().map_or(0, |(_, text)| text.len());
        let bytes = (data.len() + beside) as u64 + 1024;
        let effort = Effort { bytes, sync: true, releases: false };
        let max_bytes = self.max_bytes;
        let kept = self.disk.write(effort, move |change| {
            let tables = change.tables;
            let mut letter = letter;
            let before = row(tables, &letter.id)?;
            let mut totals = read_totals(tables)?;
            let mut repeats = false;
            if let Some((old, length)) = before {
                letter.attempts = letter.attempts.saturating_add(old.attempts);
                if earlier == Earlier::Stays && old.plugin.is_some() {
                    let (attempts, last_at) = (letter.attempts, letter.last_at);
                    let stays = DeadLetter { attempts, last_at, ..old.clone() };
                    let encoded = encode(&stays)?;
                    totals = totals.without(&old, length).with(&stays, encoded.len());
                    change.batch.insert(&tables.letters, stays.id.as_bytes(), encoded);
                    change.batch.insert(&tables.meta, TOTALS, totals.encoded());
                    return Ok(stays);
                }
                letter.first_at = old.first_at;
                repeats = letter.size <= old.size;
                totals = totals.without(&old, length);
            }
            let needed = encode(&letter)?.len() as u64 + letter.size;
            let taken = totals.bytes.saturating_add(needed);
            // An object that is here already takes no room that it did not have.
            if !repeats && taken > max_bytes {
                return Err(full(totals.bytes, needed, max_bytes));
            }
            let fits = |recorded: &Recorded| taken.saturating_add(recorded.bytes) <= max_bytes;
            let evidence = evidence.filter(|(recorded, _)| fits(recorded));
            letter.recorded = evidence.as_ref().map(|(recorded, _)| *recorded);
            let encoded = encode(&letter)?;
            totals = totals.with(&letter, encoded.len());
            change.batch.insert(&tables.letters, letter.id.as_bytes(), encoded);
            change.batch.insert(&tables.letter_payloads, letter.id.as_bytes(), data);
            let beside = evidence_key(&letter.id);
            match evidence {
                Some((_, text)) => change.batch.insert(&tables.letter_payloads, beside, text),
                None => change.batch.remove(&tables.letter_payloads, beside),
            }
            change.batch.insert(&tables.meta, TOTALS, totals.encoded());
            Ok(letter)
        });
        kept.await
    }

    /// The letter with this id, or the only one whose id starts so.
    ///
    /// # Errors
    ///
    /// A *conflict* when several ids start so; otherwise what the data directory says.
    pub async fn get(&self, id: &str) -> Result<Option<DeadLetter>> {
        if id.len() < LEAST_PREFIX {
            return Ok(None);
        }
        let id = id.to_owned();
        let found = self.disk.read(move |tables| {
            let mut found = Vec::new();
            for guard in tables.letters.prefix(id.as_bytes()).take(2) {
                let (_, row) = guard.into_inner().map_err(failed_read)?;
                found.push(decode(&row)?);
            }
            match found.len() {
                0 | 1 => Ok(found.pop()),
                _ => {
                    let message = format!("several dead letters have ids that start with {id}");
                    Err(Error::new(ErrorKind::Conflict, message).with_hint("give more of the id"))
                }
            }
        });
        found.await
    }

    /// The bytes of a letter's object, as they were sent.
    ///
    /// # Errors
    ///
    /// When the data directory cannot be read.
    pub async fn payload(&self, id: &str) -> Result<Option<Bytes>> {
        let id = id.to_owned();
        self.disk
            .read(move |tables| {
                let found = tables.letter_payloads.get(id.as_bytes()).map_err(failed_read)?;
                Ok(found.map(Bytes::from))
            })
            .await
    }

    /// What a letter's plugin failed with, where that is known.
    ///
    /// # Errors
    ///
    /// When the data directory cannot be read.
    pub async fn evidence(&self, id: &str) -> Result<Option<Evidence>> {
        let key = evidence_key(id);
        let read = self.disk.read(move |tables| {
            let found = tables.letter_payloads.get(key).map_err(failed_read)?;
            found.map(|row| decode(&row)).transpose()
        });
        read.await
    }

    /// Letters in the order of their ids, at most `limit` of those behind `after`.
    ///
    /// # Errors
    ///
    /// When the data directory cannot be read.
    pub async fn list(&self, after: Option<String>, limit: usize) -> Result<Vec<DeadLetter>> {
        let start = match after {
            Some(after) => std::ops::Bound::Excluded(after.into_bytes()),
            None => std::ops::Bound::Unbounded,
        };
        let page = self.disk.read(move |tables| {
            let range = tables.letters.range((start, std::ops::Bound::Unbounded)).take(limit);
            range
                .map(|guard| decode(&guard.into_inner().map_err(failed_read)?.1))
                .collect::<Result<Vec<_>>>()
        });
        page.await
    }

    /// Removes a letter; `false` when it is not there, or, with `attempts`, when it has had
    /// more of them meanwhile.
    ///
    /// # Errors
    ///
    /// When the data directory cannot be written.
    pub async fn remove(&self, id: &str, attempts: Option<u32>) -> Result<bool> {
        let id = id.to_owned();
        let effort = Effort { bytes: 0, sync: true, releases: true };
        let removed = self.disk.write(effort, move |change| {
            let tables = change.tables;
            let totals = read_totals(tables)?;
            let Some((letter, length)) = row(tables, &id)? else { return Ok(false) };
            if attempts.is_some_and(|attempts| letter.attempts != attempts) {
                return Ok(false);
            }
            let totals = totals.without(&letter, length);
            change.batch.remove(&tables.letters, id.as_bytes());
            change.batch.remove(&tables.letter_payloads, id.as_bytes());
            change.batch.remove(&tables.letter_payloads, evidence_key(&id));
            change.batch.insert(&tables.meta, TOTALS, totals.encoded());
            Ok(true)
        });
        removed.await
    }

    /// How many letters there are, and what they take.
    ///
    /// # Errors
    ///
    /// When the data directory cannot be read.
    pub async fn totals(&self) -> Result<Totals> {
        self.disk.read(read_totals).await
    }

    /// Bytes that letters may take.
    #[must_use]
    pub fn max_bytes(&self) -> u64 {
        self.max_bytes
    }
}

impl fmt::Debug for DeadLetters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeadLetters").field("max_bytes", &self.max_bytes).finish_non_exhaustive()
    }
}

impl Totals {
    fn with(self, letter: &DeadLetter, row: usize) -> Self {
        let bytes = self.bytes.saturating_add(row as u64 + letter.size + letter.beside());
        Self { count: self.count + 1, bytes }
    }

    fn without(self, letter: &DeadLetter, row: usize) -> Self {
        let bytes = self.bytes.saturating_sub(row as u64 + letter.size + letter.beside());
        Self { count: self.count.saturating_sub(1), bytes }
    }

    fn encoded(self) -> Vec<u8> {
        [self.count.to_be_bytes(), self.bytes.to_be_bytes()].concat()
    }
}

/// What the last commit wrote: within a change, what it goes on from.
fn read_totals(tables: &Tables) -> Result<Totals> {
    let row = tables.meta.get(TOTALS).map_err(failed_read)?;
    let row = row.as_deref().unwrap_or_default();
    let at = |start| row.get(start..).and_then(number).unwrap_or_default();
    Ok(Totals { count: at(0), bytes: at(8) })
}

/// A letter, and how long its row is.
fn row(tables: &Tables, id: &str) -> Result<Option<(DeadLetter, usize)>> {
    let row = tables.letters.get(id.as_bytes()).map_err(failed_read)?;
    row.map(|row| Ok((decode(&row)?, row.len()))).transpose()
}

/// Where the evidence of a letter is, among the payloads: no id has a slash.
fn evidence_key(id: &str) -> String {
    format!("{id}/evidence")
}

/// Evidence as it is kept, and what the letter says of it.
fn written(letter: &DeadLetter, evidence: &Evidence) -> Result<(Recorded, Vec<u8>)> {
    let text = to_json(&letter.id, evidence)?;
    Ok((Recorded::of(evidence, text.len()), text))
}

fn encode(letter: &DeadLetter) -> Result<Vec<u8>> {
    to_json(&letter.id, letter)
}

fn to_json(id: &str, value: &impl Serialize) -> Result<Vec<u8>> {
    serde_json::to_vec(value).map_err(|cause| {
        let message = format!("cannot write the dead letter {id}");
        Error::new(ErrorKind::Invalid, message).with_source(cause)
    })
}

fn decode<T: DeserializeOwned>(row: &[u8]) -> Result<T> {
    serde_json::from_slice(row).map_err(|cause| {
        Error::new(ErrorKind::Corrupt, "cannot read a dead letter on the disk").with_source(cause)
    })
}

fn failed_read(cause: fjall::Error) -> Error {
    disk_failure("cannot read the dead letters on the disk", cause)
}

fn full(taken: u64, needed: u64, most: u64) -> Error {
    let alone = needed > most;
    let (taken, needed) = (ByteSize::b(taken), ByteSize::b(needed));
    let most = ByteSize::b(most);
    if alone {
        let message = format!(
            "the object needs {needed} as a dead letter, and all of them may take {most} \
             (dead-letters.max-bytes)"
        );
        return Error::new(ErrorKind::Full, message).with_hint("raise `dead-letters.max-bytes`");
    }
    Error::new(
        ErrorKind::Full,
        format!(
            "the dead-letter queue is full: {taken} of {most} are taken, and {needed} are needed \
             (dead-letters.max-bytes)"
        ),
    )
    .with_hint("replay or drop what `framedb dlq ls` shows, or raise `dead-letters.max-bytes`")
}

#[cfg(test)]
mod tests;
