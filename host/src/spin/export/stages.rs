//! The stages: a component for each, composed where a stage has several plugins.

use super::{draft::Draft, reach};
use crate::{
    Config, Error, ErrorKind, Result, builtin,
    compose::{chain, interface, stand_in},
    pipeline::PipelineConfig,
    plugin::{Engine, Inspection, PluginConfig, digest},
    spin::inheritance,
};
use bytes::Bytes;
use framedb_core::{Stage, spin::SERIALIZE_DIGEST};
use std::collections::BTreeMap;

/// A plugin of a pipeline.
struct Part<'a> {
    name: &'a str,
    bytes: Bytes,
    inspection: Inspection,
}

/// Adds the worker and what is in its stages.
pub(super) async fn add(
    draft: &mut Draft,
    config: &Config,
    pipeline: &PipelineConfig,
    engine: &Engine,
) -> Result<()> {
    let worker = builtin::part(super::NAME)
        .ok_or_else(|| Error::new(ErrorKind::Plugin, "this build has no worker for Spin in it"))?;
    draft.component(super::NAME, worker);
    for (stage, names) in [
        (Stage::Ingest, pipeline.ingest.iter().collect::<Vec<_>>()),
        (Stage::Resolve, pipeline.resolve.iter().collect()),
        (Stage::Serialize, pipeline.serialize.iter().collect()),
    ] {
        let Some(import) = interface(stage) else { continue };
        let mut parts = Vec::new();
        for name in &names {
            parts.push(load(config, name, engine).await?);
        }
        if names.is_empty() {
            parts.push(load(config, stand_in(stage), engine).await?);
        }
        for part in &parts {
            let settings =
                if names.is_empty() { nothing(config, stage) } else { config.plugin(part.name) };
            reach::add(draft, config, part.name, &part.inspection, &settings);
        }
        let bytes = match parts.as_slice() {
            [part] => part.bytes.clone(),
            parts => {
                let plugins: Vec<_> = parts.iter().map(|p| (p.name, &p.bytes[..])).collect();
                chain(&plugins)?.into()
            }
        };
        if stage == Stage::Serialize {
            draft.variable(SERIALIZE_DIGEST, &digest(&bytes));
        }
        let imports = parts.iter().flat_map(|part| &part.inspection.imports);
        let needed = inheritance::needed(imports.map(|(import, _)| import.as_str()));
        let inherits = needed.into_iter().map(str::to_owned).collect();
        draft.dependency(&import, stage.as_str(), bytes, inherits);
    }
    Ok(())
}

/// What is said of the plugin that stands for none in a stage.
fn nothing(config: &Config, stage: Stage) -> PluginConfig {
    let router = stage == Stage::Resolve;
    let settings = if router { config.defaults.settings() } else { BTreeMap::new() };
    PluginConfig { settings, ..PluginConfig::default() }
}

async fn load<'a>(config: &Config, name: &'a str, engine: &Engine) -> Result<Part<'a>> {
    let file = config.plugins.get(name).and_then(|plugin: &PluginConfig| plugin.component.as_ref());
    let bytes: Bytes = match file {
        Some(file) => std::fs::read(file)
            .map_err(|cause| {
                let what = format!("cannot read the component {} of `{name}`", file.display());
                Error::new(ErrorKind::Config, what).with_source(cause)
            })?
            .into(),
        None => builtin::component(name).ok_or_else(|| {
            Error::new(ErrorKind::Config, format!("there is no plugin `{name}`"))
                .with_hint(format!("name its file as plugins.{name}.component"))
        })?,
    };
    let inspection = Inspection::load(engine, name, bytes.clone()).await?;
    inspection.check(name)?;
    Ok(Part { name, bytes, inspection })
}
