//! `/cluster/*` and `/replication/*`: which clusters there are. They are those of the
//! configuration; what would start or stop servers says that this node does neither.

use super::envelope::{Refusal, answer};
use crate::node::Node;
use axum::{body::Body, extract::State, response::Response};
use serde_json::Value;
use std::sync::Arc;

/// What creating one cluster takes (contract 5.3).
const CREATE: [&str; 5] = ["clusterName", "nodeTag", "replicas", "enableMetrics", "quorum"];

/// What creating several takes.
const CREATE_MANY: [&str; 7] =
    ["clusterPrefix", "startIndex", "nClusters", "nodeTag", "replicas", "enableMetrics", "quorum"];

/// A cluster's record.
pub(super) async fn get(State(node): State<Arc<Node>>, body: Body) -> Response {
    answer(&node, body, async |fields| {
        let [name] = fields.texts(["clusterName"])?;
        match node.sources.clusters.get(&name) {
            Some(cluster) => Ok(cluster.record()),
            None => Err(unknown(&name)),
        }
    })
    .await
}

/// The names of all clusters.
pub(super) async fn synchronize(State(node): State<Arc<Node>>, body: Body) -> Response {
    answer(&node, body, async |fields| {
        fields.require(&["synchronize"])?;
        match fields.value("synchronize") {
            Value::Bool(false) => {
                Ok(node.sources.clusters.names().map(Value::from).collect::<Value>())
            }
            Value::Bool(true) => Err(absent("synchronize with what is deployed")),
            _ => Err(Refusal::new("`synchronize` is not true or false")),
        }
    })
    .await
}

/// Would take over what is deployed of a cluster.
pub(super) async fn synchronize_cluster(State(node): State<Arc<Node>>, body: Body) -> Response {
    refuse(&node, body, &["clusterName"], "synchronize with what is deployed").await
}

/// Would start the servers of a cluster.
pub(super) async fn create(State(node): State<Arc<Node>>, body: Body) -> Response {
    refuse(&node, body, &CREATE, "create a cluster").await
}

/// Would start the servers of several.
pub(super) async fn create_many(State(node): State<Arc<Node>>, body: Body) -> Response {
    refuse(&node, body, &CREATE_MANY, "create clusters").await
}

/// Would stop the servers of a cluster.
pub(super) async fn remove(State(node): State<Arc<Node>>, body: Body) -> Response {
    answer(&node, body, async |fields| {
        let [name] = fields.texts(["clusterName"])?;
        match node.sources.clusters.get(&name) {
            Some(_) => Err::<Value, _>(absent("remove a cluster")),
            None => Err(unknown(&name)),
        }
    })
    .await
}

/// Would stop the servers of several.
pub(super) async fn remove_many(State(node): State<Arc<Node>>, body: Body) -> Response {
    refuse(&node, body, &["clusterList"], "remove clusters").await
}

/// Would start or stop replicas.
pub(super) async fn replicate(State(node): State<Arc<Node>>, body: Body) -> Response {
    refuse(&node, body, &["clusterId", "replicas"], "scale a cluster").await
}

async fn refuse(node: &Node, body: Body, required: &[&str], attempt: &str) -> Response {
    answer(node, body, async |fields| {
        fields.require(required)?;
        Err::<Value, _>(absent(attempt))
    })
    .await
}

fn absent(attempt: &str) -> Refusal {
    Refusal::new(format!("cannot {attempt}: this node starts and stops no servers")).with_hint(
        "run the servers yourself, and name them in the configuration as `[clusters.NAME]`",
    )
}

fn unknown(name: &str) -> Refusal {
    Refusal::new(format!("Cluster {name} does not exist"))
}
