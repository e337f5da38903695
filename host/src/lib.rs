//! FrameDB Edge: the node that takes objects into FrameDB, as a library.
//!
//! Every object passes three stages, *ingest → resolve → serialize*, each a WebAssembly
//! component that runs sandboxed, and is then stored and registered. A [`Worker`] is a whole
//! node: build it from a [`Config`] or a [`Builder`], ingest through its [`pipeline::Ingress`],
//! read through its [`Reader`], and open its doors with [`Worker::run`]. The binary `framedb`
//! is this library's first user.
//!
//! ```no_run
//! use framedb_host::{Worker, pipeline::Arrival};
//!
//! # async fn example() -> framedb_host::Result<()> {
//! let worker = Worker::builder().data_dir("data").without_network().build().await?;
//! let arrival = Arrival { key: "cam-1/frame-1".into(), data: "…".into(), ..Arrival::default() };
//! let receipt = worker.ingress().ingest(arrival).await;
//! assert!(receipt.outcome.is_success());
//! # Ok(())
//! # }
//! ```

mod aside;
pub mod bench;
pub mod bucket;
pub mod builtin;
mod codecs;
pub mod compose;
mod config;
mod cpus;
pub mod dead_letters;
pub mod driver;
mod error;
mod events;
mod framedb;
#[doc(hidden)]
pub mod fuzz;
pub mod grants;
mod health;
mod instances;
mod listener;
mod node;
pub mod pipeline;
pub mod plugin;
mod reach;
mod reader;
mod registrar;
pub mod registry;
mod replay;
mod reproduce;
mod retry;
mod sources;
pub mod spin;
pub mod store;
mod telemetry;
mod worker;

pub use codecs::Codecs;
pub use config::{Address, Config, DEFAULT_PIPELINE, LogFormat, NodeLimits};
pub use error::{Error, ErrorKind, Result};
pub use health::{Check, Health, Report};
pub use instances::{Family, InstanceConfig, InstanceRecord, Instances};
pub use listener::{AdminDoor, ServicesConfig, SpinDoor};
pub use node::Node;
pub use reach::{Reached, reach};
pub use reader::{Element, Found, Reader};
pub use reproduce::{Ended, Reproduction, reproduce};
pub use sources::{ClusterConfig, SourcesConfig};
pub use telemetry::Telemetry;
pub use worker::{Builder, Serving, Worker};
