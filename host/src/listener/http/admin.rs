//! `/admin/node`, `/admin/instances`, `/admin/plugins`: what the commands show.

use super::health::{check, describe};
use crate::{InstanceRecord, node::Node};
use axum::{Json, extract::State};
use framedb_core::Format;
use futures::future::join_all;
use serde_json::{Value, json};
use std::sync::Arc;

/// Which node answers; commands hold it against the file that led them here.
pub(super) async fn node(State(node): State<Arc<Node>>) -> Json<Value> {
    Json(json!({
        "success": true,
        "name": "framedb-edge",
        "version": env!("CARGO_PKG_VERSION"),
        "pid": std::process::id(),
        "ready": node.is_ready(),
    }))
}

/// Where objects can be kept, and whether that works now.
pub(super) async fn instances(State(node): State<Arc<Node>>) -> Json<Value> {
    // Where the registry cannot be used, which is said below, those of the configuration can.
    let known = node.instances.records().await;
    let known = known.unwrap_or_else(|_| node.instances.configured().cloned().collect());
    let instances = known.iter().map(async |record| instance(&node, record).await);
    let instances = join_all(instances).await;
    Json(json!({
        "success": true,
        "instances": instances,
        "registry": {
            "description": node.registry.describe(),
            "health": describe(check(node.registry.health()).await),
        },
    }))
}

/// What is known of an instance without its URLs, which may hold passwords, and what it says
/// itself when it can be reached.
async fn instance(node: &Node, record: &InstanceRecord) -> Value {
    let opened = check(node.instances.get(&record.framedb_id)).await;
    let (health, said) = match &opened {
        Err(error) => (Err(error.clone()), Value::Null),
        Ok(instance) => {
            let objects = &instance.objects;
            let limits = objects.limits();
            let said = json!({
                "description": objects.describe(),
                "kinds": instance.kinds,
                "durable": objects.durable(),
                "synced": objects.synced(),
                "max_value": limits.max_value,
                "capacity": limits.capacity,
            });
            (check(objects.health()).await, said)
        }
    };
    let mut answer = json!({
        "id": record.framedb_id,
        "cluster_id": record.cluster_id,
        "configured": node.instances.is_configured(&record.framedb_id),
        "health": describe(health),
    });
    if let (Some(answer), Value::Object(said)) = (answer.as_object_mut(), said) {
        answer.extend(said);
    }
    answer
}

/// The plugins that pipelines use.
pub(super) async fn plugins(State(node): State<Arc<Node>>) -> Json<Value> {
    let plugins = node.plugins.iter().map(|plugin| {
        let stages = plugin.stages().map(|(stage, name, version)| {
            json!({ "stage": stage.as_str(), "name": name, "version": version })
        });
        let pipelines = node
            .config
            .pipelines
            .iter()
            .filter(|(_, pipeline)| pipeline.plugins().any(|(_, name)| name == plugin.name()));
        json!({
            "name": plugin.name(),
            "digest": plugin.digest(),
            "size": plugin.bytes().len(),
            "stages": stages.collect::<Vec<_>>(),
            "reads": formats(plugin.reads()),
            "writes": formats(plugin.writes()),
            "pipelines": pipelines.map(|(name, _)| name).collect::<Vec<_>>(),
        })
    });
    Json(json!({ "success": true, "plugins": plugins.collect::<Vec<_>>() }))
}

fn formats(formats: &[Format]) -> Vec<String> {
    formats.iter().map(ToString::to_string).collect()
}
