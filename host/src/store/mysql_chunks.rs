//! `Chunks`: objects that no row takes, as numbered pieces and a manifest that names them.
//!
//! Every write has an id that its pieces carry, and the manifest says which write counts. The
//! pieces come first; then one transaction lets the manifest appear, takes away the row of the
//! same key, and collects the pieces of every other write of it. A reader therefore finds the
//! old object or the new one, and what a crash leaves in between is pieces that nothing names.

use super::mysql_rows::{MAX_BYTES, ROW_OVERHEAD, Row, Rows, blob, repeated, text};
use crate::{
    Error, ErrorKind, Result,
    driver::mysql::{DEADLINE, Failure, Params, Value},
};
use bytes::Bytes;
use framedb_core::{
    Key,
    sql::{PIECES, rows_of},
};
use std::{sync::Arc, time::Duration};
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;
use uuid::Uuid;

/// Bytes of a chunk at most: well under what TiDB takes in a row, and few enough for a statement
/// not to weigh on the server's memory.
const MAX_CHUNK: u64 = 4 << 20;

/// Bytes that chunks must be able to have: with fewer, rows would outweigh what is in them.
const LEAST_CHUNK: u64 = 1 << 10;

/// What a chunk takes in a row beside its data.
const CHUNK_OVERHEAD: u64 = 2 * ROW_OVERHEAD as u64 + 255;

/// How long the collection of what crashes left may take.
const COLLECT_WITHIN: Duration = Duration::from_secs(60);

/// Writes without a manifest that one step of the collection removes.
const COLLECT_STEP: usize = 256;

/// The writing side of chunks.
#[derive(Debug)]
pub(super) struct Chunks {
    rows: Arc<Rows>,
    /// Bytes of each chunk but the last.
    size: usize,
    /// Ends with the store.
    _collecting: AbortOnDropHandle<()>,
}

/// What a manifest says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Manifest {
    pub(super) write_id: Vec<u8>,
    pub(super) chunks: u64,
    pub(super) size: u64,
}

impl Chunks {
    /// Prepares to write chunks, and begins to collect what crashes left.
    ///
    /// # Errors
    ///
    /// When the server takes too little at once.
    pub(super) fn new(rows: Arc<Rows>) -> Result<Self> {
        let least = rows.server.row.into_iter().chain([rows.server.statement]);
        let least = least.min_by_key(|bound| bound.bytes).unwrap_or(rows.server.statement);
        let bytes = least.bytes.saturating_sub(CHUNK_OVERHEAD).min(MAX_CHUNK);
        if bytes < LEAST_CHUNK {
            let message = format!("cannot keep chunks: {} leaves them {bytes} bytes", least.name);
            return Err(Error::new(ErrorKind::Config, message).with_hint(least.hint));
        }
        let collecting = tokio::spawn(collect(rows.clone()));
        Ok(Self {
            rows,
            size: usize::try_from(bytes).unwrap_or(usize::MAX),
            _collecting: AbortOnDropHandle::new(collecting),
        })
    }

    /// Writes an object whole, or not at all.
    pub(super) async fn write(&self, (key, data): &Row) -> Result<()> {
        let write_id = Uuid::new_v4().into_bytes();
        let together = usize::try_from(self.rows.server.statement.bytes.min(MAX_BYTES));
        let together = together.unwrap_or(usize::MAX) / (self.size + CHUNK_OVERHEAD as usize);
        let mut number: u64 = 0;
        for part in data.chunks(self.size.saturating_mul(together.max(1))) {
            let pieces: Vec<&[u8]> = part.chunks(self.size).collect();
            let deadline = Instant::now() + DEADLINE;
            repeated(deadline, || self.insert(key, &write_id, number, &pieces, deadline)).await?;
            number += pieces.len() as u64;
        }
        let manifest =
            Manifest { write_id: write_id.to_vec(), chunks: number, size: data.len() as u64 };
        let deadline = Instant::now() + DEADLINE;
        if repeated(deadline, || self.publish(key, &manifest, deadline)).await? {
            return Ok(());
        }
        let message = format!("cannot store {key}: another writer replaced it meanwhile");
        Err(Error::new(ErrorKind::Conflict, message).with_temporary(true))
    }

    /// Writes successive pieces.
    async fn insert(
        &self,
        key: &Key,
        write_id: &[u8],
        first: u64,
        pieces: &[&[u8]],
        deadline: Instant,
    ) -> Result<(), Failure> {
        let values = vec!["(?,?,?,?)"; pieces.len()].join(",");
        // Repeated after a connection was lost, it finds its own pieces.
        let sql = format!(
            "REPLACE INTO framedb_chunks (`key`,`write_id`,`number`,`data`) VALUES {values}"
        );
        let parameters = (first..).zip(pieces).flat_map(|(number, piece)| {
            [text(key), blob(write_id), Value::UInt(number), blob(piece)]
        });
        let parameters = Params::Positional(parameters.collect());
        let insert = async { self.rows.server.session().await?.execute(&sql, parameters).await };
        self.rows.server.within("write chunks", deadline, insert).await.map(drop)
    }

    /// Lets an object appear whose pieces are all there; `false` when somebody took them away,
    /// as another writer of the key does.
    async fn publish(
        &self,
        key: &Key,
        manifest: &Manifest,
        deadline: Instant,
    ) -> Result<bool, Failure> {
        let of_write = || Params::Positional(vec![text(key), blob(&manifest.write_id)]);
        let publish = async {
            let mut session = self.rows.server.session().await?;
            session.begin().await?;
            // All who change a key begin with its row here, so that they take turns.
            let sql = format!("DELETE FROM {}", rows_of(1));
            session.execute(&sql, Params::Positional(vec![text(key), text(key)])).await?;
            let sql = "REPLACE INTO framedb_manifests (`key`,`write_id`,`chunks`,`size`) \
                VALUES (?,?,?,?)";
            let Manifest { write_id, chunks, size } = manifest;
            let values = vec![text(key), blob(write_id), Value::UInt(*chunks), Value::UInt(*size)];
            session.execute(sql, Params::Positional(values)).await?;
            let sql = "DELETE FROM framedb_chunks WHERE `key` = ? AND `write_id` <> ?";
            session.execute(sql, of_write()).await?;
            let sql = "SELECT `number` FROM framedb_chunks WHERE `key` = ? AND `write_id` = ? \
                FOR UPDATE";
            let numbers: Vec<u64> = session.rows(sql, of_write()).await?;
            let whole = numbers.len() as u64 == *chunks;
            // Without this the transaction ends with its connection, and changes nothing.
            if whole {
                session.commit().await?;
            }
            Ok(whole)
        };
        self.rows.server.within("write a manifest", deadline, publish).await
    }
}

/// Reads the pieces of an object; `None` when they are not all there.
pub(super) async fn pieces(rows: &Rows, key: &Key, manifest: &Manifest) -> Result<Option<Bytes>> {
    let Manifest { write_id, chunks, size } = manifest;
    let together = (MAX_BYTES / size.div_ceil((*chunks).max(1)).max(1)).max(1);
    let mut data = Vec::with_capacity(usize::try_from(*size).unwrap_or_default());
    let mut next = 0;
    while next < *chunks {
        let end = (next + together).min(*chunks);
        let read = async {
            let bounds = vec![text(key), blob(write_id), Value::UInt(next), Value::UInt(end)];
            let mut session = rows.server.session().await?;
            session.rows::<(u64, Vec<u8>)>(PIECES, Params::Positional(bounds)).await
        };
        for (number, piece) in
            rows.server.within("read chunks", Instant::now() + DEADLINE, read).await?
        {
            if number != next {
                return Ok(None);
            }
            next += 1;
            data.extend_from_slice(&piece);
        }
        if next != end {
            return Ok(None);
        }
    }
    Ok((data.len() as u64 == *size).then(|| data.into()))
}

/// Removes the pieces that no manifest names, but for those that may belong to a write under
/// way somewhere.
async fn collect(rows: Arc<Rows>) {
    let deadline = Instant::now() + COLLECT_WITHIN;
    match repeated(deadline, || collect_all(&rows, deadline)).await {
        Ok(0) => {}
        Ok(writes) => tracing::info!(writes, "removed the chunks of interrupted writes"),
        Err(failure) => {
            let error = failure.error.chain();
            tracing::warn!(error, "cannot remove the chunks of interrupted writes");
        }
    }
}

async fn collect_all(rows: &Rows, deadline: Instant) -> Result<usize, Failure> {
    // Every write begins with its first piece.
    let sql = format!(
        "SELECT c.`key`, c.`write_id` FROM framedb_chunks c LEFT JOIN framedb_manifests m \
        ON m.`key` = c.`key` AND m.`write_id` = c.`write_id` WHERE c.`number` = 0 \
        AND m.`key` IS NULL AND c.`written_at` < NOW() - INTERVAL 1 HOUR LIMIT {COLLECT_STEP}"
    );
    let delete = "DELETE FROM framedb_chunks WHERE `key` = ? AND `write_id` = ? AND NOT EXISTS \
        (SELECT 1 FROM framedb_manifests m WHERE m.`key` = ? AND m.`write_id` = ?)";
    let collect = async {
        let mut session = rows.server.session().await?;
        let mut writes = 0;
        loop {
            let found: Vec<(Vec<u8>, Vec<u8>)> =
                session.rows(&sql, Params::Positional(Vec::new())).await?;
            let mut removed = 0;
            for (key, write_id) in &found {
                let values = [key, write_id, key, write_id].map(|bytes| blob(bytes)).to_vec();
                removed += session.execute(delete, Params::Positional(values)).await?;
                writes += 1;
            }
            if found.len() < COLLECT_STEP || removed == 0 {
                return Ok(writes);
            }
        }
    };
    rows.server.within("look for chunks without a manifest", deadline, collect).await
}
