//! The plugins that come with the node: real components, built from `components/`.

use bytes::Bytes;

macro_rules! builtin {
    ($($name:literal),* $(,)?) => {
        /// Every built-in plugin by name.
        const BUILTIN: &[(&str, &[u8])] = &[
            $(($name, include_bytes!(concat!(env!("FRAMEDB_COMPONENTS"), "/", $name, ".wasm")))),*
        ];
    };
}

builtin!(
    "ingest-dedup",
    "ingest-audit-sql",
    "ingest-inspect",
    "pass-through",
    "resolve-grpc",
    "resolve-redis-table",
    "resolve-rules",
    "serialize-cbor",
    "serialize-lz4",
    "serialize-raw",
);

/// The component of a built-in plugin.
#[must_use]
pub fn component(name: &str) -> Option<Bytes> {
    let (_, bytes) = BUILTIN.iter().find(|(builtin, _)| *builtin == name)?;
    Some(Bytes::from_static(bytes))
}

/// The names of the built-in plugins.
pub fn names() -> impl Iterator<Item = &'static str> {
    BUILTIN.iter().map(|(name, _)| *name)
}
