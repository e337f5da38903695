//! `Update`: what subscribers of a source are told, in the words of contract section 6.

use super::mapping::Target;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What happened.
#[derive(Debug, Clone)]
pub(super) enum News {
    /// The source is written to this target, which may be new or another one than before.
    Added(Target),
    /// The source is not written on the nodes of this tag any more.
    Removed(String),
    /// The metadata of the target on the nodes of a tag is another.
    Described { node_tag: String, metadata: Value },
    /// Producers are to pause on the nodes of a tag, or may go on.
    NodePressure { on: bool, node_tag: String, cluster: String },
    /// Producers of the source are to pause everywhere, or may go on.
    SourcePressure { on: bool, source: String },
}

/// A message on the update channel.
///
/// Versions grow by one with every change of the source, also over removal and return. A
/// subscriber that has seen a version can drop it, or an older one, when it comes again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Update {
    command: String,
    payload: Value,
    version: u64,
}

impl News {
    /// The message of the change with this version.
    pub(super) fn at(self, version: u64) -> Update {
        let (command, payload) = match self {
            Self::Added(target) => ("add", json!([target.record()])),
            Self::Removed(node_tag) => ("remove", json!([node_tag])),
            Self::Described { node_tag, metadata } => {
                ("meta_update", json!({ "nodeTag": node_tag, "metadata": metadata }))
            }
            Self::NodePressure { on, node_tag, cluster } => (
                if on { "bp_on" } else { "bp_off" },
                json!({ "nodeTag": node_tag, "cluster_name": cluster, "clusterName": cluster }),
            ),
            Self::SourcePressure { on, source } => {
                (if on { "bp_source_on" } else { "bp_source_off" }, json!({ "sourceId": source }))
            }
        };
        Update { command: command.to_owned(), payload, version }
    }
}

impl Update {
    /// The number of the change.
    pub(super) fn version(&self) -> u64 {
        self.version
    }

    /// The message as it is published.
    pub(super) fn message(&self) -> String {
        json!({ "command": self.command, "payload": self.payload, "version": self.version })
            .to_string()
    }
}
