//! Services: groups of paths that an operator can switch off.

use super::{cluster_stack, config, framedb, problem};
use crate::node::Node;
use axum::routing::{MethodRouter, any};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// `[services]`: what the HTTP door offers beside objects, queues and health.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct ServicesConfig {
    /// The routing service: `/framedb/objects` and `/framedb/streams`, where clients that write
    /// data themselves register and look up where it is.
    pub routing: bool,
    /// The config service: `/global/framedb/*`, `/framedb/instances` and
    /// `/framedb/persistent-instances`, where clients look up where instances are, and servers
    /// that run are registered.
    pub config: bool,
    /// The source routing service: `/routing/*` and `/backpressure/*`, where producers and
    /// readers of frames learn which cluster a source is written to.
    pub sources: bool,
    /// The discovery service: `/discovery/*`, which says where the servers of a cluster are.
    pub discovery: bool,
    /// The cluster service: `/cluster/*` and `/replication/*`, which says what clusters there
    /// are.
    pub clusters: bool,
}

impl Default for ServicesConfig {
    fn default() -> Self {
        Self { routing: true, config: true, sources: true, discovery: true, clusters: true }
    }
}

/// Paths as the description writes them, with what they do.
type Paths = Vec<(&'static str, MethodRouter<Arc<Node>>)>;

/// The paths of all services; those of one that is switched off say so.
pub(super) fn paths(settings: &ServicesConfig) -> Paths {
    let services: [(&'static str, bool, Paths); 5] = [
        ("routing", settings.routing, framedb::routes()),
        ("config", settings.config, config::routes()),
        ("sources", settings.sources, cluster_stack::sources()),
        ("discovery", settings.discovery, cluster_stack::discovery()),
        ("clusters", settings.clusters, cluster_stack::clusters()),
    ];
    let paths = |(name, on, paths): (&'static str, bool, Paths)| {
        let off = move |(path, _)| (path, any(async move || problem::switched_off(name)));
        if on { paths } else { paths.into_iter().map(off).collect() }
    };
    services.into_iter().flat_map(paths).collect()
}
