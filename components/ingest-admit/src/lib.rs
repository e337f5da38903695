//! `ingest-admit`: lets objects in that an HTTP service says yes to.

mod admit;
mod answer;
mod question;
mod settings;

pub use admit::Admit;
pub use settings::Settings;

framedb_plugin::export!(ingest: Admit);
