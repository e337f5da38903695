//! `ingest-inspect`: recognises payloads by their content, and refuses those that are not what
//! they claim to be.

mod declared;
mod found;
mod inspect;
mod iso_media;
mod structured;

pub use inspect::{Inspect, Settings};

framedb_plugin::export!(ingest: Inspect);
