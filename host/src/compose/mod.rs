//! Composition: components made of several, as `wac plug` and Spin make them.
//!
//! A worker imports a stage's interface and a plugin exports it; [`plug`] fills the one with the
//! other. [`chain`] makes one ingest plugin of several. What comes out is a component like any
//! other: the node, `framedb plugin inspect` and Spin take it.

mod graph;
mod plug;

pub use plug::{Plug, plug};

use framedb_core::Stage;

/// The version of the contract that stages are exported in.
const VERSION: &str = "0.1.0";

/// The interface of a stage, as components name it; none for what is no plugin's.
#[must_use]
pub fn interface(stage: Stage) -> Option<String> {
    matches!(stage, Stage::Ingest | Stage::Resolve | Stage::Serialize)
        .then(|| format!("framedb:edge/{stage}@{VERSION}"))
}
