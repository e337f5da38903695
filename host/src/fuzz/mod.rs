//! What fuzzers and the tests of their corpus run: a function for each kind of bytes that reach
//! the node from those it does not trust.
//!
//! Each takes any bytes and must end, without a panic and without what it asserts being wrong.
//! None does any I/O.

mod calls;
mod configuration;
mod records;

use crate::{driver, grants, listener};

/// Something to fuzz.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name, and that of its folder in `fuzz/corpus`.
    pub name: &'static str,
    /// What takes the bytes.
    pub run: fn(&[u8]),
}

/// Everything there is to fuzz.
pub const TARGETS: [Target; 9] = [
    Target { name: "http-door", run: listener::http::fuzz::request },
    Target { name: "grpc-door", run: listener::grpc::fuzz::message },
    Target { name: "configuration", run: configuration::fuzz },
    Target { name: "sql-guard", run: grants::sql::fuzz },
    Target { name: "redis-guard", run: grants::redis::fuzz },
    Target { name: "http-guard", run: grants::http::fuzz },
    Target { name: "redis-answers", run: driver::redis::fuzz },
    Target { name: "records", run: records::fuzz },
    Target { name: "host-calls", run: calls::fuzz },
];

/// Runs the target of this name; whether there is one.
pub fn run(name: &str, data: &[u8]) -> bool {
    let target = TARGETS.iter().find(|target| target.name == name);
    target.map(|target| (target.run)(data)).is_some()
}
