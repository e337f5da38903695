//! `Engine`: wasmtime's settings, its artifact cache and the epoch ticker.

use crate::{Error, ErrorKind, Result};
use std::{
    fmt,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::Duration,
};
use wasmtime::{
    Cache, CacheConfig, Enabled, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig,
};

/// The length of an epoch: how finely the CPU time of plugins is counted.
///
/// Five milliseconds keep an idle node at 200 wake-ups a second and are far below any sensible
/// limit.
pub(super) const TICK: Duration = Duration::from_millis(5);

/// Bytes of a finished instance's memory that stay resident for the next one. Together with the
/// page-map scan this makes a fresh instance cost about 10 µs; without the scan it would be
/// slower than keeping nothing.
const KEEP_RESIDENT: usize = 1 << 20;

/// Core instances, memories and tables of one component.
const MAX_PARTS: u32 = 256;

/// The engine that compiles and runs plugins; one a process, because its pool reserves 16 TiB
/// of address space.
#[derive(Clone)]
pub struct Engine {
    inner: wasmtime::Engine,
    epochs: Epochs,
    _ticker: Arc<mpsc::Sender<()>>,
}

/// The number of the present epoch: wasmtime counts them, too, and does not show its count.
#[derive(Clone, Default)]
pub(super) struct Epochs(Arc<AtomicU64>);

impl Epochs {
    pub(super) fn now(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn advance(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Engine {
    /// Plugin instances that it can hold at once; each reserves address space, not memory.
    pub const MAX_INSTANCES: u32 = 1000;

    /// Linear memories of all instances. One of a component that was composed has several.
    pub const MAX_MEMORIES: u32 = 4 * Self::MAX_INSTANCES;

    /// Tables of all instances.
    pub const MAX_TABLES: u32 = 16 * Self::MAX_INSTANCES;

    /// Elements that one table can have: 16 MB of address space.
    pub const MAX_TABLE_ELEMENTS: usize = 1_000_000;

    /// An engine that keeps compiled plugins in `cache`, a folder that only this user may
    /// write, because its files run as native code.
    ///
    /// # Errors
    ///
    /// When the folder cannot be made, others may write it, or the machine lacks what the engine
    /// needs.
    pub fn new(cache: Option<&Path>) -> Result<Self> {
        let failed = |source: wasmtime::Error| {
            Error::new(ErrorKind::Plugin, "cannot start the WebAssembly engine")
                .with_source(source.into_boxed_dyn_error())
        };
        let mut pooling = PoolingAllocationConfig::new();
        pooling
            .total_component_instances(Self::MAX_INSTANCES)
            // They reserve nothing.
            .total_core_instances(Self::MAX_INSTANCES * MAX_PARTS)
            .total_memories(Self::MAX_MEMORIES)
            .total_tables(Self::MAX_TABLES)
            .table_elements(Self::MAX_TABLE_ELEMENTS)
            .total_stacks(Self::MAX_INSTANCES)
            // A component may be several that were composed: a chain of plugins, a worker with
            // a plugin for each stage.
            .max_core_instances_per_component(MAX_PARTS)
            .max_memories_per_component(MAX_PARTS)
            .max_tables_per_component(MAX_PARTS)
            .linear_memory_keep_resident(KEEP_RESIDENT)
            .pagemap_scan(Enabled::Auto);
        let mut config = wasmtime::Config::new();
        config
            .allocation_strategy(InstanceAllocationStrategy::Pooling(pooling))
            .cranelift_opt_level(OptLevel::Speed)
            .epoch_interruption(true)
            .memory_init_cow(true)
            .wasm_component_model(true)
            .wasm_component_model_async(true);
        if let Some(folder) = cache {
            let mut settings = CacheConfig::new();
            // The cache takes no path that depends on the current folder.
            settings.with_directory(std::path::absolute(folder).unwrap_or_else(|_| folder.into()));
            let cache = Cache::new(settings).map_err(failed)?;
            check_private(folder)?;
            config.cache(Some(cache));
        }
        let inner = wasmtime::Engine::new(&config).map_err(failed)?;
        let epochs = Epochs::default();
        let ticker = start_ticker(&inner, epochs.clone())?;
        Ok(Self { inner, epochs, _ticker: Arc::new(ticker) })
    }

    pub(super) fn epochs(&self) -> Epochs {
        self.epochs.clone()
    }

    pub(crate) fn wasmtime(&self) -> &wasmtime::Engine {
        &self.inner
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").finish_non_exhaustive()
    }
}

/// Refuses a folder in which any user could put native code for this process to run.
fn check_private(folder: &Path) -> Result<()> {
    const WRITABLE_BY_OTHERS: u32 = 0o002;
    let mode = std::fs::metadata(folder).map_or(0, |folder| folder.permissions().mode());
    if mode & WRITABLE_BY_OTHERS == 0 {
        return Ok(());
    }
    let folder = folder.display();
    let message = format!(
        "every user of this machine may write the folder of compiled plugins, {folder}, whose \
         files run as part of the node"
    );
    Err(Error::new(ErrorKind::Config, message).with_hint(format!(
        "`chmod o-w {folder}`, after a look at what is in it, or another cache-dir"
    )))
}

/// Advances the epoch every [`TICK`] until the sender is dropped. The thread holds the engine
/// weakly, or the engine would never end.
fn start_ticker(engine: &wasmtime::Engine, epochs: Epochs) -> Result<mpsc::Sender<()>> {
    let (alive, ended) = mpsc::channel::<()>();
    let engine = engine.weak();
    thread::Builder::new()
        .name("framedb-epoch".into())
        .spawn(move || {
            while let Err(RecvTimeoutError::Timeout) = ended.recv_timeout(TICK) {
                let Some(engine) = engine.upgrade() else { return };
                epochs.advance();
                engine.increment_epoch();
            }
        })
        .map_err(|source| {
            Error::new(ErrorKind::Plugin, "cannot start the thread that bounds plugins' CPU time")
                .with_source(source)
        })?;
    Ok(alive)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::Permissions;

    #[test]
    fn a_cache_that_anybody_may_write_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let mode = |mode| std::fs::set_permissions(folder.path(), Permissions::from_mode(mode));
        mode(0o777).unwrap();
        let error = Engine::new(Some(folder.path())).unwrap_err();
        assert!(error.to_string().contains("every user"), "{error}");
        mode(0o755).unwrap();
        Engine::new(Some(folder.path())).unwrap();
    }
}
