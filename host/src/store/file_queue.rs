//! `FileQueues`: queues in a data directory.
//!
//! [`QueueState`] decides; every change of it is written down in one commit before it is
//! answered. It holds numbers, not bytes, and is read from the disk when a queue is first used,
//! or after a commit failed. Changes run on the disk's writing thread, in order.

use super::{
    Element, Leased, Pushed, Queue, QueueLength, SyncMode, check_size,
    file_rows::{Lease, Remembered, Row, Rows},
};
use crate::{
    Result,
    driver::{
        Change, Disk, Effort, queue::QueueState, repeat, steady_millis, tables::instance_prefix,
    },
};
use async_trait::async_trait;
use bytes::Bytes;
use framedb_core::Key;
use parking_lot::Mutex;
use std::{collections::HashMap, sync::Arc, time::Duration};

/// How many idle queues stay in memory.
const MAX_LOADED: usize = 1024;

/// One `file:` instance's queues.
#[derive(Debug)]
pub struct FileQueues {
    disk: Arc<Disk>,
    prefix: Arc<[u8]>,
    max_value: u64,
    sync: SyncMode,
    queues: Arc<Mutex<HashMap<Key, Arc<Mutex<Mirror>>>>>,
}

/// A queue as the disk has it.
#[derive(Debug, Default)]
struct Mirror {
    state: QueueState<()>,
    /// The disk's epoch in which it was read; `None` before that.
    epoch: Option<u64>,
}

impl FileQueues {
    pub(super) fn new(
        disk: Arc<Disk>,
        framedb_id: Arc<str>,
        max_value: u64,
        sync: SyncMode,
    ) -> Self {
        let prefix = instance_prefix(&framedb_id).into();
        Self { disk, prefix, max_value, sync, queues: Arc::default() }
    }

    /// Runs `act` on the mirror of a queue, on the writing thread.
    async fn change<T: Send + 'static>(
        &self,
        queue: &Key,
        effort: Effort,
        act: impl FnOnce(&mut Change<'_>, &mut QueueState<()>, &Rows) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let mirror = self.mirror(queue);
        let rows = self.rows(queue);
        self.disk
            .write(effort, move |change| {
                let mut mirror = mirror.lock();
                if mirror.epoch != Some(change.epoch) {
                    mirror.state = rows.load(change)?;
                    mirror.epoch = Some(change.epoch);
                }
                let now = steady_millis();
                mirror.state.expire(now);
                rows.forget(change, mirror.state.forget(now));
                act(change, &mut mirror.state, &rows).inspect_err(|_| mirror.epoch = None)
            })
            .await
    }

    fn mirror(&self, queue: &Key) -> Arc<Mutex<Mirror>> {
        let mut queues = self.queues.lock();
        if queues.len() >= MAX_LOADED && !queues.contains_key(queue) {
            // Who else has one would change its own: only those that nobody has may go.
            queues.retain(|_, mirror| Arc::strong_count(mirror) > 1);
        }
        queues.entry(queue.clone()).or_default().clone()
    }

    /// Reads the mirror without the writing thread, if it is up to date.
    fn peek<T>(&self, queue: &Key, read: impl FnOnce(&mut QueueState<()>) -> T) -> Option<T> {
        let mirror = self.mirror(queue);
        let mut mirror = mirror.try_lock()?;
        if mirror.epoch != Some(self.disk.epoch()) {
            return None;
        }
        mirror.state.expire(steady_millis());
        Some(read(&mut mirror.state))
    }

    fn rows(&self, queue: &Key) -> Rows {
        Rows::new(&self.prefix, queue)
    }

    fn effort(&self, bytes: usize, sync: bool) -> Effort {
        let sync = sync && self.sync == SyncMode::Always;
        Effort { bytes: bytes as u64, sync, releases: bytes == 0 }
    }
}

#[async_trait]
impl Queue for FileQueues {
    async fn push(&self, queue: &Key, elements: &[Element]) -> Vec<Result<Pushed>> {
        let owned: Vec<_> = elements
            .iter()
            .map(|element| {
                let data = check_size(queue, &element.data, self.max_value)
                    .map(|()| Bytes::copy_from_slice(&element.data));
                (element.id.clone(), data)
            })
            .collect();
        let bytes = elements.iter().map(|element| element.data.len() + 512).sum();
        let pushed = self.change(queue, self.effort(bytes, true), move |change, state, rows| {
            let now = steady_millis();
            let push = |(id, data): (String, Result<Bytes>)| {
                let data = data?;
                if state.remembers(&id) {
                    return Ok(Pushed::Repeated);
                }
                let remembered = Remembered { id: id.as_str().into(), at: now };
                let (number, forgotten) = (state.push(&id, (), now), state.forget(now));
                rows.put_id(change, number, &remembered)?;
                rows.forget(change, forgotten);
                rows.put(change, number, &Row::default())?;
                rows.put_payload(change, number, data);
                Ok(Pushed::New)
            };
            Ok(owned.into_iter().map(push).collect())
        });
        match pushed.await {
            Ok(results) => results,
            Err(error) => repeat(&error, elements.len()),
        }
    }

    async fn lease(&self, queue: &Key, period: Duration) -> Result<Option<Leased>> {
        if self.peek(queue, |state| state.has_ready()) == Some(false) {
            return Ok(None);
        }
        // A lease that a power cut takes back is one more delivery, so none waits for the disk.
        self.change(queue, self.effort(0, false), move |change, state, rows| {
            let Some(handed) = state.lease(period, steady_millis()) else { return Ok(None) };
            let token = handed.token.as_ref().to_owned();
            let (number, deliveries) = (handed.number, handed.deliveries);
            let lease = Lease::new(handed.token, handed.until, period);
            rows.put(change, number, &Row { deliveries, lease: Some(lease) })?;
            let data = rows.read_payload(change, number)?;
            Ok(Some(Leased { data, token, deliveries }))
        })
        .await
    }

    async fn ack(&self, queue: &Key, token: &str) -> Result<bool> {
        let token = token.to_owned();
        self.change(queue, self.effort(0, true), move |change, state, rows| {
            let Some((number, ())) = state.ack(&token) else { return Ok(false) };
            rows.remove(change, number);
            Ok(true)
        })
        .await
    }

    async fn nack(&self, queue: &Key, token: &str) -> Result<bool> {
        let token = token.to_owned();
        self.change(queue, self.effort(0, false), move |change, state, rows| {
            let Some((number, deliveries)) = state.nack(&token) else { return Ok(false) };
            rows.put(change, number, &Row { deliveries, lease: None })?;
            Ok(true)
        })
        .await
    }

    async fn extend(&self, queue: &Key, token: &str, period: Duration) -> Result<bool> {
        let token = token.to_owned();
        self.change(queue, self.effort(0, false), move |change, state, rows| {
            let extended = state.extend(&token, period, steady_millis());
            let Some((number, deliveries, until)) = extended else { return Ok(false) };
            let lease = Lease::new(token.into(), until, period);
            rows.put(change, number, &Row { deliveries, lease: Some(lease) })?;
            Ok(true)
        })
        .await
    }

    async fn length(&self, queue: &Key) -> Result<QueueLength> {
        let (ready, leased) = match self.peek(queue, |state| state.lengths()) {
            Some(lengths) => lengths,
            None => {
                let idle = self.effort(0, false);
                self.change(queue, idle, |_, state, _| Ok(state.lengths())).await?
            }
        };
        Ok(QueueLength { ready, leased })
    }

    async fn purge(&self, queue: &Key) -> Result<u64> {
        self.change(queue, self.effort(0, true), |change, state, rows| {
            let (ready, leased) = state.lengths();
            *state = QueueState::default();
            rows.clear(change)?;
            Ok(ready + leased)
        })
        .await
    }
}
