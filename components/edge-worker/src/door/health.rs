//! `/healthz`, `/readyz`, `/health/ping`, `/version`: what operators and their tools ask.

use crate::{stage::Plugin, worker::Worker};
use ::http::StatusCode;
use framedb_core::{
    Failure, Query, Stage,
    http::{Answer, json},
};
use serde_json::{Map, Value, json};
use std::rc::Rc;

/// Whether objects can be taken: the variables can be used, every plugin accepts its settings,
/// and the registry answers.
pub(super) async fn answer() -> Answer {
    let worker = match Worker::shared().await {
        Ok(worker) => worker,
        Err(failure) => return failing(&failure, Map::new()),
    };
    let stages = &worker.stages;
    let mut plugins = Map::new();
    let mut problem = None;
    for (stage, asked) in [
        (Stage::Ingest, stages.ingest().await),
        (Stage::Resolve, stages.resolve().await),
        (Stage::Serialize, stages.serialize().await),
    ] {
        plugins.insert(stage.to_string(), described(&asked));
        problem = problem.or(asked.err());
    }
    let any = Query { limit: 1, ..Query::default() };
    if let Some(failure) = worker.keeper.list(&any).await.err().or(problem) {
        return failing(&failure, plugins);
    }
    json(StatusCode::OK, &json!({ "success": true, "plugins": plugins }))
}

fn failing(failure: &Failure, plugins: Map<String, Value>) -> Answer {
    let body = json!({ "success": false, "error": failure.message, "plugins": plugins });
    json(StatusCode::SERVICE_UNAVAILABLE, &body)
}

fn described(asked: &Result<Rc<Plugin>, Failure>) -> Value {
    match asked {
        Ok(plugin) => json!({ "healthy": true, "name": plugin.name }),
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
