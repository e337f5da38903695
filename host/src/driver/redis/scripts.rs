//! `Scripts`: changes of several keys in one step, run by the server.
//!
//! All keys of a script are in one cluster slot and passed to it; the time is the server's.
//! A server that does not have a script yet is given it.

use redis::Script;

/// The scripts, each hashed once.
#[derive(Debug)]
pub(crate) struct Scripts {
    pub(crate) push: Script,
    pub(crate) lease: Script,
    pub(crate) ack: Script,
    pub(crate) nack: Script,
    pub(crate) extend: Script,
    pub(crate) length: Script,
    pub(crate) purge: Script,
    pub(crate) forget: Script,
}

impl Scripts {
    /// The source of the script that deletes an object: small enough to be sent along.
    pub(crate) const DELETE: &str = include_str!("delete.lua");

    pub(crate) fn new() -> Self {
        let script = |body: &str| Script::new(&format!("{}\n{body}", include_str!("queue.lua")));
        Self {
            push: script(include_str!("push.lua")),
            lease: script(include_str!("lease.lua")),
            ack: script(include_str!("ack.lua")),
            nack: script(include_str!("nack.lua")),
            extend: script(include_str!("extend.lua")),
            length: script(include_str!("length.lua")),
            purge: script(include_str!("purge.lua")),
            forget: Script::new(include_str!("forget.lua")),
        }
    }
}
