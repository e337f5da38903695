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
mod dead_letters;
mod door;
mod failing;
mod framing;
mod isolation;
mod loading;
mod matching;
mod moving;
mod order;
mod policies;
mod shutdown;
mod splitting;
mod unclear;
mod verdicts;
