//! What the behaviour tests share: components, nodes, and the clients of their doors.
//!
//! A [`TestNode`] is a whole node in this process, over a scratch directory, with real
//! components in its stages; a [`NodeProcess`] is the binary as an operator starts it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::indexing_slicing,
    reason = "tests fail loudly, their helpers too"
)]

mod arrival;
mod asks;
mod build;
mod component;
pub mod framedb;
mod http;
mod node;
mod process;
mod receipt;
pub mod servers;
mod spin;
mod wait;

pub use arrival::{Describe, arrival, key};
pub use asks::{answers, ask, asking, calls, error};
pub use build::{Build, KINDS, misbehaving};
pub use component::{cache_dir, component, component_path, fixture, fixture_path};
pub use http::{Answer, Http};
pub use node::TestNode;
pub use process::{Finished, NodeProcess, Operator, binary};
pub use receipt::{attribute, failure, stored};
pub use spin::{SpinBuild, TestSpin, spin};
pub use wait::{eventually, within};

/// The services' clients, generated from `proto/`.
pub mod proto {
    #![allow(
        missing_docs,
        unreachable_pub,
        clippy::all,
        clippy::allow_attributes_without_reason,
        reason = "generated"
    )]

    /// The service of existing clients.
    pub mod framedb {
        tonic::include_proto!("framedb");
    }

    /// The node's own service.
    pub mod edge {
        tonic::include_proto!("framedb.edge.v1");
    }

    /// What `resolve-grpc` asks.
    pub mod resolve {
        tonic::include_proto!("framedb.resolve.v1");
    }
}
