//! `Scripts`: changes of routes with their indexes, and of documents, in one step each.

use crate::driver::redis::Script;
use framedb_core::redis::registry::{
    ABANDONED, COMMIT, DELETE_DOCUMENT, EXPIRED, INFO, LIST, REGISTER, REMOVE, WRITE_DOCUMENT,
};

/// The scripts, each hashed once.
#[derive(Debug)]
pub(super) struct Scripts {
    pub(super) register: Script,
    pub(super) remove: Script,
    pub(super) list: Script,
    pub(super) expired: Script,
    pub(super) abandoned: Script,
    pub(super) commit: Script,
    pub(super) write: Script,
    pub(super) delete: Script,
    pub(super) info: Script,
}

impl Scripts {
    pub(super) fn new() -> Self {
        Self {
            register: Script::new(REGISTER),
            remove: Script::new(REMOVE),
            list: Script::new(LIST),
            expired: Script::new(EXPIRED),
            abandoned: Script::new(ABANDONED),
            commit: Script::new(COMMIT),
            write: Script::new(WRITE_DOCUMENT),
            delete: Script::new(DELETE_DOCUMENT),
            info: Script::new(INFO),
        }
    }
}
