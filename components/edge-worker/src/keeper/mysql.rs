//! Objects in a table of TiDB, MariaDB or MySQL, as existing clients and the node keep them.
//!
//! What a node has put into chunks is read and deleted here, and no chunks are written.

use super::{fault::Fault, wait::within};
use bytes::Bytes;
use framedb_core::{
    Key,
    sql::{
        CHUNK_TABLES, CHUNK_TABLES_COUNT, COLUMNS, Column, KNOWN_COLLATIONS, PIECES, UNIQUE,
        best_collation, check, chunks_of, create, manifests_of, places, replace, rows_of,
    },
};
use spin_sdk::mysql::{Connection, DbValue, Error, MysqlError, ParameterValue};
use std::{
    cell::{Cell, RefCell},
    fmt,
    rc::Rc,
    time::Duration,
};

/// How often a statement is tried that other transactions are in the way of.
const MAX_TRIES: u32 = 6;

/// Chunks that are read at once.
const CHUNKS_AT_ONCE: u64 = 2;

/// What a statement has beside the object, at most.
const PACKET_OVERHEAD: u64 = 4 << 10;

/// What is known of a database.
#[derive(Debug, Clone, Copy)]
struct Known {
    /// Whether it has tables for chunks.
    chunk_tables: bool,
    /// Whether its table may take different keys for one.
    folds: bool,
    /// Bytes of the largest object that fits into a statement.
    most: u64,
}

/// A database's objects.
pub(super) struct Mysql {
    url: String,
    /// Held for a look, never across an await.
    connection: RefCell<Option<Rc<Connection>>>,
    /// Nothing until it was looked at.
    known: Cell<Option<Known>>,
}

impl Mysql {
    pub(super) fn new(url: String) -> Self {
        Self { url, connection: RefCell::default(), known: Cell::default() }
    }

    /// Whether both are the same database.
    pub(super) fn is(&self, other: &Self) -> bool {
        self.url == other.url
    }

    /// Stores an object. A row that replaces chunks counts, as that of an existing client does.
    pub(super) async fn set(&self, key: &Key, data: &[u8]) -> Result<(), Fault> {
        // A server closes the connection of a statement that is too large, and says nothing.
        let Known { folds, most, .. } = self.open().await?;
        if data.len() as u64 > most {
            return Err(Fault::Large);
        }
        let values = || vec![text(key), ParameterValue::Binary(data.to_vec())];
        self.execute(&replace(1, folds), values).await
    }

    /// An object's bytes.
    pub(super) async fn get(&self, key: &Key) -> Result<Option<Bytes>, Fault> {
        let Known { chunk_tables, .. } = self.open().await?;
        let values = || (0..=usize::from(chunk_tables)).map(|_| text(key)).collect();
        let rows = self.query(&places(1, chunk_tables), values).await?;
        let mut manifest = None;
        for row in rows {
            let [name, data, write_id, chunks, size] =
                <[DbValue; 5]>::try_from(row).map_err(|_| Fault::Foreign)?;
            // A table that ignores case finds other keys, too.
            if bytes(name)?.as_deref() != Some(key.as_str().as_bytes()) {
                continue;
            }
            if let Some(data) = bytes(data)? {
                return Ok(Some(data.into()));
            }
            if let Some(write_id) = bytes(write_id)? {
                manifest = Some((write_id, number(&chunks)?, number(&size)?));
            }
        }
        match manifest {
            Some((write_id, chunks, size)) => self.whole(key, &write_id, chunks, size).await,
            None => Ok(None),
        }
    }

    /// Deletes an object.
    pub(super) async fn delete(&self, key: &Key) -> Result<(), Fault> {
        let Known { chunk_tables, .. } = self.open().await?;
        self.execute(&format!("DELETE FROM {}", rows_of(1)), || vec![text(key), text(key)]).await?;
        if chunk_tables {
            // The manifest first: chunks without one are nobody's.
            for them in [manifests_of(1), chunks_of(1)] {
                self.execute(&format!("DELETE FROM {them}"), || vec![text(key)]).await?;
            }
        }
        Ok(())
    }

    /// Reads the chunks of an object; nothing when it was replaced meanwhile.
    async fn whole(
        &self,
        key: &Key,
        write_id: &[u8],
        chunks: u64,
        size: u64,
    ) -> Result<Option<Bytes>, Fault> {
        let mut data = Vec::with_capacity(usize::try_from(size).unwrap_or_default());
        let mut next = 0;
        while next < chunks {
            let end = (next + CHUNKS_AT_ONCE).min(chunks);
            let bound = |number: u64| ParameterValue::Uint64(number);
            let of_write = || ParameterValue::Binary(write_id.to_vec());
            let values = || vec![text(key), of_write(), bound(next), bound(end)];
            for row in self.query(PIECES, values).await? {
                let [found, piece] = <[DbValue; 2]>::try_from(row).map_err(|_| Fault::Foreign)?;
                if number(&found)? != next {
                    return Ok(None);
                }
                next += 1;
                data.extend(bytes(piece)?.unwrap_or_default());
            }
            if next != end {
                return Ok(None);
            }
        }
        Ok((data.len() as u64 == size).then(|| data.into()))
    }

    /// Whether the server answers.
    pub(super) async fn ping(&self) -> Result<(), Fault> {
        self.query("SELECT 1", Vec::new).await.map(drop)
    }

    /// Looks at the server and the table once, and creates the table where there is none.
    async fn open(&self) -> Result<Known, Fault> {
        if let Some(known) = self.known.get() {
            return Ok(known);
        }
        let collations = self.words(KNOWN_COLLATIONS).await?;
        let best = best_collation(&collations);
        let mut columns = self.columns().await?;
        if columns.is_empty() {
            self.execute(&create("data_table", best), Vec::new).await?;
            columns = self.columns().await?;
        }
        let unique = self.words(UNIQUE).await?;
        let (table, _) = check(&columns, &unique, best).map_err(|_| Fault::Shape)?;
        let packet = self.number("SELECT @@max_allowed_packet").await?.unwrap_or(u64::MAX);
        let known = Known {
            folds: table.folds,
            chunk_tables: self.number(CHUNK_TABLES).await? == Some(CHUNK_TABLES_COUNT),
            most: packet.saturating_sub(PACKET_OVERHEAD),
        };
        self.known.set(Some(known));
        Ok(known)
    }

    /// The number that a statement answers with.
    async fn number(&self, sql: &str) -> Result<Option<u64>, Fault> {
        let rows = self.query(sql, Vec::new).await?;
        rows.first().and_then(|row| row.first()).map(number).transpose()
    }

    async fn columns(&self) -> Result<Vec<Column>, Fault> {
        let rows = self.query(COLUMNS, Vec::new).await?;
        let column = |row: Vec<DbValue>| {
            let [name, kind, length, collation, needed] =
                <[DbValue; 5]>::try_from(row).map_err(|_| Fault::Foreign)?;
            let length = match length {
                DbValue::DbNull => None,
                length => Some(number(&length)?),
            };
            Ok((
                word(name)?.unwrap_or_default(),
                word(kind)?.unwrap_or_default(),
                length,
                word(collation)?,
                number(&needed)? > 0,
            ))
        };
        rows.into_iter().map(column).collect()
    }

    /// The first column of an answer, as texts.
    async fn words(&self, sql: &str) -> Result<Vec<String>, Fault> {
        let rows = self.query(sql, Vec::new).await?;
        let first = |row: Vec<DbValue>| match row.into_iter().next() {
            Some(value) => word(value).map(Option::unwrap_or_default),
            None => Err(Fault::Foreign),
        };
        rows.into_iter().map(first).collect()
    }

    async fn execute(
        &self,
        sql: &str,
        values: impl Fn() -> Vec<ParameterValue>,
    ) -> Result<(), Fault> {
        self.repeated(async |connection| connection.execute(sql, values()).await).await
    }

    async fn query(
        &self,
        sql: &str,
        values: impl Fn() -> Vec<ParameterValue>,
    ) -> Result<Vec<Vec<DbValue>>, Fault> {
        let ask = async |connection: &Connection| {
            let mut result = connection.query(sql, values()).await?;
            let mut rows = Vec::new();
            while let Some(row) = result.rows().next().await {
                rows.push(row);
            }
            result.result().await?;
            Ok(rows)
        };
        self.repeated(ask).await
    }

    /// Runs a statement, and runs it again while other transactions are in its way, or once where
    /// a connection that stood idle turns out to be closed: all of ours may be run twice.
    async fn repeated<T>(
        &self,
        run: impl AsyncFn(&Connection) -> Result<T, Error>,
    ) -> Result<T, Fault> {
        let mut tries = 0;
        loop {
            tries += 1;
            let (connection, fresh) = self.connection().await?;
            let fault = match within(run(&connection)).await {
                Some(Ok(done)) => return Ok(done),
                Some(Err(error)) => fault(error),
                None => Fault::Late,
            };
            if fault.breaks() {
                self.forget(&connection);
            }
            match fault {
                Fault::Contended if tries < MAX_TRIES => {
                    spin_sdk::time::sleep(Duration::from_millis(10 << tries)).await;
                }
                Fault::Down if !fresh => {}
                fault => return Err(fault),
            }
        }
    }

    /// The connection, and whether it was opened just now.
    async fn connection(&self) -> Result<(Rc<Connection>, bool), Fault> {
        if let Some(open) = self.connection.borrow().clone() {
            return Ok((open, false));
        }
        let opened = match within(Connection::open(self.url.as_str())).await {
            Some(Ok(opened)) => Rc::new(opened),
            Some(Err(error)) => return Err(fault(error)),
            None => return Err(Fault::Late),
        };
        // Of two requests that opened one at the same time, both go on with the first.
        Ok((self.connection.borrow_mut().get_or_insert(opened).clone(), true))
    }

    fn forget(&self, broken: &Rc<Connection>) {
        let mut kept = self.connection.borrow_mut();
        if kept.as_ref().is_some_and(|kept| Rc::ptr_eq(kept, broken)) {
            *kept = None;
        }
    }
}

fn fault(error: Error) -> Fault {
    match error {
        Error::Decode(_) => Fault::Foreign,
        Error::MysqlError(MysqlError::ValueConversionFailed(_) | MysqlError::BadParameter(_)) => {
            Fault::Foreign
        }
        Error::MysqlError(
            MysqlError::ConnectionFailed(text)
            | MysqlError::QueryFailed(text)
            | MysqlError::Other(text),
        ) => Fault::of_sql(&text),
    }
}

/// A key as a value: bytes, as the node binds it.
fn text(key: &Key) -> ParameterValue {
    ParameterValue::Binary(key.as_str().as_bytes().to_vec())
}

fn bytes(value: DbValue) -> Result<Option<Vec<u8>>, Fault> {
    match value {
        DbValue::DbNull => Ok(None),
        DbValue::Binary(bytes) => Ok(Some(bytes)),
        DbValue::Str(text) => Ok(Some(text.into_bytes())),
        _ => Err(Fault::Foreign),
    }
}

fn word(value: DbValue) -> Result<Option<String>, Fault> {
    let bytes = bytes(value)?;
    bytes.map(String::from_utf8).transpose().map_err(|_| Fault::Foreign)
}

fn number(value: &DbValue) -> Result<u64, Fault> {
    let signed = |value: i64| u64::try_from(value).map_err(|_| Fault::Foreign);
    match *value {
        DbValue::Boolean(truth) => Ok(truth.into()),
        DbValue::Uint8(value) => Ok(value.into()),
        DbValue::Uint16(value) => Ok(value.into()),
        DbValue::Uint32(value) => Ok(value.into()),
        DbValue::Uint64(value) => Ok(value),
        DbValue::Int8(value) => signed(value.into()),
        DbValue::Int16(value) => signed(value.into()),
        DbValue::Int32(value) => signed(value.into()),
        DbValue::Int64(value) => signed(value),
        _ => Err(Fault::Foreign),
    }
}

impl fmt::Debug for Mysql {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The URL may hold a password.
        f.debug_struct("Mysql").field("open", &self.connection.borrow().is_some()).finish()
    }
}
