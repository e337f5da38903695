//! `Manifest`: a `spin.toml`, as far as the node reads and writes it.

use crate::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, path::Path};

/// A manifest of the second version. What Spin has beside this is passed over.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of the manifest's form: 2.
    pub spin_manifest_version: u32,
    /// What the application is called.
    pub application: ApplicationConfig,
    /// What an operator may set.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<String, VariableConfig>,
    /// What makes components run.
    pub trigger: Triggers,
    /// The components, by name.
    #[serde(default)]
    pub component: BTreeMap<String, ComponentConfig>,
}

/// `[application]`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ApplicationConfig {
    /// Its name.
    pub name: String,
    /// Its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// What it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What triggers need to know, by trigger.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub trigger: BTreeMap<String, toml::Table>,
}

/// `[variables]`: one of them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct VariableConfig {
    /// Its value where nobody sets it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    /// Whether somebody has to set it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub required: bool,
    /// Whether its value is shown to nobody.
    #[serde(default, skip_serializing_if = "is_false")]
    pub secret: bool,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// `[[trigger.*]]`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Triggers {
    /// Requests over HTTP.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub http: Vec<HttpTrigger>,
    /// Messages of Redis.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub redis: Vec<RedisTrigger>,
}

/// `[[trigger.http]]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HttpTrigger {
    /// The paths.
    pub route: String,
    /// Who answers.
    pub component: String,
}

/// `[[trigger.redis]]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RedisTrigger {
    /// Where, in place of what the application says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// The channel.
    pub channel: String,
    /// Who is told.
    pub component: String,
}

/// `[component.NAME]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ComponentConfig {
    /// Where the component is.
    pub source: Source,
    /// What it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The key-value stores that it may open.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub key_value_stores: Vec<String>,
    /// Where it may connect.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allowed_outbound_hosts: Vec<String>,
    /// Its variables: texts in which `{{ name }}` stands for one of the application's.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<String, String>,
    /// What fills its imports.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub dependencies: BTreeMap<String, Dependency>,
    /// How it is built.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build: Option<Build>,
}

/// Where a component is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Source {
    /// In a file, relative to the manifest.
    File(String),
    /// Elsewhere.
    Remote(RemoteSource),
}

/// A component behind a URL or in a registry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RemoteSource {
    /// How to get it.
    #[serde(flatten)]
    pub rest: toml::Table,
}

/// `[component.NAME.dependencies]`: one of them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Dependency {
    /// The file, relative to the manifest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// What it exports for the import, where that is another name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub export: Option<String>,
    /// What of the component it has a share in.
    #[serde(default, skip_serializing_if = "Inherited::is_nothing")]
    pub inherit_configuration: Inherited,
    /// How to get it, where it is no file.
    #[serde(flatten)]
    pub rest: toml::Table,
}

/// What of its component a dependency has a share in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Inherited {
    /// Everything, or nothing.
    All(bool),
    /// What is listed, by the keys of the component.
    Some(Vec<String>),
}

/// `[component.NAME.build]`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Build {
    /// What builds it.
    pub command: String,
    /// What it is built of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub watch: Vec<String>,
}

impl Manifest {
    /// Reads a manifest.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, or is no manifest of the second version.
    pub fn read(path: &Path) -> Result<Self> {
        let shown = path.display();
        let refuse = |what: String| Error::new(ErrorKind::Config, what);
        let text = std::fs::read_to_string(path)
            .map_err(|cause| refuse(format!("cannot read {shown}")).with_source(cause))?;
        let manifest: Self = toml::from_str(&text).map_err(|cause| {
            refuse(format!("{shown} is no manifest of Spin")).with_source(cause)
        })?;
        if manifest.spin_manifest_version != 2 {
            let version = manifest.spin_manifest_version;
            return Err(refuse(format!("{shown} is a manifest of version {version}, not of 2")));
        }
        Ok(manifest)
    }

    /// The text of it.
    ///
    /// # Errors
    ///
    /// When a number in it is too large for TOML.
    pub fn to_toml(&self) -> Result<String> {
        toml::to_string_pretty(self).map_err(|cause| {
            Error::new(ErrorKind::Config, "cannot write the manifest").with_source(cause)
        })
    }

    /// The component that answers requests.
    ///
    /// # Errors
    ///
    /// When there is none, or several answer.
    pub fn http_component(&self) -> Result<(&str, &ComponentConfig)> {
        let refuse = |what: String| Error::new(ErrorKind::Config, what);
        let mut names: Vec<_> = self.trigger.http.iter().map(|http| &http.component).collect();
        names.dedup();
        let [name] = names.as_slice() else {
            let what = format!(
                "the manifest has HTTP triggers for {} components, and exactly one is served here; \
                 other triggers are not",
                names.len()
            );
            return Err(refuse(what));
        };
        let component = self.component.get(name.as_str());
        let component =
            component.ok_or_else(|| refuse(format!("there is no component `{name}`")))?;
        Ok((name, component))
    }
}

impl Default for Source {
    fn default() -> Self {
        Self::File(String::new())
    }
}

impl Default for Inherited {
    fn default() -> Self {
        Self::All(false)
    }
}

impl Inherited {
    /// Whether a key of the component is inherited.
    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        match self {
            Self::All(all) => *all,
            Self::Some(keys) => keys.iter().any(|own| own == key),
        }
    }

    fn is_nothing(&self) -> bool {
        *self == Self::All(false)
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(value: &bool) -> bool {
    !value
}
