//! `ingest-chain`: two ingest plugins one after the other, as one.
//!
//! `framedb compose --chain` fills its imports with plugins; what comes out is an ingest plugin
//! like any other, and may be the first one of another chain. What the two verdicts on an object
//! make together is [`chain`], by the rules of a pipeline; where they differ, because a verdict
//! has no words for it, its README says so.

pub mod chain;
pub mod name;

#[cfg(target_family = "wasm")]
mod bindings;
#[cfg(target_family = "wasm")]
mod export;
