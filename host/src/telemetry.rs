//! Telemetry: metric names and the handles that the parts of the node record into.
//!
//! A node has a registry of its own and installs nothing globally, so that two nodes can live
//! in one process.

use framedb_core::{FailureClass, Outcome, Stage};
use metrics::{Counter, Gauge, Histogram, Key, Label, Level, Metadata, Recorder};
use metrics_exporter_prometheus::{
    Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder,
};
use parking_lot::Mutex;
use std::{fmt, sync::Arc, time::Duration};

const METADATA: Metadata<'_> = Metadata::new(module_path!(), Level::INFO, None);

/// Upper bounds of the histograms of seconds: 1 µs to 10 s, a step of about three.
const SECONDS: &[f64] =
    &[1e-6, 3e-6, 1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1, 1.0, 3.0, 10.0];

/// What the counters count.
const COUNTERS: &[(&str, &str)] = &[
    ("framedb_objects_total", "Objects that ended in a pipeline, by outcome."),
    ("framedb_refused_total", "Objects refused before they came to a pipeline, by class."),
    ("framedb_received_bytes_total", "Bytes of payload that batches took in."),
    ("framedb_stored_bytes_total", "Bytes that stores took."),
    ("framedb_batches_total", "Batches that began."),
    ("framedb_retries_total", "Tries of objects again, by stage."),
    ("framedb_engine_errors_total", "Errors of engines, by class."),
    ("framedb_plugin_failures_total", "Calls into plugins that failed, by cause."),
    ("framedb_passed_total", "Objects that went on past a plugin that failed on them."),
    ("framedb_dead_letters_kept_total", "Objects kept as dead letters, by class."),
    ("framedb_dead_letters_refused_total", "Objects that could not be kept as dead letters."),
    ("framedb_plugin_breaker_opened_total", "How often plugins' breakers opened."),
    ("framedb_plugin_instances_created_total", "Plugin instances that were made."),
    ("framedb_plugin_instances_retired_total", "Plugin instances not used again, by cause."),
];

/// What the gauges show.
const GAUGES: &[(&str, &str)] = &[
    ("framedb_engine_up", "Whether an instance can be used: 1 or 0; neither once it is removed."),
    ("framedb_registry_up", "Whether the registry can be used: 1 or 0."),
    ("framedb_plugin_breaker_open", "Whether a plugin is left alone because it fails: 1 or 0."),
    ("framedb_pipeline_halted", "Whether a pipeline takes no objects until it is resumed: 1 or 0."),
    ("framedb_dead_letters", "Objects in the dead-letter queue."),
    ("framedb_dead_letter_bytes", "Bytes that the dead-letter queue takes."),
    ("framedb_in_flight_bytes", "Bytes of objects in flight."),
    ("framedb_routes", "Routes in the registry."),
    ("framedb_uptime_seconds", "Time since the node started."),
];

/// What the histograms measure.
const HISTOGRAMS: &[(&str, &str)] = &[
    ("framedb_stage_duration_seconds", "Time that batches spent in a stage, by plugin."),
    ("framedb_queue_age_seconds", "How long the oldest object of a batch had waited for it."),
];

/// The node's metrics.
#[derive(Clone)]
pub struct Telemetry {
    recorder: Arc<PrometheusRecorder>,
    handle: PrometheusHandle,
}

impl Telemetry {
    /// A registry without values.
    #[must_use]
    pub fn new() -> Self {
        let builder = PrometheusBuilder::new();
        let builder = builder
            .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), SECONDS)
            .unwrap_or_else(|_| PrometheusBuilder::new());
        let recorder = builder.build_recorder();
        for (name, help) in COUNTERS {
            recorder.describe_counter((*name).into(), None, (*help).into());
        }
        for (name, help) in GAUGES {
            recorder.describe_gauge((*name).into(), None, (*help).into());
        }
        for (name, help) in HISTOGRAMS {
            recorder.describe_histogram((*name).into(), None, (*help).into());
        }
        let handle = recorder.handle();
        Self { recorder: Arc::new(recorder), handle }
    }

    /// All metrics in Prometheus' text format.
    #[must_use]
    pub fn render(&self) -> String {
        self.handle.run_upkeep();
        self.handle.render()
    }

    pub(crate) fn counter(&self, name: &'static str, labels: &[(&'static str, &str)]) -> Counter {
        self.recorder.register_counter(&key(name, labels), &METADATA)
    }

    pub(crate) fn gauge(&self, name: &'static str, labels: &[(&'static str, &str)]) -> Gauge {
        self.recorder.register_gauge(&key(name, labels), &METADATA)
    }

    pub(crate) fn histogram(
        &self,
        name: &'static str,
        labels: &[(&'static str, &str)],
    ) -> Histogram {
        self.recorder.register_histogram(&key(name, labels), &METADATA)
    }

    pub(crate) fn pool(&self, pipeline: &str, plugin: &str) -> PoolMetrics {
        PoolMetrics {
            telemetry: self.clone(),
            pipeline: pipeline.into(),
            plugin: plugin.into(),
            created: self.counter(
                "framedb_plugin_instances_created_total",
                &[("pipeline", pipeline), ("plugin", plugin)],
            ),
            retired: Family::default(),
            failed: Family::default(),
            seconds: Family::default(),
        }
    }

    /// Counts an object that is refused before it comes to a pipeline.
    pub(crate) fn refused(&self, class: FailureClass) {
        self.counter("framedb_refused_total", &[("class", class.as_str())]).increment(1);
    }

    pub(crate) fn pipeline(&self, pipeline: &str) -> PipelineMetrics {
        let outcome = |outcome: &'static str| {
            self.counter("framedb_objects_total", &[("pipeline", pipeline), ("outcome", outcome)])
        };
        PipelineMetrics {
            telemetry: self.clone(),
            pipeline: pipeline.into(),
            ended: Family::default(),
            stored: outcome("stored"),
            bytes_in: self.counter("framedb_received_bytes_total", &[("pipeline", pipeline)]),
            bytes_stored: self.counter("framedb_stored_bytes_total", &[("pipeline", pipeline)]),
            seconds: Family::default(),
            batches: self.counter("framedb_batches_total", &[("pipeline", pipeline)]),
            age: self.histogram("framedb_queue_age_seconds", &[("pipeline", pipeline)]),
        }
    }
}

impl Default for Telemetry {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Telemetry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Telemetry").finish_non_exhaustive()
    }
}

fn key(name: &'static str, labels: &[(&'static str, &str)]) -> Key {
    let labels: Vec<_> =
        labels.iter().map(|(name, value)| Label::new(*name, (*value).to_owned())).collect();
    Key::from_parts(name, labels)
}

/// The metrics of one name, by what tells them apart: each is looked for in the registry once,
/// because that takes longer than recording does.
struct Family<K, M>(Mutex<Vec<(K, M)>>);

impl<K, M> Default for Family<K, M> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: PartialEq, M> Family<K, M> {
    fn record(&self, which: K, find: impl FnOnce() -> M, record: impl FnOnce(&M)) {
        let mut known = self.0.lock();
        if let Some((_, metric)) = known.iter().find(|(known, _)| *known == which) {
            return record(metric);
        }
        let metric = find();
        record(&metric);
        known.push((which, metric));
    }
}

impl<K: PartialEq> Family<K, Counter> {
    fn increment(&self, which: K, find: impl FnOnce() -> Counter) {
        self.record(which, find, |counter| counter.increment(1));
    }
}

impl<K: PartialEq> Family<K, Histogram> {
    fn time(&self, which: K, time: Duration, find: impl FnOnce() -> Histogram) {
        self.record(which, find, |seconds| seconds.record(time.as_secs_f64()));
    }
}

/// What a pool of plugin instances records.
pub(crate) struct PoolMetrics {
    telemetry: Telemetry,
    pipeline: Arc<str>,
    plugin: Arc<str>,
    created: Counter,
    retired: Family<&'static str, Counter>,
    failed: Family<(Stage, &'static str), Counter>,
    seconds: Family<Stage, Histogram>,
}

impl PoolMetrics {
    pub(crate) fn created(&self) {
        self.created.increment(1);
    }

    /// Records the time that a batch spent in the plugin.
    pub(crate) fn stage(&self, stage: Stage, time: Duration) {
        self.seconds.time(stage, time, || {
            let labels = [
                ("pipeline", &*self.pipeline),
                ("stage", stage.as_str()),
                ("plugin", &*self.plugin),
            ];
            self.telemetry.histogram("framedb_stage_duration_seconds", &labels)
        });
    }

    /// Counts an instance that is not used again.
    pub(crate) fn retired(&self, cause: &'static str) {
        self.retired.increment(cause, || {
            let labels =
                [("pipeline", &*self.pipeline), ("plugin", &*self.plugin), ("cause", cause)];
            self.telemetry.counter("framedb_plugin_instances_retired_total", &labels)
        });
    }

    /// Counts a failed call, which also costs its instance.
    pub(crate) fn failed(&self, stage: Stage, cause: &'static str) {
        self.failed.increment((stage, cause), || {
            let labels = [
                ("pipeline", &*self.pipeline),
                ("stage", stage.as_str()),
                ("plugin", &*self.plugin),
                ("cause", cause),
            ];
            self.telemetry.counter("framedb_plugin_failures_total", &labels)
        });
        self.retired(cause);
    }
}

/// What a pipeline records.
pub(crate) struct PipelineMetrics {
    telemetry: Telemetry,
    pipeline: Arc<str>,
    stored: Counter,
    ended: Family<&'static str, Counter>,
    bytes_in: Counter,
    bytes_stored: Counter,
    seconds: Family<Stage, Histogram>,
    batches: Counter,
    age: Histogram,
}

impl PipelineMetrics {
    /// Counts one object's end.
    pub(crate) fn ended(&self, outcome: &Outcome) {
        if matches!(outcome, Outcome::Stored) {
            self.stored.increment(1);
        } else {
            let outcome = outcome.as_str();
            self.ended.increment(outcome, || {
                let labels = [("pipeline", &*self.pipeline), ("outcome", outcome)];
                self.telemetry.counter("framedb_objects_total", &labels)
            });
        }
    }

    /// Counts a batch that begins, and how long its oldest object had waited.
    pub(crate) fn batch(&self, bytes: u64, oldest: Duration) {
        self.batches.increment(1);
        self.bytes_in.increment(bytes);
        self.age.record(oldest.as_secs_f64());
    }

    /// Counts bytes that a store took.
    pub(crate) fn stored(&self, bytes: u64) {
        self.bytes_stored.increment(bytes);
    }

    /// Records the time that a batch spent in a stage that no plugin does.
    pub(crate) fn stage(&self, stage: Stage, time: Duration) {
        self.seconds.time(stage, time, || {
            let labels = [("pipeline", &*self.pipeline), ("stage", stage.as_str())];
            self.telemetry.histogram("framedb_stage_duration_seconds", &labels)
        });
    }

    /// The metrics of the whole node.
    pub(crate) fn telemetry(&self) -> &Telemetry {
        &self.telemetry
    }

    /// Counts an object that goes on past a plugin that failed on it.
    pub(crate) fn passed(&self, stage: Stage, class: FailureClass) {
        let labels =
            [("pipeline", &*self.pipeline), ("stage", stage.as_str()), ("class", class.as_str())];
        self.telemetry.counter("framedb_passed_total", &labels).increment(1);
    }

    /// Counts an object that is kept as a dead letter.
    pub(crate) fn dead_letter(&self, class: FailureClass) {
        let labels = [("pipeline", &*self.pipeline), ("class", class.as_str())];
        self.telemetry.counter("framedb_dead_letters_kept_total", &labels).increment(1);
    }

    /// Counts an object that could not be kept as a dead letter.
    pub(crate) fn dead_letter_refused(&self) {
        let labels = [("pipeline", &*self.pipeline)];
        self.telemetry.counter("framedb_dead_letters_refused_total", &labels).increment(1);
    }

    /// Counts an object that is tried again.
    pub(crate) fn retried(&self, stage: Stage) {
        let labels = [("pipeline", &*self.pipeline), ("stage", stage.as_str())];
        self.telemetry.counter("framedb_retries_total", &labels).increment(1);
    }

    /// Counts an engine's error.
    pub(crate) fn engine_error(&self, instance: &str, class: &str) {
        let labels = [("instance", instance), ("class", class)];
        self.telemetry.counter("framedb_engine_errors_total", &labels).increment(1);
    }
}
