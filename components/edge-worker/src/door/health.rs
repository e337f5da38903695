//! `/healthz`, `/readyz`, `/health/ping`, `/version`: what operators and their tools ask.

use crate::{stage::Plugin, worker::Worker};
use ::http::StatusCode;
use framedb_core::{
    Failure, Stage,
    http::{Answer, json},
};
use serde_json::{Map, Value, json};
use std::rc::Rc;

/// What can be used: every plugin accepts its settings, the registry and the instances answer.
struct Health {
    plugins: Map<String, Value>,
    registry: Value,
    instances: Map<String, Value>,
    /// Why no object can be taken.
    obstacle: Option<String>,
    /// The instances that objects cannot be stored on, and why.
    degraded: Map<String, Value>,
}

/// Whether the worker, its plugins, the registry and every instance can be used.
pub(super) async fn healthz() -> Answer {
    let health = match look().await {
        Ok(health) => health,
        Err(failure) => return unopened(&failure),
    };
    let Health { plugins, registry, instances, obstacle, degraded } = health;
    let lost = (!degraded.is_empty()).then(|| "an engine cannot be used".to_owned());
    let body = json!({ "plugins": plugins, "registry": registry, "instances": instances });
    answer(obstacle.or(lost), body)
}

/// Whether objects can be taken. A worker that has lost some of its instances takes them, and names
/// those.
pub(super) async fn readyz() -> Answer {
    let health = match look().await {
        Ok(health) => health,
        Err(failure) => return unopened(&failure),
    };
    let Health { plugins, obstacle, instances, degraded, .. } = health;
    let none = degraded.len() == instances.len();
    let lost = none.then(|| "no instance can be used".to_owned());
    answer(obstacle.or(lost), json!({ "plugins": plugins, "degraded": degraded }))
}

async fn look() -> Result<Health, Failure> {
    let worker = Worker::shared().await?;
    let stages = &worker.stages;
    let mut plugins = Map::new();
    let mut problem = None;
    for (stage, asked) in [
        (Stage::Ingest, stages.ingest().await),
        (Stage::Resolve, stages.resolve().await),
        (Stage::Serialize, stages.serialize().await),
    ] {
        plugins.insert(stage.to_string(), plugin(&asked));
        problem = problem.or(asked.err());
    }
    let (registry, checked) = worker.keeper.health().await;
    let (mut instances, mut degraded) = (Map::new(), Map::new());
    for (id, health) in checked {
        instances.insert(id.to_string(), described(&health));
        if let Err(failure) = health {
            degraded.insert(id.to_string(), failure.message.into());
        }
    }
    Ok(Health {
        plugins,
        registry: described(&registry),
        instances,
        obstacle: registry.err().or(problem).map(|failure| failure.message),
        degraded,
    })
}

fn unopened(failure: &Failure) -> Answer {
    answer(Some(failure.message.clone()), json!({}))
}

fn answer(problem: Option<String>, mut body: Value) -> Answer {
    let status = match problem {
        None => StatusCode::OK,
        Some(_) => StatusCode::SERVICE_UNAVAILABLE,
    };
    if let Some(body) = body.as_object_mut() {
        body.insert("success".into(), problem.is_none().into());
        body.extend(problem.map(|problem| ("error".to_owned(), problem.into())));
    }
    json(status, &body)
}

fn plugin(asked: &Result<Rc<Plugin>, Failure>) -> Value {
    match asked {
        Ok(plugin) => json!({ "healthy": true, "name": plugin.name }),
        Err(failure) => json!({ "healthy": false, "error": failure.message }),
    }
}

fn described(health: &Result<(), Failure>) -> Value {
    match health {
        Ok(()) => json!({ "healthy": true }),
        Err(failure) => json!({ "healthy": false, "error": failure.message }),
    }
}

/// The answer of every service of the cluster stack.
pub(super) fn ping() -> Answer {
    json(StatusCode::OK, &json!({ "message": "pong!" }))
}

/// What this is.
pub(super) fn version() -> Answer {
    let body = json!({
        "success": true,
        "name": "framedb-edge",
        "version": env!("CARGO_PKG_VERSION"),
        "contract": "framedb:edge@0.1.0",
    });
    json(StatusCode::OK, &body)
}
