//! How a queue is written down in a data directory.

use crate::{
    Error, ErrorKind, Result,
    driver::{
        Change, disk_failure,
        queue::{QueueState, Restored},
        steady_millis,
        tables::number,
    },
};
use bytes::Bytes;
use framedb_core::Key;
use serde::{Deserialize, Serialize};
use std::{sync::Arc, time::Duration};

/// Kinds of rows in the table of queues.
const ELEMENT: u8 = b'e';
const ID: u8 = b'i';

/// An element's row.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Row {
    pub(super) deliveries: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) lease: Option<Lease>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Lease {
    token: Arc<str>,
    until: u64,
    /// How long it was for: after a restart it lasts no longer, whatever the clock says.
    period: u64,
}

/// A remembered id's row.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Remembered {
    pub(super) id: Arc<str>,
    pub(super) at: u64,
}

/// The start of a queue's rows.
pub(super) struct Rows {
    queue: Key,
    prefix: Vec<u8>,
}

impl Lease {
    pub(super) fn new(token: Arc<str>, until: u64, period: Duration) -> Self {
        let period = u64::try_from(period.as_millis()).unwrap_or(u64::MAX);
        Self { token, until, period }
    }
}

impl Rows {
    /// The rows of a queue of the instance with this prefix.
    pub(super) fn new(instance: &[u8], queue: &Key) -> Self {
        // Lengths stand before names, so that no name is the start of another's rows.
        let length = u8::try_from(queue.as_str().len()).unwrap_or(u8::MAX);
        let prefix = [instance, &[length], queue.as_str().as_bytes()].concat();
        Self { queue: queue.clone(), prefix }
    }

    fn row(&self, kind: u8, number: u64) -> Vec<u8> {
        [&self.prefix[..], &[kind], &number.to_be_bytes()].concat()
    }

    fn payload(&self, number: u64) -> Vec<u8> {
        [&self.prefix[..], &number.to_be_bytes()].concat()
    }

    pub(super) fn put(&self, change: &mut Change<'_>, number: u64, row: &Row) -> Result<()> {
        let value = serde_json::to_vec(row).map_err(|_| self.corrupt("a row cannot be written"))?;
        change.batch.insert(&change.tables.queues, self.row(ELEMENT, number), value);
        Ok(())
    }

    pub(super) fn put_id(
        &self,
        change: &mut Change<'_>,
        number: u64,
        id: &Remembered,
    ) -> Result<()> {
        let value = serde_json::to_vec(id).map_err(|_| self.corrupt("an id cannot be written"))?;
        change.batch.insert(&change.tables.queues, self.row(ID, number), value);
        Ok(())
    }

    pub(super) fn forget(&self, change: &mut Change<'_>, numbers: Vec<u64>) {
        for number in numbers {
            change.batch.remove(&change.tables.queues, self.row(ID, number));
        }
    }

    pub(super) fn put_payload(&self, change: &mut Change<'_>, number: u64, data: Bytes) {
        change.batch.insert(&change.tables.payloads, self.payload(number), data);
    }

    pub(super) fn read_payload(&self, change: &Change<'_>, number: u64) -> Result<Bytes> {
        let data = change.tables.payloads.get(self.payload(number));
        let data = data.map_err(|cause| self.failed(cause))?;
        Ok(data.ok_or_else(|| self.corrupt("an element has no bytes"))?.into())
    }

    /// Removes an element; its id stays remembered.
    pub(super) fn remove(&self, change: &mut Change<'_>, number: u64) {
        let tables = change.tables;
        change.batch.remove(&tables.queues, self.row(ELEMENT, number));
        change.batch.remove(&tables.payloads, self.payload(number));
    }

    /// Removes all that the queue has.
    pub(super) fn clear(&self, change: &mut Change<'_>) -> Result<()> {
        let tables = change.tables;
        for table in [&tables.queues, &tables.payloads] {
            for guard in table.prefix(&self.prefix) {
                let key = guard.key().map_err(|cause| self.failed(cause))?;
                change.batch.remove(table, key);
            }
        }
        Ok(())
    }

    /// The queue as the disk has it.
    pub(super) fn load(&self, change: &Change<'_>) -> Result<QueueState<()>> {
        let now = steady_millis();
        let (mut items, mut ids) = (Vec::new(), Vec::new());
        for guard in change.tables.queues.prefix(&self.prefix) {
            let (key, value) = guard.into_inner().map_err(|cause| self.failed(cause))?;
            let (kind, at) = key
                .get(self.prefix.len()..)
                .and_then(<[u8]>::split_first)
                .and_then(|(kind, rest)| Some((*kind, number(rest)?)))
                .ok_or_else(|| self.corrupt("a row has no number"))?;
            let broken = |_| self.corrupt("a row cannot be read");
            match kind {
                ELEMENT => {
                    let Row { deliveries, lease } =
                        serde_json::from_slice(&value).map_err(broken)?;
                    let end = |lease: Lease| {
                        (lease.token, lease.until.min(now.saturating_add(lease.period)))
                    };
                    items.push(Restored {
                        number: at,
                        payload: (),
                        deliveries,
                        lease: lease.map(end),
                    });
                }
                _ => {
                    let id: Remembered = serde_json::from_slice(&value).map_err(broken)?;
                    ids.push((at, id.at.min(now), id.id));
                }
            }
        }
        Ok(QueueState::restore(items, ids))
    }

    fn failed(&self, cause: fjall::Error) -> Error {
        disk_failure(&format!("cannot read the queue {} from the disk", self.queue), cause)
    }

    fn corrupt(&self, what: &str) -> Error {
        Error::new(ErrorKind::Corrupt, format!("cannot read the queue {}: {what}", self.queue))
    }
}
