//! `ingest-dedup`: drops what was seen within a window, and never an object because of itself.

mod bindings;
mod bucket;
mod dedup;
mod marks;
mod settings;
mod subject;

pub use dedup::Dedup;
pub use settings::{By, Settings};

framedb_plugin::export!(ingest: Dedup);
