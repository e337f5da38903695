//! What plugins may import, one capability a file.

pub(crate) mod bindings;
pub(crate) mod buckets;
pub(crate) mod config;
pub(crate) mod framedb;
pub(crate) mod http;
mod key_stream;
pub(crate) mod keyvalue;
pub(crate) mod mysql;
mod mysql_v2;
mod mysql_values;
pub(crate) mod redis;
pub(crate) mod redis_values;
mod spin_key_value;
pub(crate) mod stdio;
mod taped;
mod variables;

use super::state::State;
use bindings as wit;
use wasmtime::component::{HasSelf, Linker};

/// Something that a plugin may import.
pub(crate) struct Offer {
    /// An interface, or the start of the names of several, which ends with a slash, or with a
    /// dot where releases of it are meant that fit one another.
    pub(crate) import: &'static str,
    /// What it is.
    pub(crate) what: &'static str,
    /// The section of `[plugins.NAME.grants]` that allows it; none where nothing is reached.
    pub(crate) grant: Option<&'static str>,
}

/// Everything that a plugin may import.
///
/// WASI 0.2 and 0.3 are what the standard libraries of guest languages import, whether a plugin
/// uses them or not; the file system has no folders in it and the environment no variables.
/// Sockets are linked so that every standard library links, and not on offer, because no
/// address is ever allowed.
pub(crate) const OFFERS: &[Offer] = &[
    free("wasi:cli/", "standard output as log lines, an empty environment"),
    free("wasi:clocks/", "clocks"),
    free("wasi:config/store@0.2.0-draft-2024-09-27", "the plugin's settings"),
    free("wasi:filesystem/", "a file system without folders"),
    free("wasi:io/", "streams and polling"),
    free("wasi:random/", "random numbers"),
    free("spin:variables/variables@3.0.0", "the plugin's settings"),
    granted("framedb:objects/objects@0.1.0", "objects of FrameDB", "objects"),
    granted("framedb:streams/streams@0.1.0", "queues of FrameDB", "streams"),
    granted("framedb:routing/routing@0.1.0", "where objects and sources are", "routing"),
    granted("framedb:clusters/clusters@0.1.0", "instances and their health", "clusters"),
    granted("wasi:keyvalue/store@0.2.0-draft2", "buckets of its own state", "key-value"),
    granted("wasi:keyvalue/atomics@0.2.0-draft2", "buckets of its own state", "key-value"),
    granted("wasi:keyvalue/batch@0.2.0-draft2", "buckets of its own state", "key-value"),
    granted("spin:key-value/key-value@3.0.0", "buckets of its own state", "key-value"),
    granted("spin:redis/redis@3.0.0", "commands of Redis", "redis"),
    granted("spin:mysql/mysql@3.0.0", "statements of SQL", "mysql"),
    granted("fermyon:spin/mysql@2.0.0", "statements of SQL", "mysql"),
    granted("wasi:http/client@0.3.", "requests over HTTP", "http"),
    granted("wasi:http/outgoing-handler@0.2.", "requests over HTTP", "http"),
    // Interfaces of types only.
    free("wasi:http/types@0.", "types of HTTP"),
    free("fermyon:spin/rdbms-types@2.0.0", "types of SQL"),
];

const fn free(import: &'static str, what: &'static str) -> Offer {
    Offer { import, what, grant: None }
}

const fn granted(import: &'static str, what: &'static str, grant: &'static str) -> Offer {
    Offer { import, what, grant: Some(grant) }
}

impl Offer {
    /// What is behind an import, if the node offers it.
    pub(crate) fn of(import: &str) -> Option<&'static Self> {
        OFFERS.iter().find(|offer| {
            let name = offer.import;
            import == name || (name.ends_with(['/', '.']) && import.starts_with(name))
        })
    }
}

/// Links everything that is on offer.
pub(crate) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_async(linker)?;
    wasmtime_wasi::p3::add_to_linker(linker)?;
    config::add_to_linker(linker)?;
    wit::spin::variables::variables::add_to_linker::<_, HasSelf<State>>(linker, |state| state)?;
    http::add_to_linker(linker)?;
    taped::add_to_linker(linker)
}
