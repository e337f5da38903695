//! Components that answer HTTP, served as Spin serves them.
//!
//! A component that exports `wasi:http/handler@0.3` and imports what Spin offers runs here with
//! the node's own implementations of Spin's interfaces. It names addresses by itself, so that a
//! list of hosts decides where it may connect, in place of grants. In reading order: an
//! [`Application`] is one such component, and answers requests; its instances live as Spin's do.

mod application;
mod instances;

pub use application::{AnswerBody, Application, Component};
