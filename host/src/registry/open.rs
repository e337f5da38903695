//! Opening the registry by URL.

use super::{DiskRegistry, Registry};
use crate::{Error, ErrorKind, Result, driver::Disk};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The URL of the registry in the node's own data directory.
const EMBEDDED: &str = "embedded:";

/// `[registry]`: where routes, instances and source mappings are kept.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct RegistryConfig {
    /// The engine: `embedded:` (in the data directory).
    pub url: String,
}

impl Default for RegistryConfig {
    fn default() -> Self {
        Self { url: EMBEDDED.into() }
    }
}

// The URL may hold a password.
impl std::fmt::Debug for RegistryConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let scheme = self.scheme();
        f.debug_struct("RegistryConfig").field("scheme", &scheme).finish_non_exhaustive()
    }
}

impl RegistryConfig {
    /// The engine's scheme.
    pub(crate) fn scheme(&self) -> &str {
        self.url.split(':').next().unwrap_or_default()
    }

    /// What is wrong with it, if anything; nothing of the URL but its scheme is shown.
    pub(crate) fn problem(&self) -> Option<String> {
        match self.scheme() {
            "embedded" => None,
            other => {
                let scheme: String = other.chars().take(32).collect();
                Some(format!(
                    "registry.url: no registry has the scheme {scheme:?}; this build knows \
                     {KNOWN_REGISTRIES}"
                ))
            }
        }
    }
}

/// The registries in words.
const KNOWN_REGISTRIES: &str = "`embedded:`";

/// Opens the registry at `config.url`; `disk` is the node's data directory.
///
/// # Errors
///
/// When no registry has the URL's scheme, and when its server cannot be used.
pub async fn open(config: &RegistryConfig, disk: Arc<Disk>) -> Result<Arc<dyn Registry>> {
    match config.scheme() {
        "embedded" => Ok(Arc::new(DiskRegistry::new(disk))),
        _ => Err(Error::new(ErrorKind::Config, config.problem().unwrap_or_default())),
    }
}
