//! Queues in Redis: the side keys of a list, and the scripts that change both in one step.
//!
//! All keys of a script are in one cluster slot and passed to it in the order of
//! [`SideKeys::all`]; the time is the server's.

mod side_keys;

pub use side_keys::{QUEUES, SideKeys};

/// The source of a script, behind what every script of queues begins with.
macro_rules! script {
    ($file:literal) => {
        concat!(include_str!("queue.lua"), "\n", include_str!($file))
    };
}

/// Pushes elements whose ids are not remembered.
pub const PUSH: &str = script!("push.lua");

/// Pushes elements, in the place of an object that has the queue's name.
pub const PUSH_OVER: &str = concat!(include_str!("give_way.lua"), "\n", script!("push.lua"));

/// Leases the oldest element.
pub const LEASE: &str = script!("lease.lua");

/// Ends a lease: the element is done with.
pub const ACK: &str = script!("ack.lua");

/// Ends a lease: the element goes back.
pub const NACK: &str = script!("nack.lua");

/// Makes a lease end later.
pub const EXTEND: &str = script!("extend.lua");

/// Counts what waits and what is leased.
pub const LENGTH: &str = script!("length.lua");

/// Removes a queue with all that it keeps.
pub const PURGE: &str = include_str!("purge.lua");

/// Forgets that a queue was leased from. Its key is [`QUEUES`].
pub const FORGET: &str = include_str!("forget.lua");
