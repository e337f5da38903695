//! `Node`: the parts that every door and every command works with.

use crate::{
    codecs::Codecs,
    config::Config,
    dead_letters::DeadLetters,
    framedb::OwnFrameDb,
    health::Health,
    instances::Instances,
    pipeline::{Ingress, Pipeline},
    plugin::{Breaker, Engine, Environment, Plugin},
    reader::Reader,
    registrar::Registrar,
    registry::Registry,
    sources::Sources,
    telemetry::Telemetry,
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};
use tokio_util::task::TaskTracker;

/// A node's parts, shared by its doors.
#[derive(Debug)]
pub struct Node {
    /// As it was configured.
    pub config: Config,
    /// The way in.
    pub ingress: Ingress,
    /// The way out.
    pub reader: Reader,
    /// The routes that clients register themselves.
    pub(crate) registrar: Registrar,
    /// What plugins use of it; they have a weak hold on it.
    pub(crate) _framedb: Arc<OwnFrameDb>,
    /// Where sources are written.
    pub(crate) sources: Sources,
    /// Where objects can be kept.
    pub instances: Arc<Instances>,
    /// Where objects are.
    pub registry: Arc<dyn Registry>,
    /// Who can decode them.
    pub codecs: Arc<Codecs>,
    /// The plugins that its pipelines use.
    pub plugins: Vec<Arc<Plugin>>,
    /// Which of them are left alone because they fail on everything.
    pub(crate) breakers: Vec<Arc<Breaker>>,
    /// Compiles another version of a plugin, for a replay.
    pub(crate) engine: Engine,
    /// What that version is lent.
    pub(crate) environment: Environment,
    /// Objects that could not be stored.
    pub dead_letters: Arc<DeadLetters>,
    /// Its pipelines, in the order in which they are tried.
    pub pipelines: Arc<[Arc<Pipeline>]>,
    /// Its metrics.
    pub telemetry: Telemetry,
    /// Whether its instances and its registry can be used.
    pub health: Arc<Health>,
    /// What goes on whoever asked for it.
    pub(crate) tasks: TaskTracker,
    /// When it started.
    pub started: Instant,
    pub(crate) ready: AtomicBool,
}

impl Node {
    /// Whether it takes objects: not before it is built, and not when it is shutting down.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Acquire)
    }

    pub(crate) fn set_ready(&self, ready: bool) {
        self.ready.store(ready, Ordering::Release);
    }
}
