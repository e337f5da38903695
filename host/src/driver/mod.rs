//! Drivers: connections that stores, the registry and capabilities share.
//!
//! The embedded engines have theirs here too: [`Arena`] is the memory and [`Disk`] the data
//! directory that an object store, a queue and the registry use together, so that data and
//! routes change in one step. Servers have a folder each.

mod disk;
mod disk_error;
mod disk_routes;
mod disk_writer;
mod disks;
pub(crate) mod etcd;
mod groups;
pub(crate) mod http;
mod known_keys;
mod memory;
pub(crate) mod mysql;
pub(crate) mod queue;
pub(crate) mod redis;
mod route_heads;
mod shard;
mod space;
mod space_routes;
pub(crate) mod tables;
mod tls;

pub use disk::Disk;
pub use disks::Disks;
pub use memory::Arena;
pub use space::{DEFAULT_MAX_BYTES, Eviction, Space};

pub(crate) use disk_error::repeat;
pub(crate) use disk_writer::{Change, Effort};
pub(crate) use groups::{GroupWriter, Groups};
pub(crate) use space::older;
pub(crate) use tables::Tables;

/// An error of the embedded database, by its cause.
pub(crate) fn disk_failure(message: &str, cause: fjall::Error) -> crate::Error {
    disk_error::of(message.to_owned(), cause)
}

/// Where data and routes can be written in one transaction.
///
/// Two parts of the node are in the same domain when they share it by clone.
#[derive(Debug, Clone)]
pub struct Domain(std::sync::Arc<u8>);

impl Domain {
    /// A domain of its own.
    #[must_use]
    pub fn unique() -> Self {
        Self(std::sync::Arc::new(0))
    }
}

impl PartialEq for Domain {
    fn eq(&self, other: &Self) -> bool {
        std::sync::Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Domain {}

/// Milliseconds since the Unix epoch, which start at the system's clock and then run on their
/// own: leases neither end early nor last for years when an edge device learns the time.
pub(crate) fn steady_millis() -> u64 {
    use std::{sync::LazyLock, time::SystemTime};
    use tokio::time::Instant;

    static START: LazyLock<(u64, Instant)> =
        LazyLock::new(|| (framedb_core::Route::millis(SystemTime::now()), Instant::now()));
    let elapsed = u64::try_from(START.1.elapsed().as_millis()).unwrap_or(u64::MAX);
    START.0.saturating_add(elapsed)
}
