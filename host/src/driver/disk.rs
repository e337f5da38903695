//! `Disk`: a data directory, which one process has open.
//!
//! Objects, queues, routes and intents are tables of one embedded database, so that one commit
//! changes them together. Reads run on blocking threads; writes go through one thread, which
//! commits them in order and lets them share an fsync.

use super::{
    Change, Domain, Effort, Tables,
    disk_writer::{self, Job},
    known_keys::KnownKeys,
};
use crate::{Error, ErrorKind, Result};
use framedb_core::Key;
use parking_lot::{Mutex, RwLock, RwLockReadGuard};
use std::{
    fmt,
    fs::{DirBuilder, File},
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};
use tokio::sync::{Semaphore, mpsc};

/// How many writes may wait for the writing thread before writers wait themselves.
const WAITING: usize = 1024;

/// How many reads run at once. What is read is in memory for the most part; on a disk that is
/// slow, as many requests keep it busy.
const READERS: usize = 8;

/// The least time between attempts to open a broken database again.
const REOPEN_AFTER: Duration = Duration::from_millis(500);

/// A data directory. Dropping it closes the directory, whatever else still refers to it.
pub struct Disk {
    pub(super) inner: Arc<Inner>,
    /// Who may read at once.
    readers: Arc<Semaphore>,
    jobs: Option<mpsc::Sender<Box<dyn Job>>>,
    thread: Option<JoinHandle<()>>,
}

/// What readers and the writing thread share.
pub(super) struct Inner {
    path: PathBuf,
    domain: Domain,
    /// Held for the life of the disk, also while the database is opened again.
    lock: Mutex<Option<File>>,
    /// `None` after a failed attempt to open it again, and when the disk is closed. Read-locked
    /// by whoever uses it.
    tables: RwLock<Option<Tables>>,
    /// Set by the writing thread when a commit failed: the database takes no more writes.
    pub(super) broken: AtomicBool,
    /// When it was last opened.
    opened_at: Mutex<Instant>,
    closed: AtomicBool,
    /// Grows whenever a commit failed, so that whoever mirrors tables in memory reads them again.
    pub(super) epoch: AtomicU64,
    pub(super) routes: AtomicU64,
    /// The keys that may have one.
    pub(super) known: KnownKeys,
    pub(super) syncs: AtomicU64,
}

impl Disk {
    /// Opens a directory, made when it is absent.
    ///
    /// # Errors
    ///
    /// A [`Conflict`](ErrorKind::Conflict) when another process has it open; a
    /// [`Config`](ErrorKind::Config) error when another build wrote it; otherwise what the file
    /// system says.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self> {
        let path = path.into();
        let lock = lock(&path)?;
        let tables = Tables::open(&path.join("db"))?;
        let routes = tables
            .route_count()
            .map_err(|cause| super::disk_error::failed("count the routes", &path, cause))?;
        let inner = Arc::new(Inner {
            path,
            domain: Domain::unique(),
            lock: Mutex::new(Some(lock)),
            tables: RwLock::new(Some(tables)),
            broken: AtomicBool::new(false),
            opened_at: Mutex::new(Instant::now()),
            closed: AtomicBool::new(false),
            epoch: AtomicU64::new(0),
            routes: AtomicU64::new(routes),
            known: KnownKeys::new(routes == 0),
            syncs: AtomicU64::new(0),
        });
        let (jobs, waiting) = mpsc::channel(WAITING);
        let writing = inner.clone();
        let thread = start("framedb-disk", move || disk_writer::run(&writing, waiting))?;
        if routes > 0 {
            // It ends with the directory.
            let filling = inner.clone();
            start("framedb-keys", move || filling.known.fill(&filling))?;
        }
        let readers = Arc::new(Semaphore::new(READERS));
        Ok(Self { inner, readers, jobs: Some(jobs), thread: Some(thread) })
    }

    /// The directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    /// The domain of all that is kept in it.
    #[must_use]
    pub fn domain(&self) -> &Domain {
        &self.inner.domain
    }

    /// How many fsyncs commits have cost.
    #[must_use]
    pub fn syncs(&self) -> u64 {
        self.inner.syncs.load(Ordering::Relaxed)
    }

    /// How many routes it holds.
    #[must_use]
    pub fn routes(&self) -> u64 {
        self.inner.routes.load(Ordering::Acquire)
    }

    /// Whether a key has no route for certain. Where it may have one, the tables tell.
    pub(crate) fn lacks_route(&self, key: &Key) -> bool {
        self.inner.known.lacks(key)
    }

    /// Grows whenever a commit failed.
    pub(crate) fn epoch(&self) -> u64 {
        self.inner.epoch.load(Ordering::Acquire)
    }

    /// Whether the database can be read and written.
    ///
    /// # Errors
    ///
    /// Says why not.
    pub async fn health(&self) -> Result<()> {
        let idle = Effort { bytes: 0, sync: false, releases: true };
        self.write(idle, |_| Ok(())).await
    }

    /// Reads on a blocking thread, of which there are a few: each keeps memory of its own.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Tables) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let inner = self.inner.clone();
        // It is never closed.
        let turn = self.readers.clone().acquire_owned().await;
        let task = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            let tables = inner.usable()?;
            read(tables.as_ref().ok_or_else(|| inner.unusable())?)
        });
        task.await.map_err(|cause| {
            Error::new(ErrorKind::Unavailable, "a read from the disk was abandoned")
                .with_source(cause)
        })?
    }

    /// Has the writing thread commit what `change` puts into its batch; the answer of `change`
    /// comes after the commit, and after an fsync if `effort` asks for one.
    ///
    /// `change` sees what earlier writes committed and nothing of later ones, so that it may
    /// decide by what it reads. It runs also when the caller stops waiting.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        effort: Effort,
        change: impl FnOnce(&mut Change<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (job, answer) = disk_writer::job(effort, change);
        let jobs = self.jobs.as_ref().ok_or_else(|| self.inner.unusable())?;
        jobs.send(job).await.map_err(|_| self.inner.unusable())?;
        answer.await.map_err(|_| self.inner.unusable())?
    }
}

impl Inner {
    /// The tables, after an attempt to open them again where that is due.
    pub(super) fn usable(&self) -> Result<RwLockReadGuard<'_, Option<Tables>>> {
        if self.tables.read().is_none() {
            self.reopen()?;
        }
        Ok(self.tables.read())
    }

    /// Opens the database again after a failed commit: until then it can be read, and takes no
    /// writes.
    pub(super) fn reopen(&self) -> Result<()> {
        let mut tables = self.tables.write();
        if self.is_closed() {
            return Err(self.unusable());
        }
        if tables.is_some() && !self.broken.load(Ordering::Acquire) {
            return Ok(());
        }
        let mut opened_at = self.opened_at.lock();
        if opened_at.elapsed() < REOPEN_AFTER {
            return Err(self.unusable());
        }
        *opened_at = Instant::now();
        // What can be read stays readable until a little can be written again.
        self.probe()?;
        *tables = None;
        let opened = Tables::open(&self.path.join("db"))?;
        let routes = opened.route_count();
        let routes = routes
            .map_err(|cause| super::disk_error::failed("count the routes", &self.path, cause))?;
        self.routes.store(routes, Ordering::Release);
        self.epoch.fetch_add(1, Ordering::AcqRel);
        self.broken.store(false, Ordering::Release);
        *tables = Some(opened);
        tracing::info!(path = %self.path.display(), "opened the data directory again");
        Ok(())
    }

    /// Bytes that the file system would still take.
    pub(super) fn available(&self) -> Option<u64> {
        let stat = rustix::fs::statvfs(&self.path).ok()?;
        stat.f_bavail.checked_mul(stat.f_frsize)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    pub(super) fn unusable(&self) -> Error {
        let path = self.path.display();
        Error::new(
            ErrorKind::Unavailable,
            format!("the data directory {path} takes no writes at present"),
        )
        .with_hint("see the log for the write that failed; the node tries again by itself")
    }

    fn probe(&self) -> Result<()> {
        let path = self.path.join("probe");
        let written = File::create(&path).and_then(|mut file| {
            std::io::Write::write_all(&mut file, &[0; 64 << 10])?;
            file.sync_data()
        });
        let removed = std::fs::remove_file(&path);
        written.and(removed).map_err(|cause| {
            super::disk_error::failed("write", &self.path, fjall::Error::Io(cause))
        })
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // It ends when it has written what was handed to it.
            let _ = thread.join();
        }
        self.inner.closed.store(true, Ordering::Release);
        *self.inner.tables.write() = None;
        *self.inner.lock.lock() = None;
    }
}

impl fmt::Debug for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Disk").field("path", &self.inner.path).finish_non_exhaustive()
    }
}

/// Makes a directory that only this user may look into, unless there is one: it may hold passwords
/// of instances that were registered.
pub(super) fn make_folder(path: &Path) -> Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|cause| {
        super::disk_error::failed("make the data directory", path, fjall::Error::Io(cause))
    })
}

fn start(name: &str, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>> {
    std::thread::Builder::new().name(name.into()).spawn(run).map_err(|cause| {
        let message = format!("cannot start the thread {name} of the data directory");
        Error::new(ErrorKind::Unavailable, message).with_source(cause)
    })
}

/// Takes the directory for this process.
fn lock(path: &Path) -> Result<File> {
    let failed = |cause: std::io::Error| {
        super::disk_error::failed("take the data directory", path, fjall::Error::Io(cause))
    };
    make_folder(path)?;
    let file = File::options().create(true).truncate(false).write(true).open(path.join("lock"));
    let file = file.map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::Error(cause)) => Err(failed(cause)),
        Err(std::fs::TryLockError::WouldBlock) => Err(Error::new(
            ErrorKind::Conflict,
            format!("the data directory {} is in use by another process", path.display()),
        )
        .with_hint("stop that node, or give this one its own `data-dir`")),
    }
}
