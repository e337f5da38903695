//! The cluster stack's services: source mappings, back pressure, discovery and clusters
//! (sections 5.3 and 6 of the wire contract).
//!
//! [`envelope`] is how all of them are asked and how they answer, [`fields`] reads what a request
//! says; then the handlers, a service a file. What they do is in [`crate::sources`].

mod envelope;
mod fields;

mod clusters;
mod discovery;
mod mapping;
mod placement;
mod pressure;

use crate::node::Node;
use axum::{
    Json,
    routing::{MethodRouter, post},
};
use serde_json::{Value, json};
use std::sync::Arc;

/// Paths as the description writes them, with what they do.
type Paths = Vec<(&'static str, MethodRouter<Arc<Node>>)>;

/// Source mappings, and back pressure of those who write them.
pub(super) fn sources() -> Paths {
    vec![
        ("/routing/getMapping", post(mapping::get)),
        ("/routing/createMapping", post(mapping::create)),
        ("/routing/removeMapping", post(mapping::remove)),
        ("/routing/updateMapping", post(mapping::update)),
        ("/routing/updateMetadata", post(mapping::describe)),
        ("/routing/getMappingMetadata", post(mapping::metadata)),
        ("/routing/getSourcesByInstance", post(placement::by_instance)),
        ("/routing/getSourcesByNode", post(placement::by_node)),
        ("/routing/getLeastAssignedInstance", post(placement::least)),
        ("/routing/getMaxAssignedInstance", post(placement::most)),
        ("/routing/reassignInstance", post(placement::reassign_instance)),
        ("/routing/ressignSource", post(placement::reassign_source)),
        ("/backpressure/enable", post(pressure::enable)),
        ("/backpressure/disable", post(pressure::disable)),
        ("/backpressure/nodeEnable", post(pressure::node_enable)),
        ("/backpressure/nodeDisable", post(pressure::node_disable)),
        ("/backpressure/instanceEnable", post(pressure::instance_enable)),
        ("/backpressure/instanceDisable", post(pressure::instance_disable)),
    ]
}

/// Where the servers of a cluster are.
pub(super) fn discovery() -> Paths {
    vec![
        ("/discovery/getMaster", post(discovery::master)),
        ("/discovery/getSlaves", post(discovery::replicas)),
        ("/discovery/getClusterInfo", post(discovery::cluster)),
        ("/discovery/getClusterMaster", post(discovery::cluster_master)),
    ]
}

/// Which clusters there are.
pub(super) fn clusters() -> Paths {
    vec![
        ("/cluster/getClusterInfo", post(clusters::get)),
        ("/cluster/synchronize", post(clusters::synchronize)),
        ("/cluster/synchronizeCluster", post(clusters::synchronize_cluster)),
        ("/cluster/createCluster", post(clusters::create)),
        ("/cluster/createClusters", post(clusters::create_many)),
        ("/cluster/removeCluster", post(clusters::remove)),
        ("/cluster/removeClusters", post(clusters::remove_many)),
        ("/replication/createReplication", post(clusters::replicate)),
    ]
}

/// `/health/ping`, which every service of this stack has.
pub(super) async fn ping() -> Json<Value> {
    Json(json!({ "message": "pong!" }))
}
