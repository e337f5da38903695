//! `/discovery/*`: where a cluster's servers are, as its sentinels say at the moment.

use super::envelope::{Refusal, answer};
use crate::{Error, driver::redis, node::Node, sources::Cluster};
use axum::{body::Body, extract::State, response::Response};
use serde_json::{Value, json};
use std::sync::Arc;

/// The master of the cluster that a pod is in.
pub(super) async fn master(State(node): State<Arc<Node>>, body: Body) -> Response {
    answer(&node, body, async |fields| {
        let [framedb_id] = fields.texts(["framedb_id"])?;
        let cluster = of_pod(&node, &framedb_id)?;
        master_of(&framedb_id, cluster).await
    })
    .await
}

/// The replicas of the cluster that a pod is in.
pub(super) async fn replicas(State(node): State<Arc<Node>>, body: Body) -> Response {
    answer(&node, body, async |fields| {
        let [framedb_id] = fields.texts(["framedb_id"])?;
        let cluster = of_pod(&node, &framedb_id)?;
        replicas_of(&framedb_id, cluster).await
    })
    .await
}

/// All servers of the cluster that a pod is in.
pub(super) async fn cluster(State(node): State<Arc<Node>>, body: Body) -> Response {
    answer(&node, body, async |fields| {
        let [framedb_id] = fields.texts(["framedb_id"])?;
        let cluster = of_pod(&node, &framedb_id)?;
        let (master, replicas) =
            tokio::try_join!(master_of(&framedb_id, cluster), replicas_of(&framedb_id, cluster))?;
        let name = cluster.master_name();
        let servers = json!({ "master": master, "slaves": replicas, "masterName": name });
        Ok(json!({ "clusterInfo": servers }))
    })
    .await
}

/// The master of a cluster by its name.
pub(super) async fn cluster_master(State(node): State<Arc<Node>>, body: Body) -> Response {
    answer(&node, body, async |fields| {
        let [name] = fields.texts(["clusterName"])?;
        let found = node.sources.clusters.get(&name);
        let cluster = found.ok_or_else(|| no_connection(&name, "no cluster has this name"))?;
        master_of(&name, cluster).await
    })
    .await
}

fn of_pod<'a>(node: &'a Node, framedb_id: &str) -> Result<&'a Cluster, Refusal> {
    let found = node.sources.clusters.of(framedb_id);
    found.ok_or_else(|| no_connection(framedb_id, "it is no cluster, and no pod of one"))
}

async fn master_of(id: &str, cluster: &Cluster) -> Result<Value, Refusal> {
    let master = cluster.discovery().master().await.map_err(|error| failed(id, error))?;
    Ok(json!({ "masterHost": master.host, "masterPort": master.port }))
}

async fn replicas_of(id: &str, cluster: &Cluster) -> Result<Value, Refusal> {
    let replicas = cluster.discovery().replicas().await.map_err(|error| failed(id, error))?;
    let place =
        |replica: redis::Node| json!({ "slaveHost": replica.host, "slavePort": replica.port });
    Ok(replicas.into_iter().map(place).collect())
}

fn failed(id: &str, error: Error) -> Refusal {
    let refusal = no_connection(id, &error.chain());
    match error.hint() {
        Some(hint) => refusal.with_hint(hint),
        None => refusal,
    }
}

/// In the reference's words, and why.
fn no_connection(id: &str, why: &str) -> Refusal {
    Refusal::new(format!("Failed to get sentinel connection for {id}: {why}"))
}
