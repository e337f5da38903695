//! Opening the registry by URL.

use super::{DiskRegistry, EtcdRegistry, RedisRegistry, Registry};
use crate::{
    Error, ErrorKind, Result,
    driver::{Disk, etcd},
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
    /// or a Redis server, which nodes share too: `redis://…`, `rediss://…` or `unix://…` as for
    /// instances, and `?prefix=` for the start of its keys. The prefix is `framedb` when the URL
    /// names none.
    pub url: String,
    /// How many routes of etcd a node keeps in memory; 0 keeps none.
    pub cache: u64,
}

impl Default for RegistryConfig {
    fn default() -> Self {
        Self { url: EMBEDDED.into(), cache: DEFAULT_CACHE }
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
            "etcd" | "etcds" => etcd::Address::parse(&self.url).err().map(|error| said(&error)),
            "redis" | "rediss" | "unix" | "redis+unix" => {
                RedisRegistry::check(&self.url).err().map(|error| said(&error))
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
const KNOWN_REGISTRIES: &str =
    "`embedded:`, `etcd:` (also `etcds:`) and `redis:` (also `rediss:` and `unix:`)";

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
    match config.scheme() {
        "embedded" => Ok(Arc::new(DiskRegistry::new(disk))),
        "etcd" | "etcds" => Ok(Arc::new(EtcdRegistry::open(&config.url, config.cache).await?)),
        "redis" | "rediss" | "unix" | "redis+unix" => {
            Ok(Arc::new(RedisRegistry::open(&config.url).await?))
        }
        _ => Err(Error::new(ErrorKind::Config, config.problem().unwrap_or_default())),
    }
}
