//! `Inspection`: what a component imports and exports, held against what the node offers.

use super::{
    caps::{Offer, framedb::WRITING},
    component,
    engine::Engine,
};
use crate::{
    Error, ErrorKind, Result,
    grants::{Grants, Refusal},
};
use framedb_core::Stage;
use std::collections::BTreeMap;
use wasmtime::component::{Component, types::ComponentItem};

/// The interfaces of the contract, in the order of the stages.
pub(super) const STAGES: [&str; 3] = ["ingest", "resolve", "serialize"];

const CONTRACT: &str = "framedb:edge/";
const VERSION: &str = "@0.1.0";

/// What a component imports and exports.
#[derive(Debug, Clone)]
pub struct Inspection {
    /// Every import, and what becomes of it.
    pub imports: Vec<(String, Offered)>,
    /// Every export.
    pub exports: Vec<String>,
}

/// What becomes of an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offered {
    /// The node offers it to every plugin.
    Freely,
    /// The node offers it to plugins that have something in this section of
    /// `[plugins.NAME.grants]`.
    Granted(&'static str),
    /// The node does not have it.
    No,
}

impl Inspection {
    /// Compiles `bytes` and looks at them; nothing runs.
    ///
    /// # Errors
    ///
    /// When the bytes are not a component.
    pub async fn load(engine: &Engine, name: &str, bytes: bytes::Bytes) -> Result<Self> {
        Ok(Self::of(engine, &component::compile(engine, name, &bytes).await?))
    }

    pub(super) fn of(engine: &Engine, component: &Component) -> Self {
        let engine = engine.wasmtime();
        let types = component.component_type();
        let imports = types
            .imports(engine)
            .filter(|(_, item)| !matches!(item.ty, ComponentItem::Type(_)))
            .map(|(name, _)| (name.to_owned(), offered(name)))
            .collect();
        let exports = types.exports(engine).map(|(name, _)| name.to_owned()).collect();
        Self { imports, exports }
    }

    /// The stages that the component exports in the version of the node.
    pub fn stages(&self) -> impl Iterator<Item = Stage> + '_ {
        STAGES.into_iter().zip([Stage::Ingest, Stage::Resolve, Stage::Serialize]).filter_map(
            |(interface, stage)| {
                let full = format!("{CONTRACT}{interface}{VERSION}");
                self.exports.contains(&full).then_some(stage)
            },
        )
    }

    /// What it reaches for, by the section of `[plugins.NAME.grants]` that allows it, with the
    /// imports that say so.
    #[must_use]
    pub fn wanted(&self) -> BTreeMap<&'static str, Vec<&str>> {
        let mut wanted: BTreeMap<_, Vec<&str>> = BTreeMap::new();
        for (import, offered) in &self.imports {
            if let Offered::Granted(section) = offered {
                wanted.entry(*section).or_default().push(import);
            }
        }
        wanted
    }

    /// Whether it imports what writes keys.
    pub(super) fn writes_keys(&self) -> bool {
        self.imports.iter().any(|(import, _)| WRITING.contains(&import.as_str()))
    }

    /// Refuses a component that imports what reaches out, where nothing of it is granted.
    ///
    /// # Errors
    ///
    /// Names every such import, with the lines to add.
    pub(super) fn check_grants(&self, name: &str, grants: &Grants) -> Result<()> {
        let refused: Vec<_> = self
            .wanted()
            .into_iter()
            .filter_map(|(kind, imports)| Some((imports, grants.any(kind).err()?)))
            .collect();
        let imports: Vec<_> =
            refused.iter().flat_map(|(imports, _)| imports).map(|i| format!("`{i}`")).collect();
        if imports.is_empty() {
            return Ok(());
        }
        let message =
            format!("plugin `{name}` imports {}, which is not granted", imports.join(", "));
        let lines = Refusal::add_all(refused.iter().map(|(_, refusal)| ("", refusal)));
        let hint = format!("add to the configuration:\n{}", lines.trim_end());
        Err(Error::new(ErrorKind::Config, message).with_hint(hint))
    }

    /// Refuses a component that the node cannot run.
    ///
    /// # Errors
    ///
    /// Names every import that is not offered, or says which exports were looked for.
    pub fn check(&self, name: &str) -> Result<()> {
        let missing: Vec<_> = self
            .imports
            .iter()
            .filter(|(_, offered)| *offered == Offered::No)
            .map(|(import, _)| import.as_str())
            .collect();
        if !missing.is_empty() {
            let message = format!(
                "plugin `{name}` imports {}, which this node does not offer",
                missing.iter().map(|m| format!("`{m}`")).collect::<Vec<_>>().join(", "),
            );
            let hint = format!("a plugin may import {}", component::offered());
            return Err(Error::new(ErrorKind::Plugin, message).with_hint(hint));
        }
        if self.stages().next().is_none() {
            let other = self.exports.iter().find(|export| export.starts_with(CONTRACT));
            let message = match other {
                Some(other) => format!(
                    "plugin `{name}` exports `{other}`, and this node speaks version {}",
                    VERSION.trim_start_matches('@'),
                ),
                None => format!(
                    "plugin `{name}` exports no stage: none of {}; it exports {}",
                    STAGES.map(|stage| format!("`{CONTRACT}{stage}{VERSION}`")).join(", "),
                    if self.exports.is_empty() {
                        "nothing".to_owned()
                    } else {
                        self.exports.join(", ")
                    },
                ),
            };
            let hint = "build it for one of the worlds ingest-plugin, resolve-plugin and \
                        serialize-plugin of framedb:edge@0.1.0";
            return Err(Error::new(ErrorKind::Plugin, message).with_hint(hint));
        }
        Ok(())
    }
}

/// What becomes of an import.
fn offered(import: &str) -> Offered {
    match Offer::of(import) {
        Some(Offer { grant: Some(section), .. }) => Offered::Granted(section),
        Some(_) => Offered::Freely,
        // Interfaces that carry only types are part of whatever uses them.
        None if import == "framedb:edge/types@0.1.0" => Offered::Freely,
        None => Offered::No,
    }
}
