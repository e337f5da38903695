//! Opening the registry by URL.

use super::{DiskRegistry, EtcdRegistry, HttpRegistry, RedisRegistry, Registry};
use crate::{
    Error, ErrorKind, Result,
    driver::{Disk, etcd, redis::is_redis},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The URL of the registry in the node's own data directory.
const EMBEDDED: &str = "embedded:";

/// Routes that a node keeps of a registry that tells it of changes: some 50 MiB with metadata of
/// the usual length.
const DEFAULT_CACHE: u64 = 100_000;

/// `[registry]`: where routes, instances and source mappings are kept.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct RegistryConfig {
    /// The engine: `embedded:` (in the data directory); a cluster of etcd, which any number of
    /// nodes share: `etcd://[user:password@]host[:2379][,host…][/prefix]`, or `etcds://…` with
    /// TLS (`?ca=` is a file of certificates to trust, `?cert=` and `?key=` are the node's own);
    /// or Redis, which nodes share too: `redis://…` and the other forms that instances have, and `?prefix=` for the start of its keys. The prefix is `framedb` when the URL
    /// names none. Existing routing and config services are `http://host:port` or `https://…`:
    /// they keep no codecs, no expiry and no attributes, see the migration page. A node does not
    /// start while its registry cannot be used.
    pub url: String,
    /// The config service, where `url` is a routing service; at `url` when absent.
    pub config_url: Option<String>,
    /// How many routes of etcd a node keeps in memory; 0 keeps none.
    pub cache: u64,
}

impl Default for RegistryConfig {
    fn default() -> Self {
        Self { url: EMBEDDED.into(), config_url: None, cache: DEFAULT_CACHE }
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

    fn is_http(&self) -> bool {
        matches!(self.scheme(), "http" | "https")
    }

    /// What is wrong with it, if anything; nothing of the URL but its scheme is shown.
    pub(crate) fn problem(&self) -> Option<String> {
        if self.config_url.is_some() && !self.is_http() {
            return Some(format!(
                "registry.config-url: a registry at `{}:` has no config service beside it",
                self.scheme()
            ));
        }
        match self.scheme() {
            "embedded" => None,
            "etcd" | "etcds" => etcd::Address::parse(&self.url).err().map(|error| said(&error)),
            scheme if is_redis(scheme) => {
                RedisRegistry::check(&self.url).err().map(|error| said(&error))
            }
            "http" | "https" => {
                let registry = HttpRegistry::at(&self.url, self.config_url.as_deref());
                registry.err().map(|error| said(&error))
            }
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
const KNOWN_REGISTRIES: &str = "`embedded:`, `etcd:` (also `etcds:`), `redis:` in every form that instances have, and `http:` \
     (also `https:`)";

/// What is wrong with a URL, as a problem of its key.
fn said(error: &Error) -> String {
    match error.hint() {
        Some(hint) => format!("registry.url: {error} ({hint})"),
        None => format!("registry.url: {error}"),
    }
}

/// Opens the registry at `config.url`; `disk` is the node's data directory.
///
/// # Errors
///
/// When no registry has the URL's scheme, and when its server cannot be used.
pub async fn open(config: &RegistryConfig, disk: Arc<Disk>) -> Result<Arc<dyn Registry>> {
    match connect(config).await? {
        Some(registry) => Ok(registry),
        None => Ok(Arc::new(DiskRegistry::new(disk))),
    }
}

/// Connects to the registry at `config.url`; `None` when it is the one inside of the node.
///
/// # Errors
///
/// As [`open`].
pub async fn connect(config: &RegistryConfig) -> Result<Option<Arc<dyn Registry>>> {
    let registry: Arc<dyn Registry> = match config.scheme() {
        "embedded" => return Ok(None),
        "etcd" | "etcds" => {
            let address = etcd::Address::parse(&config.url)?;
            Arc::new(EtcdRegistry::open(address, config.cache).await?)
        }
        scheme if is_redis(scheme) => Arc::new(RedisRegistry::open(&config.url).await?),
        "http" | "https" => {
            Arc::new(HttpRegistry::open(&config.url, config.config_url.as_deref()).await?)
        }
        _ => return Err(Error::new(ErrorKind::Config, config.problem().unwrap_or_default())),
    };
    Ok(Some(registry))
}
