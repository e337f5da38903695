//! The registry in Redis: its keys, its rows, and the scripts that change routes with their
//! indexes.
//!
//! Everything is under one hash tag, so that a cluster keeps it in one slot and a script changes
//! it in one step: a hash of routes, an index of their names in byte order, an index of those
//! that expire, writes that have begun, by their names and by their times, and a hash of
//! documents for each table.

mod keys;
mod pending;
mod rows;

pub use keys::{DEFAULT_PREFIX, Keys, PrefixError, split};
pub use pending::{PENDING_FOR, intent_of_pending, pending_text};
pub use rows::{document_of_row, generation_text, route_of_row, route_row};

/// The source of a script, behind the functions that change routes.
macro_rules! script {
    ($file:literal) => {
        concat!(include_str!("routes.lua"), "\n", include_str!($file))
    };
}

/// Registers routes. Its keys are [`Keys::of_routes`].
pub const REGISTER: &str = script!("register.lua");

/// Removes a route. Its keys are [`Keys::of_routes`].
pub const REMOVE: &str = include_str!("remove.lua");

/// A page of routes. Its keys are [`Keys::of_routes`].
pub const LIST: &str = include_str!("list.lua");

/// Routes that have expired. Its keys are [`Keys::of_routes`].
pub const EXPIRED: &str = include_str!("expired.lua");

/// A route, and the writes of its key that were given up. Its keys are [`Keys::of_writes`].
pub const LOOK: &str = concat!(include_str!("pending.lua"), "\n", include_str!("look.lua"));

/// Writes down that a write begins. Its keys are [`Keys::of_writes`].
pub const BEGIN: &str = concat!(include_str!("pending.lua"), "\n", include_str!("begin.lua"));

/// Registers the route of a write, or ends the write, or both. Its keys are [`Keys::of_writes`].
pub const COMMIT: &str = script!("commit.lua");

/// Stores an object and registers its route, where both are in one database. Its keys are
/// [`Keys::of_writes`], then the object.
pub const STORE: &str = concat!(
    include_str!("pending.lua"),
    "\n",
    include_str!("routes.lua"),
    "\n",
    include_str!("store.lua")
);

/// Writes that were given up, the oldest first. Its keys are [`Keys::of_writes`].
pub const ABANDONED: &str =
    concat!(include_str!("pending.lua"), "\n", include_str!("abandoned.lua"));

/// Writes a document. Its key is its table's.
pub const WRITE_DOCUMENT: &str = include_str!("write.lua");

/// Removes a document. Its key is its table's.
pub const DELETE_DOCUMENT: &str = include_str!("delete.lua");

/// What the server says of itself. Its key is any of the registry's.
pub const INFO: &str = include_str!("info.lua");
