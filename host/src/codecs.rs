//! `Codecs`: every read is decoded by the codec that wrote.
//!
//! Before the first record of a codec is acknowledged, its component is kept in
//! `<data-dir>/codecs/<digest>`, with the settings it had, so that old data stays readable after
//! an upgrade.

use crate::{
    Error, ErrorKind, Result,
    plugin::{Engine, Environment, Isolation, Plugin, PluginConfig, Pool, digest},
    telemetry::Telemetry,
};
use bytes::Bytes;
use framedb_core::{Codec, Decoded, FailureClass, Format, Key};
use std::{
    collections::{HashMap, HashSet},
    io,
    path::{Path, PathBuf},
    sync::Arc,
};
use tokio::sync::Mutex;

/// The extension of the file that keeps a codec's settings beside its component.
const SETTINGS: &str = "json";

/// The codecs that a node can decode with: installed serializers, and those that it kept.
pub struct Codecs {
    engine: Engine,
    folder: PathBuf,
    max_object: u64,
    telemetry: Telemetry,
    installed: Vec<Arc<Plugin>>,
    // Held while one codec is loaded or kept, so that it happens once.
    pools: Mutex<HashMap<Arc<str>, Arc<Pool>>>,
    kept: Mutex<HashSet<Arc<str>>>,
}

impl std::fmt::Debug for Codecs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Codecs").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl Codecs {
    pub(crate) fn new(
        engine: Engine,
        data_dir: &Path,
        max_object: u64,
        telemetry: Telemetry,
        installed: Vec<Arc<Plugin>>,
    ) -> Self {
        Self {
            engine,
            folder: data_dir.join("codecs"),
            max_object,
            telemetry,
            installed,
            pools: Mutex::default(),
            kept: Mutex::default(),
        }
    }

    /// Keeps a plugin's component, on the disk itself, unless that was done before.
    pub(crate) async fn keep(&self, plugin: &Plugin) -> Result<()> {
        let digest: Arc<str> = plugin.digest().into();
        let mut kept = self.kept.lock().await;
        if kept.contains(&digest) {
            return Ok(());
        }
        let path = self.path(&digest);
        let bytes = plugin.bytes().clone();
        let settings = serde_json::to_vec(&*plugin.settings());
        let written = tokio::task::spawn_blocking({
            let path = path.clone();
            move || {
                write_whole(&path.with_extension(SETTINGS), &settings?)?;
                write_whole(&path, &bytes)
            }
        })
        .await
        .unwrap_or_else(|error| Err(io::Error::other(error)));
        written.map_err(|source| {
            let message = format!(
                "cannot keep the codec of plugin `{}` in {}",
                plugin.name(),
                path.display()
            );
            Error::new(ErrorKind::Unavailable, message).with_source(source)
        })?;
        kept.insert(digest);
        Ok(())
    }

    /// Restores a payload with the exact component that wrote it, else with an installed one
    /// that reads the same format.
    ///
    /// # Errors
    ///
    /// Names the codec that is missing, or says why it failed.
    pub(crate) async fn decode(&self, codec: &Codec, key: &Key, data: Bytes) -> Result<Bytes> {
        let pool = self.pool(codec).await?;
        let failed = |kind: ErrorKind, why: String| {
            let message =
                format!("cannot decode `{key}` with {} ({})", codec.format, pool.plugin().digest());
            Error::new(kind, format!("{message}: {why}"))
        };
        match pool.decode(key.shared(), &codec.format, data).await {
            Ok(Decoded::Bytes(data)) => Ok(data),
            Ok(Decoded::Reject(reason)) => Err(failed(ErrorKind::Corrupt, reason)),
            Ok(Decoded::Retry(retry)) => Err(failed(ErrorKind::Unavailable, retry.reason)),
            // The bytes may be whole: what failed is the codec.
            Err(failure) if failure.class == FailureClass::Unavailable => {
                Err(failed(ErrorKind::Unavailable, failure.message))
            }
            Err(failure) => Err(failed(ErrorKind::Plugin, failure.message)),
        }
    }

    /// The kept components: digest and bytes.
    pub fn kept(&self) -> io::Result<Vec<(String, u64)>> {
        let mut kept = Vec::new();
        let entries = match std::fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(kept),
            Err(error) => return Err(error),
        };
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if let Some(hex) = name.strip_suffix(".wasm") {
                kept.push((format!("sha256:{hex}"), entry.metadata()?.len()));
            }
        }
        kept.sort();
        Ok(kept)
    }

    /// Whether an installed plugin is the one with this digest.
    #[must_use]
    pub fn is_installed(&self, digest: &str) -> bool {
        self.installed.iter().any(|plugin| plugin.digest() == digest)
    }

    /// Removes a kept component.
    ///
    /// # Errors
    ///
    /// When it is not kept, or the file cannot be removed.
    pub async fn forget(&self, digest: &str) -> Result<()> {
        let mut kept = self.kept.lock().await;
        let path = self.path(digest);
        std::fs::remove_file(&path).map_err(|source| {
            let message = format!("cannot remove the codec {}", path.display());
            Error::new(ErrorKind::Unavailable, message).with_source(source)
        })?;
        let _ = std::fs::remove_file(path.with_extension(SETTINGS));
        kept.remove(digest);
        Ok(())
    }

    async fn pool(&self, codec: &Codec) -> Result<Arc<Pool>> {
        let mut pools = self.pools.lock().await;
        if let Some(pool) = pools.get(&codec.digest) {
            return Ok(pool.clone());
        }
        let exact = match self.installed.iter().find(|p| p.digest() == &*codec.digest) {
            Some(plugin) => Some(plugin.clone()),
            None => self.load_kept(codec).await?,
        };
        let reads = |plugin: &&Arc<Plugin>| plugin.reads().contains(&codec.format);
        let plugin = exact
            .or_else(|| self.installed.iter().find(reads).cloned())
            .ok_or_else(|| self.missing(codec))?;
        let metrics = self.telemetry.pool("reads", plugin.name());
        let pool = Arc::new(Pool::new(plugin, Isolation::Pipeline, self.max_object, metrics));
        pools.insert(codec.digest.clone(), pool.clone());
        Ok(pool)
    }

    async fn load_kept(&self, codec: &Codec) -> Result<Option<Arc<Plugin>>> {
        let path = self.path(&codec.digest);
        let bytes = match tokio::fs::read(&path).await {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                let message = format!("cannot read the codec {}", path.display());
                return Err(Error::new(ErrorKind::Unavailable, message).with_source(error));
            }
        };
        if *digest(&bytes) != *codec.digest {
            let message = format!("the codec {} is not what was kept", path.display());
            return Err(Error::new(ErrorKind::Corrupt, message));
        }
        let name = format!("{} {}", codec.format, codec.digest);
        // Without the file, the plugin's own defaults stand.
        let settings = tokio::fs::read(path.with_extension(SETTINGS)).await.unwrap_or_default();
        let settings = serde_json::from_slice(&settings).unwrap_or_default();
        let config = PluginConfig { settings, ..PluginConfig::default() };
        let plugin =
            Plugin::load(&self.engine, &Environment::default(), &name, bytes, &config).await?;
        Ok(Some(Arc::new(plugin)))
    }

    fn missing(&self, codec: &Codec) -> Error {
        let installed: Vec<Format> =
            self.installed.iter().flat_map(|plugin| plugin.reads()).cloned().collect();
        let installed: Vec<_> = installed.iter().map(ToString::to_string).collect();
        Error::new(
            ErrorKind::Plugin,
            format!(
                "no codec for {} written by {}: it is not kept in {}, and the installed plugins read {}",
                codec.format,
                codec.digest,
                self.folder.display(),
                if installed.is_empty() { "no format".to_owned() } else { installed.join(", ") },
            ),
        )
        .with_hint(format!("configure a plugin that reads {}", codec.format))
    }

    fn path(&self, digest: &str) -> PathBuf {
        self.folder.join(digest.trim_start_matches("sha256:")).with_extension("wasm")
    }
}

/// Writes a file so that after a crash it is whole or absent.
fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if std::fs::read(path).is_ok_and(|kept| kept == bytes) {
        return Ok(());
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    io::Write::write_all(&mut file, bytes)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    std::fs::File::open(folder)?.sync_all()
}
