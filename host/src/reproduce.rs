//! Reproduction: the plugin of a dead letter, or another version of it, judges the letter's object
//! once more, away from the node. What it asks for is answered from the record of its failure.

use crate::{
    DEFAULT_PIPELINE, Error, ErrorKind, Result, Telemetry,
    dead_letters::{DeadLetter, Evidence},
    plugin::{Engine, Fault, Isolation, Plugin, PluginConfig, Pool, Record, Tape},
};
use bytes::Bytes;
use framedb_core::{Encoded, Failure, FailureClass, Ingested, Object, Resolved, Stage};
use std::sync::Arc;

/// What became of a letter's object the next time.
#[derive(Debug, Clone)]
pub struct Reproduction {
    /// How it ended.
    pub ended: Ended,
    /// Whether the component is the one that failed.
    pub same_component: bool,
    /// What the record could not say, and what was done about it.
    pub notes: Vec<String>,
}

/// How a reproduction ended.
#[derive(Debug, Clone)]
pub enum Ended {
    /// With a verdict, in words.
    Verdict(String),
    /// The plugin failed.
    Failed {
        /// With what.
        failure: Failure,
        /// Where it was, innermost first.
        backtrace: Vec<String>,
        /// Whether that is the failure that the letter has.
        same: bool,
    },
    /// The plugin asked for something that the record does not have: for what, and what it has.
    Otherwise(String),
}

/// Lets a component judge the object of a dead letter. Nothing outside of it is reached, and the
/// same input gives the same answer.
///
/// A letter without evidence has its object judged as it was sent, with the settings and limits of
/// `config`, and no calls into capabilities.
///
/// # Errors
///
/// When no plugin failed on the object, or the component cannot be used in place of that one.
pub async fn reproduce(
    engine: &Engine,
    component: Bytes,
    letter: &DeadLetter,
    evidence: Option<Evidence>,
    payload: Bytes,
    config: PluginConfig,
) -> Result<Reproduction> {
    let Some(culprit) = &letter.plugin else {
        let message = format!("no plugin failed on {}, but the {} stage", letter.id, letter.stage);
        return Err(Error::new(ErrorKind::Conflict, message)
            .with_hint("there is nothing to reproduce without a node; see `framedb dlq replay`"));
    };
    let recorded = evidence.is_some();
    let (record, object) = match evidence {
        Some(Evidence { seen, record }) => {
            let envelope = seen.envelope.envelope(seen.attempt);
            (record, Object { envelope, data: seen.data.unwrap_or(payload) })
        }
        None => (
            unrecorded(letter, &config),
            Object { envelope: letter.object.envelope(letter.attempts), data: payload },
        ),
    };
    let config = PluginConfig {
        settings: record.settings.iter().map(|(n, v)| (n.clone(), v.as_str().into())).collect(),
        limits: record.limits.clone(),
        ..PluginConfig::default()
    };
    let name = &culprit.name;
    // Its first call begins as the recorded one does.
    let begin = Tape::of(record.clone());
    let plugin =
        Plugin::load_offline(engine, name, component, &config, letter.stage, begin).await?;
    if !plugin.exports_stage(letter.stage) {
        let message =
            format!("the component has no {} stage, in which `{name}` failed", letter.stage);
        return Err(Error::new(ErrorKind::Plugin, message));
    }
    let same_component = plugin.digest() == culprit.digest;
    let max_object = record.max_object;
    let tape = Tape::of(record);
    let metrics = Telemetry::default().pool(DEFAULT_PIPELINE, name);
    let pool = Pool::new(Arc::new(plugin), Isolation::Object, max_object, metrics)
        .answered_by(tape.clone());
    let judged = judge(&pool, letter.stage, &object).await.map_err(|fault| *fault);
    let ended = match (tape.diverged(), judged) {
        (Some(how), _) => Ended::Otherwise(how),
        (None, Ok(verdict)) => Ended::Verdict(verdict),
        (None, Err(Fault { failure, backtrace, .. })) => Ended::Failed {
            same: failure.class == letter.class
                && failure.message == letter.error
                // A guest that is stopped is elsewhere each time.
                && (!same_component
                    || letter.class != FailureClass::Trap
                    || backtrace == letter.backtrace),
            failure,
            backtrace,
        },
    };
    let mut notes = Vec::new();
    if !recorded {
        notes.push(
            "the letter has no record of what the plugin was told; it has its settings from the \
             configuration and no answers"
                .to_owned(),
        );
    }
    for clock in tape.clocks_beyond() {
        notes.push(format!("the {clock} was read more often than is recorded, and went on"));
    }
    Ok(Reproduction { ended, same_component, notes })
}

/// What stands in for a record that was not made.
fn unrecorded(letter: &DeadLetter, config: &PluginConfig) -> Record {
    Record {
        settings: config.setting_texts(),
        limits: config.limits.clone(),
        max_object: letter.size.max(framedb_core::DEFAULT_MAX_OBJECT),
        ..Record::default()
    }
}

/// A stage's verdict on an object, in words.
async fn judge(pool: &Pool, stage: Stage, object: &Object) -> Result<String, Box<Fault>> {
    let batch = [object];
    let nothing = || Failure::invalid("the plugin gave no verdict").into();
    match stage {
        Stage::Ingest => {
            pool.ingest(&batch).await.pop().unwrap_or_else(|| Err(nothing())).map(ingested)
        }
        Stage::Resolve => {
            pool.resolve(&batch).await.pop().unwrap_or_else(|| Err(nothing())).map(resolved)
        }
        Stage::Serialize => {
            pool.encode(&batch).await.pop().unwrap_or_else(|| Err(nothing())).map(encoded)
        }
        other => Err(Failure::invalid(format!("no plugin judges objects in {other}")).into()),
    }
}

fn ingested(verdict: Ingested) -> String {
    match verdict {
        Ingested::Accept { .. } => "accepted".to_owned(),
        Ingested::Changed { data, .. } => format!("changed to {} bytes", data.len()),
        Ingested::Split(parts) => format!("split into {} parts", parts.len()),
        Ingested::Drop(reason) => format!("dropped: {reason}"),
        Ingested::Reject(reason) => format!("rejected: {reason}"),
        Ingested::Retry(retry) => format!("to be tried again: {}", retry.reason),
    }
}

fn resolved(verdict: Resolved) -> String {
    match verdict {
        Resolved::Place(placement) => {
            format!("placed in {} ({})", placement.framedb_id, placement.kind)
        }
        Resolved::Drop(reason) => format!("dropped: {reason}"),
        Resolved::Reject(reason) => format!("rejected: {reason}"),
        Resolved::Retry(retry) => format!("to be tried again: {}", retry.reason),
    }
}

fn encoded(verdict: Encoded) -> String {
    match verdict {
        Encoded::Bytes { format, data } => format!("serialized as {format}, {} bytes", data.len()),
        Encoded::Unchanged => "unchanged".to_owned(),
        Encoded::Reject(reason) => format!("rejected: {reason}"),
        Encoded::Retry(retry) => format!("to be tried again: {}", retry.reason),
    }
}
