//! `Health`: whether the instances and the registry can be used.
//!
//! One look after the other is taken in the background, at each by itself, so that one that does
//! not answer delays no news of the others; doors and metrics read what was seen last. The looks
//! also connect to servers that were down when the node started.

use crate::{
    Config, Error, ErrorKind, Result, config::DEFAULT_INSTANCES, instances::Instances,
    registry::Registry, telemetry::Telemetry,
};
use futures::future::join_all;
use parking_lot::Mutex;
use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// The time between two looks at the same place.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The time between two looks at the instances that the registry has, which may be many.
const LOOK_AT_REGISTERED_EVERY: Duration = Duration::from_secs(5);

/// How long the registry may take to say that it can be used.
const PATIENCE: Duration = Duration::from_secs(2);

/// Nothing, or why a place cannot be used: in one line, without secrets.
pub type Check = std::result::Result<(), String>;

/// What was seen last.
#[derive(Debug, Clone)]
pub struct Report {
    /// Whether routes can be kept and found.
    pub registry: Check,
    /// The instances by id: those of the configuration and, as far as the node keeps connections,
    /// those of the registry.
    pub instances: BTreeMap<Arc<str>, Check>,
}

/// Looks at the instances and the registry, and remembers what it saw.
#[derive(Debug)]
pub struct Health {
    instances: Arc<Instances>,
    registry: Arc<dyn Registry>,
    telemetry: Telemetry,
    /// Instances that are there by default and that nothing leads to: they can hardly fail, and
    /// would hide that all others do.
    unused: Vec<&'static str>,
    /// Held to change or copy it, never across an await.
    seen: Mutex<Report>,
}

impl Health {
    /// Takes the first look, at all places side by side. Servers that cannot be reached are told
    /// to the log and looked at again.
    ///
    /// # Errors
    ///
    /// When an instance cannot be used whatever one waits for: a wrong password, a table of
    /// another shape, a certificate that is not trusted.
    pub(crate) async fn first(
        config: &Config,
        instances: Arc<Instances>,
        registry: Arc<dyn Registry>,
        telemetry: Telemetry,
    ) -> Result<Self> {
        let unused = DEFAULT_INSTANCES.map(|(id, _)| id).into_iter();
        let unused = unused.filter(|id| !config.defaults.names(id)).collect();
        let seen = Report { registry: Ok(()), instances: BTreeMap::new() };
        let health = Self { instances, registry, telemetry, unused, seen: Mutex::new(seen) };
        let looks = join_all(health.instances.ids().map(|id| health.instances.check(id)));
        let (looks, registry) = tokio::join!(looks, health.look_at_registry());
        for (id, look) in health.instances.ids().zip(looks) {
            match look {
                Err(error) if !error.is_temporary() => return Err(error),
                look => health.note(id, look),
            }
        }
        health.note_registry(registry);
        Ok(health)
    }

    /// Looks again and again, for as long as it is polled.
    pub(crate) async fn run(&self) {
        let instances = self.instances.ids().map(async |id| {
            loop {
                tokio::time::sleep(LOOK_EVERY).await;
                self.note(id, self.instances.check(id).await);
            }
        });
        let registry = async {
            loop {
                tokio::time::sleep(LOOK_EVERY).await;
                self.note_registry(self.look_at_registry().await);
            }
        };
        let registered = async {
            loop {
                self.look_at_registered().await;
                tokio::time::sleep(LOOK_AT_REGISTERED_EVERY).await;
            }
        };
        tokio::join!(join_all(instances), registry, registered);
    }

    /// Looks at the instances of the registry, and forgets those that it has no more. Where it
    /// cannot be asked, what was seen of them stands.
    async fn look_at_registered(&self) {
        let Ok(registered) = self.instances.registered().await else { return };
        let looks = registered.iter().map(|id| self.instances.check(id));
        for (id, look) in registered.iter().zip(join_all(looks).await) {
            self.note(id, look);
        }
        let gone = |id: &Arc<str>| !self.instances.is_configured(id) && !registered.contains(id);
        self.seen.lock().instances.retain(|id, _| {
            if gone(id) {
                // A series cannot be taken back: this is neither up nor down.
                self.gauge(id).set(f64::NAN);
            }
            !gone(id)
        });
    }

    fn gauge(&self, framedb_id: &str) -> metrics::Gauge {
        self.telemetry.gauge("framedb_engine_up", &[("instance", framedb_id)])
    }

    /// What was seen last.
    #[must_use]
    pub fn report(&self) -> Report {
        self.seen.lock().clone()
    }

    /// Why the node can take no objects, if so: it has no registry, or no instance to keep them.
    /// Where only some instances cannot be used it takes those for the others.
    #[must_use]
    pub fn obstacle(&self) -> Option<String> {
        let report = self.report();
        if let Err(error) = report.registry {
            return Some(format!("the registry cannot be used: {error}"));
        }
        let mut used =
            report.instances.iter().filter(|(id, _)| !self.unused.contains(&id.as_ref()));
        let none = used.all(|(_, look)| look.is_err());
        none.then(|| "no instance can be used".to_owned())
    }

    async fn look_at_registry(&self) -> Result<()> {
        let health = tokio::time::timeout(PATIENCE, self.registry.health()).await;
        health.unwrap_or_else(|_| {
            let waited = humantime::format_duration(PATIENCE);
            let message = format!("no answer within {waited}");
            Err(Error::new(ErrorKind::Timeout, message))
        })
    }

    fn note(&self, framedb_id: &Arc<str>, look: Result<()>) {
        let now = look.map_err(|error| error.chain());
        self.gauge(framedb_id).set(f64::from(u8::from(now.is_ok())));
        let before = self.seen.lock().instances.insert(framedb_id.clone(), now.clone());
        match (before, now) {
            (None | Some(Ok(())), Err(error)) => tracing::warn!(
                %framedb_id,
                error,
                "an instance cannot be used; the node goes on without it and keeps trying"
            ),
            (Some(Err(_)), Ok(())) => tracing::info!(%framedb_id, "an instance can be used again"),
            _ => {}
        }
    }

    fn note_registry(&self, look: Result<()>) {
        let now = look.map_err(|error| error.chain());
        let gauge = self.telemetry.gauge("framedb_registry_up", &[]);
        gauge.set(f64::from(u8::from(now.is_ok())));
        let before = std::mem::replace(&mut self.seen.lock().registry, now.clone());
        match (before, now) {
            (Ok(()), Err(error)) => tracing::warn!(error, "the registry cannot be used"),
            (Err(_), Ok(())) => tracing::info!("the registry can be used again"),
            _ => {}
        }
    }
}
