//! FrameDB on Spin: manifests, and what is made of them.
//!
//! In reading order: a [`Manifest`] says what a component is given and which plugins are composed
//! into it; [`Variables`] are the values that its templates stand for; [`Application`] is what
//! both make, served by the node's own runtime in place of Spin's. [`export`] makes a manifest of
//! a node's configuration.

mod application;
mod export;
mod inheritance;
mod manifest;
mod variables;

pub use application::Application;
pub use export::{Export, export};
pub use manifest::{
    ApplicationConfig, Build, ComponentConfig, Dependency, HttpTrigger, Inherited, Manifest,
    RedisTrigger, RemoteSource, Source, Triggers, VariableConfig,
};
pub use variables::Variables;
