//! What an operator says of a plugin: where it is, its settings, its isolation, its limits.

use super::{breaker::BreakerConfig, engine::Engine, secrets::LEAST};
use crate::{cpus::cpus, grants::GrantsConfig};
use bytesize::ByteSize;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt, path::PathBuf, time::Duration};

/// Instances that a plugin may have in a pipeline unless the operator says how many: on large
/// machines a few pipelines would fill the engine.
const MOST_BY_DEFAULT: usize = 64;

/// How instances of a plugin are used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Isolation {
    /// A pool of instances for each pipeline, each leased to one batch call at a time.
    #[default]
    Pipeline,
    /// A fresh instance for every object.
    Object,
    /// One instance for each pipeline, in which up to `limits.instances` calls run at once: for a
    /// plugin with a large cache inside. A failure ends all calls that run there; they are made
    /// again. Refused for a component whose calls would wait for one another.
    Shared,
}

/// `[plugins.NAME]`: one plugin, to be named in pipelines.
#[derive(Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct PluginConfig {
    /// The component file, relative to the file of the configuration. Without it, NAME is one of
    /// the built-in plugins.
    pub component: Option<PathBuf>,
    /// How instances are used.
    pub isolation: Isolation,
    /// The plugin's own settings, by their full names, such as `lz4_min_saving`. Lists and
    /// tables reach the plugin as JSON.
    pub settings: BTreeMap<String, serde_json::Value>,
    /// Names of settings that are secret: messages and dead letters have a placeholder instead of
    /// their values, which have 4 bytes or more.
    pub secret_settings: Vec<String>,
    /// What a call may use.
    pub limits: Limits,
    /// When it is left alone because it fails on everything.
    pub breaker: BreakerConfig,
    /// What the plugin may reach; nothing that is not written here.
    pub grants: GrantsConfig,
}

/// `[plugins.NAME.limits]`: what one call into a plugin may use. Values count per object; a
/// batch may use the sum of its objects, up to the `batch-` value.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct Limits {
    /// Wall-clock time for an object, waiting included.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "String")]
    pub time: Duration,
    /// Wall-clock time for a batch.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "String")]
    pub batch_time: Duration,
    /// CPU time for an object.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "String")]
    pub cpu: Duration,
    /// CPU time for a batch.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "String")]
    pub batch_cpu: Duration,
    /// Memory of an instance, over all its linear memories.
    #[schemars(with = "String")]
    pub memory: ByteSize,
    /// Elements of an instance, over all its tables; at most 1000000.
    pub table_elements: usize,
    /// Bytes that a plugin may answer for an object; `0` allows `max-object` and 1 MiB.
    #[schemars(with = "String")]
    pub output: ByteSize,
    /// How many times its own size an ingest or serialize plugin may answer for an object, where
    /// that is more than a mebibyte; `0` leaves it to `output`.
    pub output_ratio: u32,
    /// Calls into capabilities for an object: Redis, SQL, HTTP, FrameDB, settings by name.
    pub host_calls: u64,
    /// Calls into capabilities for a batch.
    pub batch_host_calls: u64,
    /// Bytes of lines for the log, for an object.
    #[schemars(with = "String")]
    pub log: ByteSize,
    /// Bytes of lines for the log, for a batch.
    #[schemars(with = "String")]
    pub batch_log: ByteSize,
    /// Bytes of what a plugin is told (settings aside) that are recorded for a dead letter, so
    /// that its failure can be reproduced: answers of capabilities and readings of clocks.
    #[schemars(with = "String")]
    pub record: ByteSize,
    /// Handles that an instance may hold at once: connections, buckets, streams, requests.
    pub handles: usize,
    /// Instances for each pipeline, or calls at once in one that is shared; `0` allows twice the
    /// number of CPUs, and at most 64.
    pub instances: usize,
    /// Calls after which an instance is replaced.
    pub max_calls: u32,
    /// Age at which an instance is replaced.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "String")]
    pub max_age: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // Far above what any object needs, and low enough that a stuck one is found while
            // its sender still waits: a batch is given up after the batch's value, the object
            // after its own.
            time: Duration::from_secs(2),
            batch_time: Duration::from_secs(5),
            cpu: Duration::from_secs(1),
            batch_cpu: Duration::from_secs(2),
            // Four times the largest object: the payload, a changed copy, and room to grow.
            memory: ByteSize::mib(256),
            table_elements: 100_000,
            output: ByteSize::b(0),
            // A decoded picture has some fifty times the bytes of its file.
            output_ratio: 100,
            // A lookup or two an object is usual; a loop around one is a mistake.
            host_calls: 1_000,
            batch_host_calls: 20_000,
            log: ByteSize::kib(64),
            batch_log: ByteSize::mib(1),
            // Some hundred answers of a server; small beside the objects of most pipelines.
            record: ByteSize::kib(256),
            handles: 10_000,
            instances: 0,
            max_calls: 100_000,
            max_age: Duration::from_secs(3600),
        }
    }
}

impl Limits {
    /// Bytes that may be answered for an object, given the node's `max_object`.
    #[must_use]
    pub fn output_for(&self, max_object: u64) -> u64 {
        match self.output.as_u64() {
            // Room for what an envelope around the largest object needs.
            0 => max_object.saturating_add(1 << 20),
            bytes => bytes,
        }
    }

    /// Bytes that may be answered for an object of `input` bytes, given the node's `max_object`,
    /// with the settings that say so.
    #[must_use]
    pub(super) fn answer_for(&self, input: u64, max_object: u64) -> (u64, &'static str) {
        let most = self.output_for(max_object);
        // Below that, envelopes and headers count for more than the payload.
        let by_ratio = input.saturating_mul(u64::from(self.output_ratio)).max(1 << 20);
        if self.output_ratio > 0 && by_ratio < most {
            (by_ratio, "output-ratio")
        } else {
            (most, "output")
        }
    }

    /// Those that are zero and may not be: a plugin can do nothing without time, and next to
    /// nothing without calls to read its settings with.
    fn zeros(&self) -> impl Iterator<Item = &'static str> {
        let limits = [
            ("time", self.time.is_zero()),
            ("batch-time", self.batch_time.is_zero()),
            ("cpu", self.cpu.is_zero()),
            ("batch-cpu", self.batch_cpu.is_zero()),
            ("memory", self.memory.as_u64() == 0),
            ("table-elements", self.table_elements == 0),
            ("host-calls", self.host_calls == 0),
            ("batch-host-calls", self.batch_host_calls == 0),
            ("log", self.log.as_u64() == 0),
            ("batch-log", self.batch_log.as_u64() == 0),
            ("handles", self.handles == 0),
        ];
        limits.into_iter().filter_map(|(name, zero)| zero.then_some(name))
    }

    /// Instances for each pipeline.
    #[must_use]
    pub fn instances(&self) -> usize {
        match self.instances {
            0 => (2 * cpus()).min(MOST_BY_DEFAULT),
            number => number,
        }
    }
}

impl PluginConfig {
    /// What is wrong with it, each as the end of a sentence that begins with the plugin's key.
    pub(crate) fn problems(&self) -> impl Iterator<Item = String> + '_ {
        // A name that is misspelt would keep nothing secret.
        let unset = |name: &&String| !self.settings.contains_key(*name);
        let unset = self.secret_settings.iter().filter(unset).map(|name| {
            format!(".secret-settings names `{name}`, which is not among its settings")
        });
        let texts = self.setting_texts();
        let short = move |name: &&String| {
            texts.get(*name).is_some_and(|text| (1..LEAST).contains(&text.len()))
        };
        let short = self.secret_settings.iter().filter(short).map(|name| {
            format!(
                ".secret-settings names `{name}`, whose value has fewer than {LEAST} bytes: it would \
                 be found in texts that have nothing to do with it, and so is not hidden in any"
            )
        });
        let zeros = self.limits.zeros();
        let most = Engine::MAX_TABLE_ELEMENTS;
        let beyond = (self.limits.table_elements > most).then(|| {
            format!(".limits.table-elements is more than the {most} that a table can have")
        });
        unset
            .chain(short)
            .chain(beyond)
            .chain(zeros.map(|name| format!(".limits.{name} is 0: its calls would fail")))
    }

    /// The settings as plugins read them: texts as they are, everything else as JSON.
    #[must_use]
    pub fn setting_texts(&self) -> BTreeMap<String, String> {
        self.settings
            .iter()
            .map(|(name, value)| {
                let text = match value {
                    serde_json::Value::String(text) => text.clone(),
                    other => serde_json::to_string(other).unwrap_or_default(),
                };
                (name.clone(), text)
            })
            .collect()
    }
}

/// Shows which settings there are and not what they say.
impl fmt::Debug for PluginConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { component, isolation, settings, secret_settings: _, limits, breaker, grants } =
            self;
        f.debug_struct("PluginConfig")
            .field("component", component)
            .field("isolation", isolation)
            .field("settings", &settings.keys())
            .field("limits", limits)
            .field("breaker", breaker)
            .field("grants", grants)
            .finish_non_exhaustive()
    }
}
