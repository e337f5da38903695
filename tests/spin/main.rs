//! FrameDB on Spin: the worker with plugins composed in, served by `spin up` where there is one,
//! else by the node's own runtime.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::indexing_slicing,
    reason = "tests fail loudly, their helpers too"
)]

mod composing;
mod doors;
mod keeper;
mod manifests;
mod parity;
mod serving;
mod worker;
