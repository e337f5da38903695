//! Plugins: the only place that knows wasmtime.
//!
//! In reading order: an [`Engine`] compiles; a [`Plugin`] is a component compiled, linked and
//! checked once; what it may reach of the node's [`Environment`], its grants say; an instance is
//! one store with one instance of it; a pool leases instances to batch calls, or makes many calls
//! in one that is shared, leaves a plugin alone that fails on everything, and finds the objects
//! that make calls fail. [`spin`] serves a component as Spin would.

mod engine;

mod component;
mod config;
mod inspect;

mod access;
mod bindings;
mod budget;
mod call;
mod caps;
mod clocks;
mod environment;
mod failure;
pub(crate) mod framedb;
mod instance;
mod live;
mod packed;
mod payloads;
mod record;
mod secrets;
mod servers;
mod settings;
mod shared;
mod sharing;
mod state;
mod tape;
mod turn;
mod usage;

mod breaker;
mod pool;

pub mod spin;

pub(crate) use breaker::Breaker;
pub use breaker::BreakerConfig;
pub(crate) use component::Parts;
pub use component::{Plugin, digest};
pub use config::{Isolation, Limits, PluginConfig};
pub use engine::Engine;
pub use environment::Environment;
pub(crate) use failure::Fault;
pub use inspect::{Inspection, Offered};
pub(crate) use pool::{Pool, Verdicts};
pub use record::{Answer, HostCall, Record};
pub(crate) use tape::Tape;
