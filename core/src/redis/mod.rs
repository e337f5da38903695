//! Redis as the node and the Spin worker lay it out: one set of keys, rows and scripts, so that
//! each reads what the other wrote.
//!
//! Objects are plain strings under their own keys, queues are plain lists, as existing clients
//! have them. What a queue keeps beside its list is [`queues`]; routes are [`registry`].

pub mod queues;
pub mod registry;
mod slot;

pub use slot::{slot, tag};

/// The script that deletes an object, whose key is its only one. It is small enough to be sent
/// along. A queue that took the object's name stays.
pub const DELETE_OBJECT: &str = include_str!("delete.lua");

/// The script that deletes an object, whose key is its only one, if it has these bytes.
pub const DELETE_UNCHANGED: &str = include_str!("delete_unchanged.lua");
