//! `Stages`: the plugins that are composed into the worker, asked with batches.
//!
//! What they answer is counted and converted here; what it means to an object is decided by the
//! rules, in [`crate::pipeline`]. A plugin that traps ends the worker's instance with it: Spin
//! answers the request then, and starts another instance for the next.

mod bindings;
mod convert;

use bindings::{ingest, resolve, serialize};
use bytes::Bytes;
use convert::{envelopes, objects};
use framedb_core::{
    Decoded, Encoded, Failure, FailureClass, Format, Ingested, Judge, Key, Object, Resolved, Stage,
    miscounted,
};
use std::{cell::RefCell, rc::Rc};

/// What a plugin says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plugin {
    /// Its name, as failures tell it.
    pub name: String,
    /// Formats that it may answer with; of a serializer.
    pub writes: Vec<Format>,
    /// Formats that it can decode; of a serializer.
    pub reads: Vec<Format>,
}

/// What is known of the plugins, once they were asked.
#[derive(Debug, Default)]
pub struct Stages {
    ingest: Known,
    resolve: Known,
    serialize: Known,
}

/// A plugin that was asked what it is; only success is kept.
type Known = RefCell<Option<Rc<Plugin>>>;

impl Plugin {
    /// The plugin as failures in a stage name it.
    #[must_use]
    pub fn judge(&self, stage: Stage) -> Judge<'_> {
        Judge { plugin: &self.name, stage }
    }
}

impl Stages {
    /// The plugin of the ingest stage.
    ///
    /// # Errors
    ///
    /// When it refuses its settings.
    pub async fn ingest(&self) -> Result<Rc<Plugin>, Failure> {
        once(&self.ingest, async || {
            let described = ingest::describe().await.map_err(|e| unusable(Stage::Ingest, &e))?;
            Ok(Plugin { name: described.name, ..Plugin::default() })
        })
        .await
    }

    /// The plugin of the resolve stage.
    ///
    /// # Errors
    ///
    /// When it refuses its settings.
    pub async fn resolve(&self) -> Result<Rc<Plugin>, Failure> {
        once(&self.resolve, async || {
            let described = resolve::describe().await.map_err(|e| unusable(Stage::Resolve, &e))?;
            Ok(Plugin { name: described.name, ..Plugin::default() })
        })
        .await
    }

    /// The plugin of the serialize stage.
    ///
    /// # Errors
    ///
    /// When it refuses its settings, or declares what is no format.
    pub async fn serialize(&self) -> Result<Rc<Plugin>, Failure> {
        once(&self.serialize, async || {
            let described = serialize::describe().await;
            let (described, formats) = described.map_err(|e| unusable(Stage::Serialize, &e))?;
            let read = |names: &[String]| -> Result<Vec<Format>, Failure> {
                let formats = names.iter().map(|name| name.parse());
                formats.collect::<Result<_, _>>().map_err(|error: framedb_core::FormatError| {
                    unusable(Stage::Serialize, &error.to_string())
                })
            };
            let (writes, reads) = (read(&formats.writes)?, read(&formats.reads)?);
            Ok(Plugin { name: described.name, writes, reads })
        })
        .await
    }

    /// The ingest stage over a batch: one verdict for each object.
    ///
    /// # Errors
    ///
    /// When the plugin cannot be used, or miscounts.
    pub async fn process(&self, batch: &[&Object]) -> Result<Vec<Ingested>, Failure> {
        let plugin = self.ingest().await?;
        let verdicts = ingest::process(objects(batch)).await;
        let verdicts = counted(plugin.judge(Stage::Ingest), verdicts, batch.len())?;
        Ok(verdicts.into_iter().map(Into::into).collect())
    }

    /// The resolve stage over a batch, of which it sees the envelopes.
    ///
    /// # Errors
    ///
    /// When the plugin cannot be used, or miscounts.
    pub async fn place(&self, batch: &[&Object]) -> Result<Vec<Resolved>, Failure> {
        let plugin = self.resolve().await?;
        let verdicts = resolve::place(envelopes(batch)).await;
        let verdicts = counted(plugin.judge(Stage::Resolve), verdicts, batch.len())?;
        Ok(verdicts.into_iter().map(Into::into).collect())
    }

    /// The serialize stage over a batch: one verdict for each object, or what it broke.
    ///
    /// # Errors
    ///
    /// When the plugin cannot be used, or miscounts.
    pub async fn encode(
        &self,
        batch: &[&Object],
    ) -> Result<Vec<Result<Encoded, Failure>>, Failure> {
        let plugin = self.serialize().await?;
        let judge = plugin.judge(Stage::Serialize);
        let verdicts = serialize::encode(objects(batch)).await;
        let verdicts = counted(judge, verdicts, batch.len())?;
        let encoded = |verdict| {
            Ok(match verdict {
                serialize::Verdict::Bytes(encoded) => Encoded::Bytes {
                    format: judge.declared(&encoded.format, &plugin.writes)?,
                    data: encoded.data.into(),
                },
                serialize::Verdict::Unchanged => Encoded::Unchanged,
                serialize::Verdict::Reject(reason) => Encoded::Reject(reason),
                serialize::Verdict::Retry(retry) => Encoded::Retry(retry.into()),
            })
        };
        Ok(verdicts.into_iter().map(encoded).collect())
    }

    /// Decodes one stored object.
    ///
    /// # Errors
    ///
    /// When the plugin cannot be used, or does not answer once.
    pub async fn decode(
        &self,
        key: &Key,
        format: &Format,
        data: Bytes,
    ) -> Result<Decoded, Failure> {
        let plugin = self.serialize().await?;
        let stored = serialize::Stored {
            key: key.as_str().to_owned(),
            format: format.to_string(),
            data: data.into(),
        };
        let decoded = serialize::decode(vec![stored]).await;
        let mut decoded = counted(plugin.judge(Stage::Serialize), decoded, 1)?;
        let nothing = || plugin.judge(Stage::Serialize).broke_contract("it answered nothing");
        decoded.pop().map(Into::into).ok_or_else(nothing)
    }
}

async fn once(
    known: &Known,
    ask: impl AsyncFnOnce() -> Result<Plugin, Failure>,
) -> Result<Rc<Plugin>, Failure> {
    if let Some(plugin) = known.borrow().as_ref() {
        return Ok(plugin.clone());
    }
    let plugin = Rc::new(ask().await?);
    known.replace(Some(plugin.clone()));
    Ok(plugin)
}

/// A plugin that cannot judge anything as it is set up.
fn unusable(stage: Stage, why: &str) -> Failure {
    let why = framedb_core::cut(why);
    let message = format!("the plugin of {stage} cannot be used: {why}");
    Failure::new(FailureClass::Denied, stage, message)
}

fn counted<T>(judge: Judge<'_>, verdicts: Vec<T>, expected: usize) -> Result<Vec<T>, Failure> {
    match verdicts.len() {
        answered if answered == expected => Ok(verdicts),
        answered => Err(judge.failed(miscounted(answered, expected))),
    }
}
