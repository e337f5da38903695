//! The plugins that come with the node: real components, built from `components/`; and those
//! that are no plugins, but that plugins are composed with.

use bytes::Bytes;

macro_rules! components {
    ($($name:literal),* $(,)?) => {
        &[
            $(($name, include_bytes!(concat!(env!("FRAMEDB_COMPONENTS"), "/", $name, ".wasm")))),*
        ]
    };
}

/// Every built-in plugin by name.
const BUILTIN: &[(&str, &[u8])] = components!(
    "ingest-admit",
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

/// What plugins are composed with, by name.
const PARTS: &[(&str, &[u8])] = components!("edge-worker", "ingest-chain");

/// The component of a built-in plugin.
#[must_use]
pub fn component(name: &str) -> Option<Bytes> {
    let (_, bytes) = BUILTIN.iter().find(|(builtin, _)| *builtin == name)?;
    Some(Bytes::from_static(bytes))
}

/// The component of what plugins are composed with: `edge-worker`, which runs on Spin, or
/// `ingest-chain`, which makes one ingest plugin of two.
#[must_use]
pub fn part(name: &str) -> Option<Bytes> {
    let (_, bytes) = PARTS.iter().find(|(part, _)| *part == name)?;
    Some(Bytes::from_static(bytes))
}

/// The names of the built-in plugins.
pub fn names() -> impl Iterator<Item = &'static str> {
    BUILTIN.iter().map(|(name, _)| *name)
}
