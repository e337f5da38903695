//! `/healthz`, `/readyz`, `/metrics`, `/version`: what operators and their tools ask.

use crate::{Check, Report, Result, node::Node};
use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Map, Value, json};
use std::{sync::Arc, time::Duration};

/// How long an engine may take to say that it can be used.
const PATIENCE: Duration = Duration::from_secs(2);

/// Whether every engine and the registry can be used, as seen last, no pipeline is halted and no
/// plugin left alone; the process is alive to say
/// so. For monitors: a restart of the node brings no engine back.
pub(super) async fn healthz(State(node): State<Arc<Node>>) -> Response {
    let Report { registry, instances } = node.health.report();
    let failing = failing(&node);
    let plugins = node.breakers.iter().map(|breaker| breaker.plugin());
    let plugins: Map<_, _> = plugins
        .map(|name| {
            let problem = failing.get(name).and_then(Value::as_str);
            (name.to_owned(), describe(problem.map_or(Ok(()), |problem| Err(problem.to_owned()))))
        })
        .collect();
    let pipelines: Map<_, _> = node
        .pipelines
        .iter()
        .map(|pipeline| {
            (pipeline.name().to_owned(), describe(pipeline.halted().map_or(Ok(()), Err)))
        })
        .collect();
    let problem = if registry.is_err() || instances.values().any(Check::is_err) {
        Some("an engine cannot be used")
    } else if !halted(&node).is_empty() {
        Some("a pipeline is halted")
    } else if !failing.is_empty() {
        Some("a plugin fails again and again")
    } else {
        None
    };
    let instances: Map<_, _> =
        instances.into_iter().map(|(id, health)| (id.to_string(), describe(health))).collect();
    let mut body = json!({
        "success": problem.is_none(),
        "registry": describe(registry),
        "instances": instances,
        "plugins": plugins,
        "pipelines": pipelines,
        "uptime_seconds": node.started.elapsed().as_secs(),
    });
    if let (Some(problem), Some(body)) = (problem, body.as_object_mut()) {
        body.insert("error".into(), problem.into());
    }
    let status = match problem {
        None => StatusCode::OK,
        Some(_) => StatusCode::SERVICE_UNAVAILABLE,
    };
    (status, Json(body)).into_response()
}

/// Waits for what an engine has to say, but not for ever; an error in one line.
pub(super) async fn check<T>(
    answer: impl Future<Output = Result<T>>,
) -> std::result::Result<T, String> {
    match tokio::time::timeout(PATIENCE, answer).await {
        Ok(answer) => answer.map_err(|error| error.chain()),
        Err(_) => Err(format!("no answer within {}", humantime::format_duration(PATIENCE))),
    }
}

/// A health check's result as JSON.
pub(super) fn describe(health: Check) -> Value {
    match health {
        Ok(()) => json!({ "healthy": true }),
        Err(error) => json!({ "healthy": false, "error": error }),
    }
}

/// Whether the node takes objects. One that has lost some of its instances, or has halted some of
/// its pipelines, does, and names them: a load balancer that took it out would lose the others as
/// well.
pub(super) async fn readyz(State(node): State<Arc<Node>>) -> Response {
    let degraded = node.health.report().instances.into_iter();
    let degraded = degraded.filter_map(|(id, health)| Some((id.to_string(), health.err()?.into())));
    let degraded: Map<_, _> = degraded.collect();
    let halted = halted(&node);
    let obstacle = match node.is_ready() {
        true if halted.len() == node.pipelines.len() => Some(match halted.iter().next() {
            Some((name, reason)) if halted.len() == 1 => {
                format!("the pipeline `{name}` is halted: {}", reason.as_str().unwrap_or_default())
            }
            _ => "every pipeline is halted".to_owned(),
        }),
        true => node.health.obstacle(),
        false => Some("the node is starting or shutting down".to_owned()),
    };
    let status = match obstacle {
        None => StatusCode::OK,
        Some(_) => StatusCode::SERVICE_UNAVAILABLE,
    };
    let mut body = json!({
        "success": obstacle.is_none(),
        "degraded": degraded,
        "halted": halted,
        "failing": failing(&node),
    });
    if let (Some(error), Some(body)) = (obstacle, body.as_object_mut()) {
        body.insert("error".into(), error.into());
    }
    (status, Json(body)).into_response()
}

/// The plugins that are left alone at present, and why.
fn failing(node: &Node) -> Map<String, Value> {
    let breakers = node.breakers.iter();
    breakers.filter_map(|b| Some((b.plugin().to_owned(), b.problem()?.into()))).collect()
}

/// The pipelines that take no objects, and why.
fn halted(node: &Node) -> Map<String, Value> {
    let halted = node.pipelines.iter();
    halted.filter_map(|p| Some((p.name().to_owned(), p.halted()?.into()))).collect()
}

/// The node's metrics in Prometheus' text format; values that nobody records are read now.
pub(super) async fn metrics(State(node): State<Arc<Node>>) -> Response {
    let gauge = |name, value: u64| node.telemetry.gauge(name, &[]).set(value as f64);
    gauge("framedb_in_flight_bytes", node.ingress.admission().in_flight());
    gauge("framedb_uptime_seconds", node.started.elapsed().as_secs());
    if let Ok(Ok(letters)) = tokio::time::timeout(PATIENCE, node.dead_letters.totals()).await {
        gauge("framedb_dead_letters", letters.count);
        gauge("framedb_dead_letter_bytes", letters.bytes);
    }
    // Another service would have to list its routes for that, and counts them itself.
    if node.registry.is_own()
        && let Ok(Ok(routes)) = tokio::time::timeout(PATIENCE, node.registry.count()).await
    {
        gauge("framedb_routes", routes);
    }
    let text = "text/plain; version=0.0.4; charset=utf-8";
    ([(header::CONTENT_TYPE, text)], node.telemetry.render()).into_response()
}

/// What this is.
pub(super) async fn version() -> Json<Value> {
    Json(json!({
        "success": true,
        "name": "framedb-edge",
        "version": env!("CARGO_PKG_VERSION"),
        "contract": "framedb:edge@0.1.0",
    }))
}
