//! `Scripts`: changes of routes with their indexes, and of documents, in one step each.

use crate::driver::redis::Script;

/// The scripts, each hashed once.
#[derive(Debug)]
pub(super) struct Scripts {
    pub(super) register: Script,
    pub(super) remove: Script,
    pub(super) list: Script,
    pub(super) expired: Script,
    pub(super) write: Script,
    pub(super) delete: Script,
    pub(super) info: Script,
}

impl Scripts {
    pub(super) fn new() -> Self {
        Self {
            register: Script::new(include_str!("register.lua")),
            remove: Script::new(include_str!("remove.lua")),
            list: Script::new(include_str!("list.lua")),
            expired: Script::new(include_str!("expired.lua")),
            write: Script::new(include_str!("write.lua")),
            delete: Script::new(include_str!("delete.lua")),
            info: Script::new(include_str!("info.lua")),
        }
    }
}
