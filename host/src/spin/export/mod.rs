//! `Export`: a node's configuration as an application of Spin.
//!
//! A pipeline becomes a component: the worker with a plugin in each stage, settings as variables,
//! instances and grants as URLs and allowed hosts. What Spin has no words for is said: as a
//! warning where the application does without, as an error where the pipeline depends on it.

mod draft;
mod limits;
mod reach;
mod servers;
mod stages;

use super::manifest::{HttpTrigger, Manifest};
use crate::{Config, Error, ErrorKind, Result, plugin::Engine};
use bytes::Bytes;
use draft::Draft;

/// The component, and the application.
const NAME: &str = "edge-worker";

/// An application, ready to be written to a folder.
#[derive(Debug, Clone)]
pub struct Export {
    /// Its manifest; files in it are relative to the folder.
    pub manifest: Manifest,
    /// What Spin is given beside the manifest, as TOML; none where that is nothing.
    pub runtime_config: Option<String>,
    /// Its components, by path in the folder.
    pub components: Vec<(String, Bytes)>,
    /// Variables that hold a secret, which nothing here says: they have to be given.
    pub secrets: Vec<String>,
    /// What the application does without.
    pub warnings: Vec<String>,
}

/// Makes an application of a pipeline, `default` unless another one is named.
///
/// # Errors
///
/// When there is no such pipeline, or with everything that it depends on and Spin does not have.
pub async fn export(config: &Config, pipeline: &str, engine: &Engine) -> Result<Export> {
    let known = config.pipelines.get(pipeline).ok_or_else(|| {
        let names: Vec<_> = config.pipelines.keys().map(String::as_str).collect();
        Error::new(ErrorKind::Invalid, format!("there is no pipeline `{pipeline}`"))
            .with_hint(format!("the configuration has {}", names.join(", ")))
    })?;
    let mut draft = Draft::new(NAME);
    stages::add(&mut draft, config, known, engine).await?;
    servers::add(&mut draft, config);
    limits::warn(&mut draft, config, pipeline, known);
    draft.finish(HttpTrigger { route: "/...".into(), component: NAME.into() })
}
