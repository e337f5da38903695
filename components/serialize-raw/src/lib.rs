//! `serialize-raw`: stores payloads as they are.

mod raw;

pub use raw::Raw;

framedb_plugin::export!(serialize: Raw);
