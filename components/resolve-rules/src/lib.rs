//! `resolve-rules`: places objects by rules, and spreads keys over several instances.

mod rendezvous;
mod rules;
mod table;

pub use rules::{Rules, Settings};

framedb_plugin::export!(resolve: Rules);
