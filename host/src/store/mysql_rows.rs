//! `Rows`: writing rows to the table, in groups of one statement each.

use super::Limits;
use crate::{
    Error, ErrorKind, Result,
    driver::{
        mysql::{DEADLINE, Failure, Fault, Params, Server, Table, Value},
        repeat,
    },
    retry::Backoff,
};
use bytes::Bytes;
use framedb_core::Key;
use std::ops::Range;
use tokio::time::Instant;

/// Rows that one statement writes at most.
pub(super) const MAX_ROWS: usize = 256;

/// Bytes that one statement writes at most, unless a single row has more: a statement is in
/// memory as a whole, here and on the server.
const MAX_BYTES: u64 = 8 << 20;

/// What a row takes in a statement beside its key and its data.
const ROW_OVERHEAD: usize = 32;

/// How often a statement is tried that other transactions are in the way of.
pub(super) const MAX_TRIES: usize = 6;

/// A row on its way to the table.
pub(super) type Row = (Key, Bytes);

/// The table's writing side.
#[derive(Debug)]
pub(super) struct Rows {
    pub(super) server: Server,
    pub(super) table: Table,
    max_value: u64,
}

impl Rows {
    /// `max_value` is what the node lets a value have.
    pub(super) fn new(server: Server, table: Table, max_value: u64) -> Self {
        Self { server, table, max_value }
    }

    pub(super) fn limits(&self) -> Limits {
        let (bytes, _, _) = self.bound();
        Limits { max_value: bytes, capacity: None }
    }

    /// Refuses a value that is larger than something on its way takes.
    pub(super) fn check(&self, key: &Key, data: &[u8]) -> Result<()> {
        let (most, name, hint) = self.bound();
        let bytes = data.len();
        if bytes as u64 <= most {
            return Ok(());
        }
        let message =
            format!("cannot store {key}: its {bytes} bytes exceed the {most} that {name} allows");
        Err(Error::new(ErrorKind::TooLarge, message).with_hint(hint))
    }

    /// The least of the bounds of a value, its name, and what to do about it.
    fn bound(&self) -> (u64, &'static str, &'static str) {
        let row = ROW_OVERHEAD as u64 + 255;
        let bounds = [
            (Some(self.max_value), "the node's `max-object`", "raise `max-object`"),
            (
                Some(self.server.max_statement.saturating_sub(row)),
                "the server's `max_allowed_packet`",
                "raise `max_allowed_packet`",
            ),
            (
                self.server.max_row.map(|bytes| bytes.saturating_sub(row)),
                "TiDB's `txn-entry-size-limit`",
                "raise `txn-entry-size-limit`, or keep large objects elsewhere",
            ),
            (Some(self.table.max_data), "the column `data`", "make the column a LONGBLOB"),
        ];
        let bounds =
            bounds.into_iter().filter_map(|(bytes, name, hint)| Some((bytes?, name, hint)));
        bounds.min_by_key(|(bytes, ..)| *bytes).unwrap_or((0, "", ""))
    }

    /// Writes rows of different keys; one answer per row. A row that the server refuses fails
    /// alone: what was to be written with it is written without it.
    pub(super) async fn write(&self, rows: &[Row]) -> Vec<Result<()>> {
        let mut answers = Vec::with_capacity(rows.len());
        for group in self.cut(rows) {
            let deadline = Instant::now() + DEADLINE;
            // What is still to be tried, the first rows last.
            let mut pending = vec![group];
            while let Some(range) = pending.pop() {
                let together = rows.get(range.clone()).unwrap_or_default();
                match self.write_together(together, deadline).await {
                    Ok(()) => answers.extend(range.map(|_| Ok(()))),
                    Err(Failure { fault: Fault::Rows | Fault::Repeat, .. }) if range.len() > 1 => {
                        let middle = range.start + range.len() / 2;
                        pending.extend([middle..range.end, range.start..middle]);
                    }
                    Err(failure) => answers.extend(repeat(&failure.error, range.len())),
                }
            }
        }
        answers
    }

    /// Groups that fit into one statement each.
    fn cut(&self, rows: &[Row]) -> Vec<Range<usize>> {
        let most = self.server.max_statement.min(MAX_BYTES);
        let mut groups = Vec::new();
        let (mut start, mut bytes) = (0, 0);
        for (n, row) in rows.iter().enumerate() {
            let size = size(row);
            if n > start && (bytes + size > most || n - start >= MAX_ROWS) {
                groups.push(start..n);
                (start, bytes) = (n, 0);
            }
            bytes += size;
        }
        if start < rows.len() {
            groups.push(start..rows.len());
        }
        groups
    }

    /// Writes rows in one statement, which is repeated while others are in its way.
    async fn write_together(&self, rows: &[Row], deadline: Instant) -> Result<(), Failure> {
        let mut backoff = Backoff::until(deadline);
        let mut tries = 0;
        loop {
            tries += 1;
            let failure = match self.replace(rows, deadline).await {
                Ok(()) => return Ok(()),
                Err(failure) => failure,
            };
            let most = match failure.fault {
                Fault::Repeat => MAX_TRIES,
                // The server may have closed a connection that waited: one more try tells.
                Fault::Lost => 2,
                Fault::Rows | Fault::Server => 1,
            };
            match backoff.next(None) {
                Some(delay) if tries < most => tokio::time::sleep(delay).await,
                _ => return Err(failure),
            }
        }
    }

    async fn replace(&self, rows: &[Row], deadline: Instant) -> Result<(), Failure> {
        let replace = async {
            let values = vec!["(?,?)"; rows.len()].join(",");
            let sql = format!("REPLACE INTO data_table (`key`,`data`) VALUES {values}");
            let parameters = rows.iter().flat_map(|(key, data)| {
                [key.as_str().as_bytes(), data].map(|bytes| Value::Bytes(bytes.to_vec()))
            });
            let parameters = Params::Positional(parameters.collect());
            self.server.session().await?.execute(&sql, parameters).await
        };
        self.server.within("write objects", deadline, replace).await.map(drop)
    }
}

/// Bytes that a row takes in a statement.
pub(super) fn size((key, data): &Row) -> u64 {
    (key.as_str().len() + data.len() + ROW_OVERHEAD) as u64
}
