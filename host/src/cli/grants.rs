//! `framedb plugin grants`: what a component asks for, as configuration.

use super::{
    output,
    plugin::{name_of, read},
};
use anyhow::{Context as _, Result};
use bytes::Bytes;
use clap::Args;
use framedb_host::{
    Config,
    grants::{Grants as Guards, GrantsConfig, Refusal},
    plugin::{Engine, Inspection},
};
use std::path::{Path, PathBuf};

/// What stands for a grant's name in what is printed.
const LABEL: &str = ".LABEL]";

/// Print what a component asks for as configuration to paste, or what of it is not granted yet.
///
/// A component names the kinds of things that it reaches for by its imports; which server, keys
/// or tables it needs is in its settings, so fill in what is written as `…`. With --config the
/// answer is the difference: what is missing is printed, what is granted and what is granted
/// without being asked for is told.
#[derive(Debug, Args)]
pub(crate) struct Grants {
    /// A component file, the name of a built-in plugin, or that of a plugin in the configuration.
    #[arg(value_name = "FILE|NAME")]
    plugin: String,

    /// What the configuration calls the plugin; the file's name without its ending when absent.
    #[arg(long)]
    name: Option<String>,

    /// Hold it against this configuration.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl Grants {
    pub(super) async fn run(self) -> Result<()> {
        let config = self.config.as_deref().map(Config::read).transpose()?;
        let name = self.name.clone().unwrap_or_else(|| self.found(config.as_ref()));
        let component = self.component(config.as_ref())?;
        let inspection = Inspection::load(&Engine::new(None)?, &name, component).await?;
        inspection.check(&name)?;
        let plugin = config.as_ref().and_then(|config| config.plugins.get(&name));
        let granted = plugin.map(|plugin| plugin.grants.clone()).unwrap_or_default();
        if let (Some(path), None) = (&self.config, plugin) {
            output::note(&format!("{} has no [plugins.{name}]", path.display()));
        }
        report(&name, &inspection, &granted, config.is_some())
    }

    /// The component of the plugin that a configuration has by this name, else the file's.
    fn component(&self, config: Option<&Config>) -> Result<Bytes> {
        let plugin = config.and_then(|config| config.plugins.get(&self.plugin));
        let path = plugin.and_then(|plugin| plugin.component.as_ref());
        match path.filter(|_| !Path::new(&self.plugin).is_file()) {
            Some(path) => std::fs::read(path)
                .map(Bytes::from)
                .with_context(|| format!("cannot read the component {}", path.display())),
            None => read(&self.plugin),
        }
    }

    /// The name under which a configuration has this plugin or file, else the file's own.
    fn found(&self, config: Option<&Config>) -> String {
        let plugins = config.map(|config| config.plugins.iter()).into_iter().flatten();
        let same = |path: &PathBuf| same_file(path, Path::new(&self.plugin));
        let mut found = plugins.filter(|(name, plugin)| {
            **name == self.plugin || plugin.component.as_ref().is_some_and(same)
        });
        found.next().map_or_else(|| name_of(&self.plugin).to_owned(), |(name, _)| name.clone())
    }
}

/// Whether two paths lead to the same file.
fn same_file(one: &Path, other: &Path) -> bool {
    one == other
        || matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}

fn report(
    name: &str,
    inspection: &Inspection,
    granted: &GrantsConfig,
    compared: bool,
) -> Result<()> {
    let guards = Guards::new(name, granted);
    let wanted = inspection.wanted();
    let mut missing = Vec::new();
    for (kind, imports) in &wanted {
        match guards.any(kind) {
            Ok(()) => output::note(&format!("granted    {}", described(granted, kind).join(", "))),
            Err(refusal) => missing.push((imports.join(", "), refusal)),
        }
    }
    if !missing.is_empty() {
        let lines = Refusal::add_all(missing.iter().map(|(imports, r)| (imports.as_str(), r)));
        output::data(lines.trim_end())?;
        if lines.contains(LABEL) {
            output::note(
                "LABEL is a name of your choice, which the plugin's settings have in place of an \
                 address: \"LABEL\", or http://LABEL/… for a URL, whose port is the grant's",
            );
        }
    }
    let unused = granted.granted().into_iter().filter(|(kind, _)| !wanted.contains_key(kind));
    for (kind, label) in unused {
        let what = label.map_or_else(|| kind.to_owned(), |label| format!("{kind}.{label}"));
        output::note(&format!("not asked  {what}: the component imports nothing of it"));
    }
    output::note(match (wanted.is_empty(), missing.is_empty(), compared) {
        (true, ..) => "it asks for nothing that has to be granted",
        (false, false, true) => "the lines above are missing in the configuration",
        (false, false, false) => "fill in what is written as … and add it to the configuration",
        (false, true, _) => "everything that it asks for is granted",
    });
    Ok(())
}

/// What of a kind is granted, as in `redis.hot`.
fn described(granted: &GrantsConfig, kind: &str) -> Vec<String> {
    let of_kind = granted.granted().into_iter().filter(|(granted, _)| *granted == kind);
    of_kind
        .map(|(kind, label)| label.map_or_else(|| kind.to_owned(), |l| format!("{kind}.{l}")))
        .collect()
}
