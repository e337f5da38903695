//! Composition: components made of several, as `wac plug` and Spin make them.
//!
//! A worker imports a stage's interface and a plugin exports it; [`plug`] fills the one with the
//! other. [`chain`] makes one ingest plugin of several. What comes out is a component like any
//! other: the node, `framedb plugin inspect` and Spin take it.

mod chain;
mod graph;
mod plug;

pub use chain::chain;
pub use plug::{Plug, plug};

use crate::Result;
use framedb_core::Stage;
use graph::Graph;

/// The built-in plugin that stands for none in a stage: it does what a pipeline without a plugin
/// there does, placing objects where their senders said, or by kind.
#[must_use]
pub fn stand_in(stage: Stage) -> &'static str {
    match stage {
        Stage::Resolve => "resolve-rules",
        _ => "pass-through",
    }
}

/// The version of the contract that stages are exported in.
const VERSION: &str = "0.1.0";

/// The interface of a stage, as components name it; none for what is no plugin's.
#[must_use]
pub fn interface(stage: Stage) -> Option<String> {
    matches!(stage, Stage::Ingest | Stage::Resolve | Stage::Serialize)
        .then(|| format!("framedb:edge/{stage}@{VERSION}"))
}

/// What a component imports.
///
/// # Errors
///
/// When the bytes are no component.
pub fn imports(name: &str, bytes: &[u8]) -> Result<Vec<String>> {
    let mut graph = Graph::default();
    let part = graph.add(name, bytes)?;
    Ok(graph.imports(&part))
}
