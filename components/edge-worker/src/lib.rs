//! FrameDB Edge as a Spin component.
//!
//! The same plugins, the same rules and the same answers as the native node, without a process
//! of its own: Spin starts an instance when requests come, and composes the three stages into
//! it. What it keeps objects and routes in is [`keeper`]; which instances there are, and where,
//! is said by Spin's variables ([`settings`], [`limits`]).
//!
//! Arrows point one way: [`door`] → [`pipeline`] → [`stage`], and [`door`] → [`pipeline`] and
//! [`reader`] → [`keeper`] → [`settings`]. A [`worker::Worker`] holds what an instance opens once.

pub mod door;

pub mod pipeline;
pub mod reader;
pub mod stage;

pub mod keeper;
pub mod limits;
pub mod settings;

pub mod worker;

#[cfg(target_arch = "wasm32")]
mod export;
