//! FrameDB Edge as a library.

mod builtin;
mod codecs;
mod config;
pub mod driver;
mod error;
mod instances;
mod listener;
mod node;
pub mod pipeline;
pub mod plugin;
mod reader;
pub mod registry;
mod retry;
pub mod store;
mod telemetry;
mod worker;

pub use codecs::Codecs;
pub use config::{Address, Config, DEFAULT_PIPELINE, InstanceConfig, LogFormat, NodeLimits};
pub use error::{Error, ErrorKind, Result};
pub use instances::Instances;
pub use node::Node;
pub use reader::{Element, Found, Reader};
pub use telemetry::Telemetry;
pub use worker::{Builder, Worker};
