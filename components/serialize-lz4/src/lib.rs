//! `serialize-lz4`: compresses payloads into LZ4 frames that any LZ4 tool reads.

mod frame;
mod lz4;
mod probe;

pub use lz4::{Lz4, Settings};

framedb_plugin::export!(serialize: Lz4);
