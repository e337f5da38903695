//! How a mapping changes: one change of a source at a time, saved by compare-and-set, then told.

use super::{Sources, mapping::Mapping, update::News};
use crate::{
    Error, ErrorKind, Result,
    registry::{Document, Table},
    retry::Backoff,
};
use serde_json::Value;
use tokio::time::{Instant, timeout};

/// What is to be done to a mapping.
#[derive(Debug)]
pub(super) enum Edit {
    /// It was changed, and subscribers are to be told this.
    Changed(News),
    /// It is as wanted already. The error is for a caller who expected to change it.
    AsWanted(Error),
}

/// What was done to it.
#[derive(Debug)]
pub(super) enum Saved {
    Changed,
    AsWanted(Error),
}

/// How a change ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Done {
    /// It was saved and told.
    Changed,
    /// It had been saved before, and was told now.
    ToldLate,
}

impl Saved {
    /// How the change ended, after what waited was told.
    ///
    /// # Errors
    ///
    /// When nothing was to be done and nothing was to be told.
    pub(super) fn done(self, told: bool) -> Result<Done> {
        match self {
            Self::Changed => Ok(Done::Changed),
            Self::AsWanted(_) if told => Ok(Done::ToldLate),
            Self::AsWanted(refusal) => Err(refusal),
        }
    }
}

impl Sources {
    /// Changes a mapping when all changes of the source before have ended, and tells subscribers.
    /// An edit may be tried more than once.
    ///
    /// # Errors
    ///
    /// As the edit; when the registry fails; when the change is saved, but not told. Repeating it
    /// then tells it.
    pub(super) async fn change(
        &self,
        source: &str,
        mut edit: impl FnMut(&mut Mapping) -> Result<Edit> + Send + 'static,
    ) -> Result<Done> {
        self.in_turn(source, |sources, source| async move {
            let saved = sources.save(&source, &mut edit).await?;
            saved.done(sources.tell(&source).await?)
        })
        .await
    }

    /// Runs `act` when all changes of the source before have ended, and then to its end, whether
    /// or not somebody still waits for it.
    pub(super) async fn in_turn<T, F>(
        &self,
        source: &str,
        act: impl FnOnce(Self, String) -> F + Send + 'static,
    ) -> Result<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + Send,
    {
        let late = || {
            let message = format!("the change of `{source}` goes on, but did not end in time");
            Error::new(ErrorKind::Timeout, message)
        };
        let (sources, source) = (self.clone(), source.to_owned());
        let change = self.tasks.spawn(async move {
            let number = sources.hasher.hash_one(&source) as usize % sources.turns.len();
            let turns = sources.turns.clone();
            let turn = async { Some(turns.get(number)?.lock().await) };
            let _turn = timeout(sources.patience, turn).await.map_err(|_| {
                let message = format!("`{source}` was not changed: its turn did not come in time");
                Error::new(ErrorKind::Timeout, message)
            })?;
            act(sources, source).await
        });
        timeout(self.patience * 2, change).await.map_err(|_| late())?.unwrap_or_else(|ended| {
            let message = "the node ended before the change did";
            Err(Error::new(ErrorKind::Unavailable, message).with_source(ended))
        })
    }

    /// Edits a mapping and writes it, unless somebody else wrote it meanwhile: then it is edited
    /// again as it is now.
    pub(super) async fn save(
        &self,
        source: &str,
        edit: &mut (impl FnMut(&mut Mapping) -> Result<Edit> + Send),
    ) -> Result<Saved> {
        let mut backoff = Backoff::until(Instant::now() + self.patience);
        loop {
            let (mut mapping, revision) = self.load(source).await?;
            match edit(&mut mapping)? {
                Edit::Changed(news) => mapping.note(source, news, self.channel.is_some())?,
                Edit::AsWanted(refusal) => return Ok(Saved::AsWanted(refusal)),
            }
            match self.write(source, &mapping, revision).await {
                Ok(()) => return Ok(Saved::Changed),
                Err(error) => retried(&mut backoff, error).await?,
            }
        }
    }

    /// Tells subscribers what they were not told yet, in the order in which it was saved; whether
    /// there was anything.
    ///
    /// # Errors
    ///
    /// When it cannot be published; what could not waits for the next time.
    pub(super) async fn tell(&self, source: &str) -> Result<bool> {
        let (mapping, _) = self.load(source).await?;
        let (mut told, mut failure) = (None, None);
        for update in mapping.waiting() {
            let published = match &self.channel {
                Some(channel) => channel.publish(source, update).await,
                // What waits was saved while there was one.
                None => Ok(()),
            };
            match published {
                Ok(()) => told = Some(update.version()),
                Err(cause) => {
                    failure = Some(cause);
                    break;
                }
            }
        }
        if let Some(version) = told {
            self.forget(source, version).await?;
        }
        let Some(cause) = failure else { return Ok(told.is_some()) };
        let message = format!("the mapping of `{source}` is saved, but nobody was told");
        let repeat = "repeat the request: it is safe, and tells what was not told yet";
        let hint = match cause.hint() {
            Some(hint) => format!("{hint}, and {repeat}"),
            None => repeat.to_owned(),
        };
        Err(Error::new(cause.kind(), message).with_hint(hint).with_source(cause))
    }

    /// Notes that everything up to a version was told.
    async fn forget(&self, source: &str, version: u64) -> Result<()> {
        let mut backoff = Backoff::until(Instant::now() + self.patience);
        loop {
            let (mut mapping, revision) = self.load(source).await?;
            mapping.told(version);
            match self.write(source, &mapping, revision).await {
                Ok(()) => return Ok(()),
                Err(error) => retried(&mut backoff, error).await?,
            }
        }
    }

    /// A source's mapping, an empty one if it has none, and the revision to write it over.
    pub(super) async fn load(&self, source: &str) -> Result<(Mapping, u64)> {
        match self.registry.document(Table::Sources, source).await? {
            Some(document) => Ok((decode(source, document.body)?, document.revision)),
            None => Ok((Mapping::default(), 0)),
        }
    }

    /// All mappings, by source.
    pub(super) async fn load_all(&self) -> Result<Vec<(String, Mapping)>> {
        let documents = self.registry.documents(Table::Sources).await?;
        let mapping = |document: Document| {
            let mapping = decode(&document.id, document.body)?;
            Ok((document.id, mapping))
        };
        documents.into_iter().map(mapping).collect()
    }

    async fn write(&self, source: &str, mapping: &Mapping, revision: u64) -> Result<()> {
        let body = serde_json::to_value(mapping).map_err(|cause| {
            let message = format!("cannot write the mapping of `{source}`");
            Error::new(ErrorKind::Invalid, message).with_source(cause)
        })?;
        self.registry.write_document(Table::Sources, source, &body, Some(revision)).await.map(drop)
    }
}

/// Waits before a write that somebody else was quicker with is tried again.
async fn retried(backoff: &mut Backoff, error: Error) -> Result<()> {
    let overtaken = error.kind() == ErrorKind::Conflict && error.is_temporary();
    match backoff.next(None).filter(|_| overtaken) {
        Some(delay) => {
            tokio::time::sleep(delay).await;
            Ok(())
        }
        None => Err(error),
    }
}

fn decode(source: &str, body: Value) -> Result<Mapping> {
    serde_json::from_value(body).map_err(|cause| {
        let message = format!("the mapping of `{source}` in the registry cannot be read");
        Error::new(ErrorKind::Corrupt, message).with_source(cause)
    })
}
