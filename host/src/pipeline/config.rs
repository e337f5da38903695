//! What an operator says of a pipeline.

use super::policy::PolicyConfig;
use crate::cpus::cpus;
use bytesize::ByteSize;
use framedb_core::{Kind, Pattern, Rule, Stage};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How changed elements of queues, which have no route of their own, carry their codec.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Framing {
    /// A small header, only where bytes were changed.
    #[default]
    Header,
    /// Nothing, and so nothing is decoded.
    None,
}

/// `[pipelines.NAME.match]`: which objects the pipeline is for. Every condition given must
/// hold; texts may hold `*` and `?`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct MatchConfig {
    /// The source.
    pub source: Option<String>,
    /// The kind that the sender asked for: `in-memory`, `storage` or `stream`.
    #[schemars(with = "Option<String>")]
    pub kind: Option<Kind>,
    /// The instance that the sender named.
    pub framedb_id: Option<String>,
    /// The declared content type, as in `image/*`; parameters, as in `; charset=utf-8`, may be
    /// left out.
    pub content_type: Option<String>,
}

/// `[pipelines.NAME.batch]`: how objects are gathered. An idle pipeline adds no delay.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct BatchConfig {
    /// Objects in a batch at most.
    pub objects: usize,
    /// Payload bytes in a batch at most; a larger object travels alone.
    #[schemars(with = "String")]
    pub bytes: ByteSize,
    /// How long the stages should work on a batch: where objects take long, fewer of them make a
    /// batch. What plugins wait for counts only where every further object adds to it, up to a
    /// quarter of their `batch-time`. `0s` does not bound batches by time.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "String")]
    pub time: Duration,
    /// How long a batch that is not full waits for those before it to leave the stages; an
    /// idle pipeline does not wait.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "String")]
    pub linger: Duration,
    /// Batches in the stages at once; `0` allows one for each CPU. As many more are of objects that
    /// are tried again.
    pub at_once: usize,
}

/// `[pipelines.NAME]`: a chain of plugins with a rule for which objects it is.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct PipelineConfig {
    /// Which objects it is for. Pipelines are tried in the order of their `priority`, then of
    /// their names; the pipeline `default` is for the rest.
    #[serde(rename = "match")]
    pub matches: MatchConfig,
    /// Pipelines with a lower value are tried first.
    pub priority: i32,
    /// Ingest plugins, in order; none is the identity.
    pub ingest: Vec<String>,
    /// The resolve plugin; without one, an object goes where its sender said.
    pub resolve: Option<String>,
    /// The serialize plugin; without one, bytes are stored as they were sent.
    pub serialize: Option<String>,
    /// How changed elements of queues carry their codec.
    pub framing: Framing,
    /// How objects are gathered.
    pub batch: BatchConfig,
    /// What becomes of objects that failed.
    pub policy: PolicyConfig,
}

impl PipelineConfig {
    /// Its plugins, in the order in which objects pass them, each with its stage.
    pub(crate) fn plugins(&self) -> impl Iterator<Item = (Stage, &String)> {
        let ingest = self.ingest.iter().map(|plugin| (Stage::Ingest, plugin));
        ingest
            .chain(self.resolve.iter().map(|plugin| (Stage::Resolve, plugin)))
            .chain(self.serialize.iter().map(|plugin| (Stage::Serialize, plugin)))
    }
}

impl Default for BatchConfig {
    fn default() -> Self {
        Self {
            // Batches of 16 take most of what batching gains; 256 bound what a replay costs.
            objects: 256,
            bytes: ByteSize::mib(8),
            // Much longer than what a call costs, which is what batching spares; much shorter
            // than the limits of plugins, and than what a sender would notice.
            time: Duration::from_millis(20),
            // Fewer and fuller batches cost less; a batch that takes longer is waiting for
            // something, and the next one should not wait with it.
            linger: Duration::from_millis(1),
            at_once: 0,
        }
    }
}

impl BatchConfig {
    /// Batches in the stages at once.
    #[must_use]
    pub fn at_once(&self) -> usize {
        match self.at_once {
            0 => cpus(),
            number => number,
        }
    }
}

impl MatchConfig {
    /// The rule that it states.
    #[must_use]
    pub fn rule(&self) -> Rule {
        let pattern = |text: &Option<String>| text.clone().map(Pattern::from);
        Rule {
            source: pattern(&self.source),
            kind: self.kind,
            framedb_id: pattern(&self.framedb_id),
            content_type: pattern(&self.content_type),
            ..Rule::default()
        }
    }
}
