//! FrameDB Edge as a Spin component.
//!
//! The same plugins, the same rules and the same answers as the native node, without a process
//! of its own: Spin starts an instance when requests come, and composes the three stages into
//! it. What it keeps objects and routes in is [`keeper`]; which instances there are, and where,
//! is said by Spin's variables ([`settings`]).
//!
//! Arrows point one way: doors → pipeline → stages, and doors → pipeline → keeper → settings.

pub mod address;
pub mod keeper;
pub mod settings;

#[cfg(target_arch = "wasm32")]
mod export;
