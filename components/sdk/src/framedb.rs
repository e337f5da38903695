//! FrameDB itself, for plugins: objects, queues, routes and instances.
//!
//! Each module is a capability that only the native node offers, behind a feature of its own,
//! so that a plugin imports no more than it uses: what a component imports, its operator has to
//! grant. All functions are asynchronous, and wait without holding a thread.
//!
//! ```toml
//! framedb-plugin = { version = "0.1", features = ["objects"] }
//! ```
//!
//! What a plugin writes skips the stages. The objects that it is called with are written after
//! the call: a plugin that writes one of their keys itself is refused, because its write would
//! wait for its own call.

/// Objects by key: `[plugins.NAME.grants.objects.LABEL]`.
///
/// ```
/// use framedb_plugin::framedb::objects;
///
/// async fn seen_before(key: &str) -> Result<bool, objects::Error> {
///     Ok(objects::get(key.into()).await?.is_some())
/// }
/// ```
#[cfg(feature = "objects")]
pub mod objects {
    pub use crate::bindings::objects::framedb::objects::objects::{
        Entry, Error, Kind, Object, Options, Page, delete, get, list, put,
    };

    impl Options {
        /// At an instance, for ever, without metadata.
        #[must_use]
        pub fn at(framedb_id: impl Into<String>, kind: Kind) -> Self {
            Self {
                framedb_id: framedb_id.into(),
                kind,
                metadata: String::new(),
                content_type: None,
                time_to_live: None,
            }
        }
    }
}

/// Queues by name: `[plugins.NAME.grants.streams.LABEL]`.
#[cfg(feature = "streams")]
pub mod streams {
    pub use crate::bindings::streams::framedb::streams::streams::{
        Error, Leased, ack, extend, lease, length, nack, push,
    };
}

/// Where keys are, and where sources are written to: `grants.routing = true`.
#[cfg(feature = "routing")]
pub mod routing {
    pub use crate::bindings::routing::framedb::routing::routing::{
        Error, Kind, Route, Target, lookup, sources,
    };
}

/// Instances and their health: `grants.clusters = true`.
#[cfg(feature = "clusters")]
pub mod clusters {
    pub use crate::bindings::clusters::framedb::clusters::clusters::{
        Condition, Error, Instance, Kind, health, instances,
    };
}
