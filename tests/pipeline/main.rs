//! What happens to objects between the door and the store, through real components.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail loudly, their helpers too"
)]

mod admission;
mod codecs;
mod coverage;
mod dedup;
mod door;
mod failing;
mod framedb;
mod framedb_grants;
mod framedb_waits;
mod framing;
mod isolation;
mod keyvalue;
mod loading;
mod matching;
mod moving;
mod order;
mod shutdown;
mod splitting;
mod unclear;
mod verdicts;
