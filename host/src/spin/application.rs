//! `Application`: what a manifest and the values of its variables make, ready to be served.

use super::{
    inheritance,
    manifest::{ComponentConfig, Dependency, Manifest, Source},
    variables::Variables,
};
use crate::{
    Error, ErrorKind, Result,
    compose::{Plug, plug},
    grants::{Addresses, AllowedHosts},
    plugin::{Engine, Inspection, spin},
};
use bytes::Bytes;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// A component with its dependencies composed in, and what it is given.
#[derive(Debug, Clone)]
pub struct Application {
    /// The component.
    pub bytes: Bytes,
    /// What it is given.
    pub component: spin::Component,
}

impl Application {
    /// Reads a manifest and its components, and composes them as `spin up` does. What the
    /// application keeps is in `data`.
    ///
    /// # Errors
    ///
    /// When something in the manifest, a variable, a host or a component is wrong or missing.
    pub async fn read(
        engine: &Engine,
        manifest: &Path,
        given: &BTreeMap<String, String>,
        data: PathBuf,
    ) -> Result<Self> {
        let folder = manifest.parent().unwrap_or(Path::new("")).to_owned();
        let manifest = Manifest::read(manifest)?;
        let variables = Variables::of(&manifest, given)?;
        let (name, config) = manifest.http_component()?;
        let (own, secrets) = variables.component(&manifest, config)?;
        let component = spin::Component {
            name: name.to_owned(),
            variables: own,
            secrets,
            addresses: Addresses {
                hosts: hosts(config, &variables)?,
                stores: config.key_value_stores.clone(),
            },
            data,
        };
        let bytes = composed(engine, &folder, name, config).await?.into();
        Ok(Self { bytes, component })
    }

    /// Compiles it.
    ///
    /// # Errors
    ///
    /// As [`spin::Application::load`].
    pub async fn load(self, engine: &Engine) -> Result<spin::Application> {
        spin::Application::load(engine, self.bytes, self.component).await
    }
}

/// Where the component may connect. Spin takes no empty entry, so that neither does this.
fn hosts(config: &ComponentConfig, variables: &Variables) -> Result<AllowedHosts> {
    let parsed = config.allowed_outbound_hosts.iter().map(|template| {
        variables.fill(template)?.parse().map_err(|cause| {
            Error::new(ErrorKind::Config, format!("cannot read the host `{template}`"))
                .with_source(cause)
        })
    });
    Ok(AllowedHosts::new(parsed.collect::<Result<Vec<_>>>()?))
}

async fn composed(
    engine: &Engine,
    folder: &Path,
    name: &str,
    config: &ComponentConfig,
) -> Result<Vec<u8>> {
    let Source::File(source) = &config.source else {
        let what = format!("the source of `{name}` is no file, and Spin alone can fetch it");
        return Err(Error::new(ErrorKind::Config, what));
    };
    let worker = read(&folder.join(source))?;
    let mut files = Vec::new();
    for (import, dependency) in &config.dependencies {
        let Dependency { path: Some(path), .. } = dependency else {
            let what = format!("the dependency `{import}` is no file, and Spin alone can fetch it");
            return Err(Error::new(ErrorKind::Config, what));
        };
        let bytes = read(&folder.join(path))?;
        let inspection = Inspection::load(engine, path, bytes.clone().into()).await?;
        let imports = inspection.imports.iter().map(|(import, _)| import.as_str());
        inheritance::check(import, &dependency.inherit_configuration, imports)?;
        files.push((import, dependency, path, bytes));
    }
    if files.is_empty() {
        return Ok(worker);
    }
    let plugs: Vec<_> = files
        .iter()
        .map(|(import, dependency, path, bytes)| Plug {
            import,
            export: dependency.export.as_deref(),
            name: path,
            bytes,
        })
        .collect();
    plug(source, &worker, &plugs)
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|cause| {
        Error::new(ErrorKind::Config, format!("cannot read the component {}", path.display()))
            .with_source(cause)
            .with_hint("build it, in a clone with `cargo xtask components`")
    })
}
