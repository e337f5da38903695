//! `Rows`: writing rows to the table, in groups of one statement each.
//!
//! Where the database has tables for chunks, a row that is written takes the place of its key's
//! chunks in the same transaction.

use super::Limits;
use crate::{
    Error, ErrorKind, Result,
    driver::{
        mysql::{Bound, DEADLINE, Failure, Fault, Params, Server, Table, Value},
        repeat,
    },
    retry::Backoff,
};
use bytes::Bytes;
use framedb_core::{
    Key,
    sql::{chunks_of, manifests_of, replace},
};
use std::{future::Future, ops::Range};
use tokio::time::Instant;

/// Rows that one statement writes at most.
pub(super) const MAX_ROWS: usize = 256;

/// Bytes that one statement writes at most, unless a single row has more: a statement is in
/// memory as a whole, here and on the server.
pub(super) const MAX_BYTES: u64 = 8 << 20;

/// What a row takes in a statement beside its key and its data.
pub(super) const ROW_OVERHEAD: usize = 32;

/// How often a statement is tried that other transactions are in the way of.
const MAX_TRIES: usize = 6;

/// A row on its way to the table.
pub(super) type Row = (Key, Bytes);

/// Where a value goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// Into a row of the table that existing clients read.
    Row,
    /// Into chunks, because no row takes it.
    Chunks,
}

/// The table's writing side.
#[derive(Debug)]
pub(super) struct Rows {
    pub(super) server: Server,
    pub(super) table: Table,
    /// Whether the database has tables for chunks, so that a key may be in either place.
    pub(super) chunk_tables: bool,
    /// Whether what no row takes may be kept in chunks.
    pub(super) chunks: bool,
    /// What the node lets a value have.
    pub(super) max_value: u64,
}

impl Rows {
    pub(super) fn limits(&self) -> Limits {
        let max_value =
            if self.chunks { self.max_value } else { self.max_value.min(self.bound().bytes) };
        Limits { max_value, capacity: None }
    }

    /// Where a value goes; refuses one that is larger than something on its way takes.
    pub(super) fn way(&self, key: &Key, data: &[u8]) -> Result<Way> {
        super::check_size(key, data, self.max_value)?;
        let Bound { bytes: most, name, hint } = self.bound();
        let bytes = data.len();
        if bytes as u64 <= most {
            return Ok(Way::Row);
        }
        if self.chunks {
            return Ok(Way::Chunks);
        }
        let message =
            format!("cannot store {key}: its {bytes} bytes exceed the {most} that {name} allows");
        let hint = format!("{hint}, or allow the instance `chunks`");
        Err(Error::new(ErrorKind::TooLarge, message).with_hint(hint))
    }

    /// The least of the bounds of a row's value.
    pub(super) fn bound(&self) -> Bound {
        let row = ROW_OVERHEAD as u64 + 255;
        let less = |bound: Bound| Bound { bytes: bound.bytes.saturating_sub(row), ..bound };
        let column = Bound {
            bytes: self.table.max_data,
            name: "the column `data`",
            hint: "make the column a LONGBLOB",
        };
        let bounds = [Some(less(self.server.statement)), self.server.row.map(less)];
        let least = bounds.into_iter().flatten().min_by_key(|bound| bound.bytes);
        least.filter(|bound| bound.bytes <= column.bytes).unwrap_or(column)
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
        let most = self.server.statement.bytes.min(MAX_BYTES);
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

    /// Writes rows in one step, which is repeated while others are in its way. Who lowers what
    /// the server takes has it close the connection of a larger statement.
    async fn write_together(&self, rows: &[Row], deadline: Instant) -> Result<(), Failure> {
        let written = repeated(deadline, || self.replace(rows, deadline)).await;
        match written {
            Err(failure) if failure.fault == Fault::Lost => {
                let bytes = rows.iter().map(size).sum();
                match self.server.outgrows(bytes, deadline).await {
                    true => Err(self.server.too_large("write objects")),
                    false => Err(failure),
                }
            }
            written => written,
        }
    }

    async fn replace(&self, rows: &[Row], deadline: Instant) -> Result<(), Failure> {
        let sql = replace(rows.len(), self.table.folds);
        let parameters = rows.iter().flat_map(|(key, data)| [text(key), blob(data)]);
        let parameters = Params::Positional(parameters.collect());
        const WORK: &str = "write objects";
        let mut session = self.server.session_for(WORK, deadline).await?;
        let replace = async {
            if !self.chunk_tables {
                return session.execute(&sql, parameters).await.map(drop);
            }
            let (chunks, manifests) = (chunks_of(rows.len()), manifests_of(rows.len()));
            let keys = || Params::Positional(rows.iter().map(|(key, _)| text(key)).collect());
            session.begin().await?;
            session.execute(&sql, parameters).await?;
            // A manifest never stands without chunks, so one look is enough; what a crash left
            // of an earlier write goes too.
            let sql = format!("SELECT `key` FROM {chunks} FOR UPDATE");
            let chunked: Vec<Vec<u8>> = session.rows(&sql, keys()).await?;
            if !chunked.is_empty() {
                for them in [manifests, chunks] {
                    session.execute(&format!("DELETE FROM {them}"), keys()).await?;
                }
            }
            session.commit().await
        };
        self.server.within(WORK, deadline, replace).await
    }
}

/// Runs a step, and runs it again while other transactions are in its way.
pub(super) async fn repeated<T, F>(
    deadline: Instant,
    mut step: impl FnMut() -> F,
) -> Result<T, Failure>
where
    F: Future<Output = Result<T, Failure>>,
{
    let mut backoff = Backoff::until(deadline);
    let mut tries = 0;
    // Of a try whose connection was lost nobody knows, whatever the next one says.
    let mut unclear = false;
    loop {
        tries += 1;
        let mut failure = match step().await {
            Ok(done) => return Ok(done),
            Err(failure) => failure,
        };
        unclear |= failure.fault == Fault::Lost && !failure.error.is_untouched();
        if unclear {
            failure.error = failure.error.with_untouched(false);
        }
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

/// Bytes that a row takes in a statement.
pub(super) fn size((key, data): &Row) -> u64 {
    (key.as_str().len() + data.len() + ROW_OVERHEAD) as u64
}

/// A key as a value.
pub(super) fn text(key: &Key) -> Value {
    blob(key.as_str().as_bytes())
}

/// Bytes as a value.
pub(super) fn blob(bytes: &[u8]) -> Value {
    Value::Bytes(bytes.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lost(error: Error) -> Failure {
        let mut failure = Failure::from(error);
        failure.fault = Fault::Lost;
        failure
    }

    /// Two lost tries, of which the first may have reached the server or not.
    async fn lost_twice(sent: bool) -> Failure {
        let mut tries = 0;
        let step = || {
            tries += 1;
            let reached = sent && tries == 1;
            let error = Error::new(ErrorKind::Unavailable, "lost").with_untouched(!reached);
            async { Err::<(), _>(lost(error)) }
        };
        repeated(Instant::now() + DEADLINE, step).await.unwrap_err()
    }

    #[tokio::test(start_paused = true)]
    async fn a_try_that_may_have_been_sent_stays_unclear_when_the_next_is_refused() {
        assert!(!lost_twice(true).await.error.is_untouched());
        assert!(lost_twice(false).await.error.is_untouched());
    }
}
