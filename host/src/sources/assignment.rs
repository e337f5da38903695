//! `Assignment`: which sources a cluster has, counted from the mappings themselves, so that
//! there is no second list to be wrong (D30).

use super::{Clusters, mapping::Mapping};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The sources of one cluster on the nodes of a tag.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Assignment {
    pub(super) cluster: String,
    pub(super) node_tag: String,
    pub(super) sources: Vec<String>,
}

impl Assignment {
    /// The instance record (contract 6).
    pub(super) fn record(&self) -> Value {
        json!({
            "_id": self.cluster,
            "sources": self.sources,
            "nodeTag": self.node_tag,
            "sourceCount": self.sources.len(),
        })
    }
}

/// The clusters on the nodes of a tag with their sources, by name: those of the configuration,
/// and those that mappings still name.
pub(super) fn on(
    node_tag: &str,
    clusters: &Clusters,
    mappings: &[(String, Mapping)],
) -> Vec<Assignment> {
    let configured = clusters.on(node_tag).map(|cluster| (cluster.name().to_owned(), Vec::new()));
    let mut sources: BTreeMap<String, Vec<String>> = configured.collect();
    for (source, mapping) in mappings {
        if let Some(target) = mapping.target(node_tag) {
            sources.entry(target.cluster_name.clone()).or_default().push(source.clone());
        }
    }
    let assignment =
        |(cluster, sources)| Assignment { cluster, node_tag: node_tag.to_owned(), sources };
    sources.into_iter().map(assignment).collect()
}

/// The one with the fewest sources; among equals one that is preferred, else any.
pub(super) fn least(
    mut assignments: Vec<Assignment>,
    is_preferred: impl Fn(&str) -> bool,
) -> Option<Assignment> {
    fastrand::shuffle(&mut assignments);
    let rank = |a: &Assignment| (a.sources.len(), !is_preferred(&a.cluster));
    assignments.into_iter().min_by_key(rank)
}

/// The one with the most sources.
pub(super) fn most(assignments: Vec<Assignment>) -> Option<Assignment> {
    assignments.into_iter().rev().max_by_key(|assignment| assignment.sources.len())
}
