//! `Scripts`: changes of several keys in one step, run by the server.
//!
//! A server that does not have a script yet is given it.

use framedb_core::redis::queues;
use redis::{Cmd, ToRedisArgs};

/// The scripts, each hashed once.
#[derive(Debug)]
pub(crate) struct Scripts {
    pub(crate) push: Script,
    pub(crate) push_over: Script,
    pub(crate) lease: Script,
    pub(crate) ack: Script,
    pub(crate) nack: Script,
    pub(crate) extend: Script,
    pub(crate) length: Script,
    pub(crate) purge: Script,
    pub(crate) forget: Script,
}

impl Scripts {
    pub(crate) fn new() -> Self {
        Self {
            push: Script::new(queues::PUSH),
            push_over: Script::new(queues::PUSH_OVER),
            lease: Script::new(queues::LEASE),
            ack: Script::new(queues::ACK),
            nack: Script::new(queues::NACK),
            extend: Script::new(queues::EXTEND),
            length: Script::new(queues::LENGTH),
            purge: Script::new(queues::PURGE),
            forget: Script::new(queues::FORGET),
        }
    }
}

/// A script, and the hash that servers know it by.
#[derive(Debug)]
pub(crate) struct Script {
    source: String,
    hash: String,
}

impl Script {
    /// A script with this source.
    pub(crate) fn new(source: impl Into<String>) -> Self {
        let source = source.into();
        let hash = redis::Script::new(&source).get_hash().to_owned();
        Self { source, hash }
    }

    /// A call with these keys, which are in one slot.
    pub(crate) fn call(&self, keys: &[impl ToRedisArgs]) -> Call<'_> {
        let mut command = Cmd::new();
        command.arg("EVALSHA").arg(&self.hash).arg(keys.len());
        for key in keys {
            command.arg(key);
        }
        Call { script: self, command }
    }
}

/// A call of a script.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    script: &'a Script,
    command: Cmd,
}

impl Call<'_> {
    /// Adds an argument.
    pub(crate) fn arg(&mut self, argument: impl ToRedisArgs) -> &mut Self {
        self.command.arg(argument);
        self
    }

    /// The command that calls it by its hash.
    pub(super) fn command(&self) -> Cmd {
        self.command.clone()
    }

    /// The command that brings the script along, for a server that does not have it. It keeps it.
    pub(super) fn with_source(&self) -> Cmd {
        let mut command = Cmd::new();
        command.arg("EVAL").arg(&self.script.source);
        for word in self.command.args_iter().skip(2) {
            if let redis::Arg::Simple(word) = word {
                command.arg(word);
            }
        }
        command
    }
}
