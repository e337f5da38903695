//! `pass-through`: all three stages doing nothing, to measure what a crossing costs.

mod pass;

pub use pass::Pass;

framedb_plugin::export!(ingest: Pass, resolve: Pass, serialize: Pass);
