//! The thread that writes to a disk: commits in order, fsyncs shared.
//!
//! An fsync takes as long as hundreds of commits. While one runs, writes gather; then all of
//! them are committed, and the next fsync serves them together.

use super::{Tables, disk::Inner, disk_error, disk_routes::PendingRoutes, known_keys::KnownKeys};
use crate::{Error, ErrorKind, Result};
use fjall::{OwnedWriteBatch, PersistMode};
use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};
use tokio::sync::{mpsc, oneshot};

/// How many writes share an fsync at most.
const MAX_GROUP: usize = 256;

/// Room that a write leaves on the disk, beside what waits in memory to be written a second
/// time: compaction needs some to free more.
const RESERVE: u64 = 16 << 20;

/// How many memory tables may wait to be flushed before writes wait for them.
const MAX_SEALED: usize = 3;

/// How long writes wait for a flush.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(30);

/// What a write costs and asks for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Effort {
    /// About how many bytes it writes.
    pub(crate) bytes: u64,
    /// Whether its answer waits for an fsync.
    pub(crate) sync: bool,
    /// Whether it frees space, so that a nearly full disk still takes it.
    pub(crate) releases: bool,
}

/// A write in the making: what there is, and the batch to put changes into.
pub(crate) struct Change<'a> {
    pub(crate) tables: &'a Tables,
    pub(super) known: &'a KnownKeys,
    pub(crate) batch: OwnedWriteBatch,
    /// Grows whenever a commit failed.
    pub(crate) epoch: u64,
    /// The routes that the batch changes.
    pub(super) routes: PendingRoutes,
    /// How many routes it adds, less those it removes.
    pub(super) added: i64,
}

/// A write of any answer.
pub(super) trait Job: Send {
    fn effort(&self) -> Effort;
    /// Fills the batch; `false` when there is nothing to commit because it failed.
    fn stage(&mut self, change: &mut Change<'_>) -> bool;
    fn finish(self: Box<Self>, result: Result<()>);
}

struct Write<T, F> {
    effort: Effort,
    change: Option<F>,
    value: Option<Result<T>>,
    answer: oneshot::Sender<Result<T>>,
}

/// A write, and where its answer will be.
pub(super) fn job<T: Send + 'static>(
    effort: Effort,
    change: impl FnOnce(&mut Change<'_>) -> Result<T> + Send + 'static,
) -> (Box<dyn Job>, oneshot::Receiver<Result<T>>) {
    let (answer, receiver) = oneshot::channel();
    (Box::new(Write { effort, change: Some(change), value: None, answer }), receiver)
}

impl<T: Send, F: FnOnce(&mut Change<'_>) -> Result<T> + Send> Job for Write<T, F> {
    fn effort(&self) -> Effort {
        self.effort
    }

    fn stage(&mut self, change: &mut Change<'_>) -> bool {
        self.value = self.change.take().map(|fill| fill(change));
        matches!(self.value, Some(Ok(_)))
    }

    fn finish(self: Box<Self>, result: Result<()>) {
        let value = match (result, self.value) {
            (Ok(()), Some(value)) | (Err(_), Some(value @ Err(_))) => value,
            (Err(error), _) => Err(error),
            (Ok(()), None) => Err(Error::new(ErrorKind::Unavailable, "the write was not begun")),
        };
        // Whoever waited may have given up.
        let _ = self.answer.send(value);
    }
}

/// Writes until every sender is gone and nothing waits.
pub(super) fn run(inner: &Inner, mut waiting: mpsc::Receiver<Box<dyn Job>>) {
    while let Some(job) = waiting.blocking_recv() {
        let mut group = vec![job];
        while group.len() < MAX_GROUP
            && let Ok(job) = waiting.try_recv()
        {
            group.push(job);
        }
        write(inner, group);
    }
}

fn write(inner: &Inner, group: Vec<Box<dyn Job>>) {
    if inner.broken.load(Ordering::Acquire)
        && let Err(error) = inner.reopen()
    {
        tracing::debug!(error = error.chain(), "the data directory cannot be opened again yet");
    }
    let mut available = inner.available().unwrap_or(u64::MAX);
    let mut committed = Vec::with_capacity(group.len());
    for mut job in group {
        match commit(inner, job.as_mut(), &mut available) {
            Ok(()) => committed.push(job),
            Err(error) => job.finish(Err(error)),
        }
    }
    let sync = committed.iter().any(|job| job.effort().sync);
    let synced = if sync { persist(inner) } else { Ok(()) };
    for job in committed {
        let result = match &synced {
            Err(cause) if job.effort().sync => Err(disk_error::of(
                format!("cannot fsync the data directory {}", inner.path().display()),
                again(cause),
            )),
            _ => Ok(()),
        };
        job.finish(result);
    }
}

fn commit(inner: &Inner, job: &mut dyn Job, available: &mut u64) -> Result<()> {
    if inner.broken.load(Ordering::Acquire) {
        return Err(inner.unusable());
    }
    let tables = inner.usable()?;
    let tables = tables.as_ref().ok_or_else(|| inner.unusable())?;
    let effort = job.effort();
    check_room(inner, tables, effort, available)?;
    wait_for_flush(inner, tables)?;
    let mut change = Change {
        tables,
        known: &inner.known,
        batch: tables.database.batch().durability(Some(PersistMode::Buffer)),
        epoch: inner.epoch.load(Ordering::Acquire),
        routes: PendingRoutes::default(),
        added: 0,
    };
    if !job.stage(&mut change) {
        return Ok(());
    }
    let routes = inner.routes.load(Ordering::Acquire).saturating_add_signed(change.added);
    if change.added != 0 {
        tables.set_route_count(&mut change.batch, routes);
    }
    // An empty batch is how health is asked for: it is answered without a look at the database.
    let nothing = change.batch.is_empty();
    let written = change.batch.commit();
    let written = if nothing { tables.database.persist(PersistMode::Buffer) } else { written };
    written.map_err(|cause| {
        fail(inner, &cause);
        disk_error::failed("write", inner.path(), cause)
    })?;
    inner.routes.store(routes, Ordering::Release);
    tables.forget_heads(change.routes.keys());
    Ok(())
}

/// Refuses before the database sees that the disk is full: a failed commit would close it, and
/// a failed flush too.
fn check_room(inner: &Inner, tables: &Tables, effort: Effort, available: &mut u64) -> Result<()> {
    let reserve = if effort.releases {
        RESERVE / 4
    } else {
        RESERVE.saturating_add(tables.database.write_buffer_size())
    };
    let needed = effort.bytes.saturating_mul(2).saturating_add(reserve);
    if *available >= needed {
        *available -= effort.bytes;
        return Ok(());
    }
    let (path, bytes) = (inner.path().display(), effort.bytes);
    Err(Error::new(
        ErrorKind::Full,
        format!(
            "cannot write {bytes} bytes to the data directory {path}: the disk has {available} bytes left, and {reserve} are kept for maintenance"
        ),
    )
    .with_temporary(true)
    .with_hint("free space on the disk of the data directory"))
}

/// A commit waits without end when too much waits to be flushed and the flush has failed.
fn wait_for_flush(inner: &Inner, tables: &Tables) -> Result<()> {
    let start = Instant::now();
    while tables.sealed() >= MAX_SEALED {
        tables.database.persist(PersistMode::Buffer).map_err(|cause| {
            fail(inner, &cause);
            disk_error::failed("write", inner.path(), cause)
        })?;
        if start.elapsed() > FLUSH_TIMEOUT {
            return Err(inner.unusable());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

fn persist(inner: &Inner) -> fjall::Result<()> {
    let tables = inner.usable().map_err(|_| fjall::Error::Poisoned)?;
    let tables = tables.as_ref().ok_or(fjall::Error::Poisoned)?;
    inner.syncs.fetch_add(1, Ordering::Relaxed);
    tables.database.persist(PersistMode::SyncData).inspect_err(|cause| fail(inner, cause))
}

/// From here on the database takes no writes until it is opened again.
fn fail(inner: &Inner, cause: &fjall::Error) {
    tracing::error!(path = %inner.path().display(), %cause, "a write to the data directory failed");
    inner.epoch.fetch_add(1, Ordering::AcqRel);
    inner.broken.store(true, Ordering::Release);
}

/// The same cause for the next of those who waited for it.
fn again(cause: &fjall::Error) -> fjall::Error {
    match cause {
        fjall::Error::Io(io) => fjall::Error::Io(std::io::Error::new(io.kind(), io.to_string())),
        _ => fjall::Error::Poisoned,
    }
}
