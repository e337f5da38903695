//! `Lent`: a database whose connections are lent to plugins for a statement each.
//!
//! The pool is apart from the engines', so that plugins keep no object waiting. A connection is
//! reset when it comes back, and closed when its answer was not read to the end; the server is
//! then told to stop what it was doing. What a server
//! may be set to otherwise is set on every connection: utf8mb4, and an SQL mode in which
//! backslashes escape and no value is cut to what a column takes.

use super::{Complaint, Failure, address::Address, running::Running, session::Session};
use crate::{Error, ErrorKind, Result};
use mysql_async::{Column, Params, Pool, PoolConstraints, PoolOpts, Row, Value};
use std::{fmt, sync::Arc, time::Duration};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot},
    task::JoinHandle,
    time::{Instant, timeout_at},
};

/// Connections at once, for the plugins of a node together.
const MAX_CONNECTIONS: usize = 16;

/// How long a connection that nobody needs is kept.
const IDLE: Duration = Duration::from_secs(60);

/// Bytes of one row, and of what one statement answers.
pub(crate) const MAX_BYTES: usize = 64 << 20;

/// Rows that one statement answers.
const MAX_ROWS: usize = 1_000_000;

/// Rows that wait for a plugin to read them.
const WINDOW: usize = 16;

/// Bytes of a value beside its text: what a row of empty values takes.
const VALUE: usize = 32;

/// A database for plugins; it is connected to when it is first used.
pub(crate) struct Lent {
    address: Address,
    pool: Pool,
}

/// The rows of a statement, as they come. Dropping it ends the statement.
pub(crate) struct Rows<T> {
    pub(crate) columns: Arc<[Column]>,
    pub(crate) rows: mpsc::Receiver<Held<T>>,
    /// How reading ended; it ends early when `rows` is dropped.
    pub(crate) end: JoinHandle<std::result::Result<(), Complaint>>,
}

/// A row that waits, with the room that it takes until then.
pub(crate) struct Held<T> {
    row: T,
    _room: OwnedSemaphorePermit,
}

impl<T> Held<T> {
    /// The row; its room is free again.
    pub(crate) fn take(self) -> T {
        self.row
    }
}

/// A statement, ready to be sent.
pub(crate) struct Statement {
    pub(crate) sql: String,
    pub(crate) parameters: Vec<Value>,
    /// When it is given up.
    pub(crate) until: Instant,
    /// Bytes of rows that may wait to be taken, in all statements together that share it: at
    /// least [`MAX_BYTES`], or a large row never comes.
    pub(crate) room: Arc<Semaphore>,
}

impl Lent {
    /// A database by its URL.
    ///
    /// # Errors
    ///
    /// When the URL is wrong; it is not shown.
    pub(crate) fn new(url: &str) -> Result<Self> {
        Self::open(url, MAX_CONNECTIONS, true)
    }

    /// One connection to a database, whose session goes on from statement to statement, as the
    /// server has set it.
    ///
    /// # Errors
    ///
    /// As [`Lent::new`].
    pub(crate) fn one(url: &str) -> Result<Self> {
        Self::open(url, 1, false)
    }

    fn open(url: &str, connections: usize, reset: bool) -> Result<Self> {
        let address = Address::parse(url)?;
        let constraints = PoolConstraints::new(0, connections)
            .ok_or_else(|| Error::new(ErrorKind::Config, "cannot bound the connections"))?;
        let pool = PoolOpts::default()
            .with_constraints(constraints)
            .with_inactive_connection_ttl(IDLE)
            .with_reset_connection(reset);
        let mut options = address
            .options()
            .db_name(Some(address.database.as_str()))
            .pool_opts(pool)
            .max_allowed_packet(Some(MAX_BYTES));
        if reset {
            options = options.setup(vec![
                "SET NAMES utf8mb4",
                "SET SESSION sql_mode = \
                 'STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION'",
            ]);
        }
        Ok(Self { address, pool: Pool::new(options) })
    }

    /// Whether it can be used: the server in one phrase, for operators. The caller sets the
    /// deadline.
    ///
    /// # Errors
    ///
    /// When the server cannot be reached or refuses the login, or there is no such database.
    pub(crate) async fn look(&self) -> Result<String> {
        let failed = |cause| Failure::new("connect", &self.address, cause).error;
        let mut session = Session::new(self.pool.get_conn().await.map_err(failed)?);
        let version: Vec<String> = session.ask("SELECT VERSION()").await.map_err(failed)?;
        Ok(format!("{} at {}", version.join(""), self.address.server()))
    }

    /// Runs a statement whose rows nobody reads; `received` is told how many bytes they take.
    ///
    /// # Errors
    ///
    /// When the server refuses it, answers too much, or does not answer in time.
    pub(crate) async fn execute(
        &self,
        statement: Statement,
        mut received: impl FnMut(usize) + Send + 'static,
    ) -> std::result::Result<(), Complaint> {
        let count = move |row: Row| {
            received(weight(&row));
            Ok(())
        };
        let Rows { mut rows, end, .. } = self.query(statement, count).await?;
        while rows.recv().await.is_some() {}
        end.await.unwrap_or_else(|_| Err(Complaint::given_up()))
    }

    /// Runs a statement, and reads its rows no faster than they are taken; `convert` makes of
    /// each what is handed out.
    ///
    /// # Errors
    ///
    /// As [`Lent::execute`]. What fails later is how the rows end.
    pub(crate) async fn query<T: Send + 'static>(
        &self,
        statement: Statement,
        convert: impl FnMut(Row) -> std::result::Result<T, Complaint> + Send + 'static,
    ) -> std::result::Result<Rows<T>, Complaint> {
        let (columns, told) = oneshot::channel();
        let (sender, rows) = mpsc::channel(WINDOW);
        let pool = self.pool.clone();
        // It ends when the rows are dropped, and when its time is up at the latest.
        let end = tokio::spawn(async move {
            let until = statement.until;
            let reading = read(pool, statement, columns, &sender, convert);
            tokio::select! {
                result = timeout_at(until, reading) => result.unwrap_or(Err(Complaint::late())),
                () = sender.closed() => Ok(()),
            }
        });
        match told.await {
            Ok(columns) => Ok(Rows { columns, rows, end }),
            Err(_) => match end.await {
                Ok(Err(complaint)) => Err(complaint),
                _ => Err(Complaint::given_up()),
            },
        }
    }
}

/// Reads rows to their end, or until nobody takes them.
async fn read<T>(
    pool: Pool,
    statement: Statement,
    columns: oneshot::Sender<Arc<[Column]>>,
    rows: &mpsc::Sender<Held<T>>,
    mut convert: impl FnMut(Row) -> std::result::Result<T, Complaint>,
) -> std::result::Result<(), Complaint> {
    let Statement { sql, parameters, room, .. } = statement;
    let conn = pool.get_conn().await?;
    let running = Running::on(&conn);
    let mut session = Session::new(conn);
    let mut answer = match session.start(&sql, positional(parameters)).await {
        Ok(answer) => answer,
        Err(cause) => {
            running.ended();
            let failed = Err(cause);
            session.read::<()>(&failed);
            return Ok(failed?);
        }
    };
    if columns.send(answer.columns().unwrap_or_else(|| Vec::new().into())).is_err() {
        return Ok(());
    }
    let (mut bytes, mut number) = (0, 0);
    let read = loop {
        match answer.next().await {
            Ok(Some(row)) => {
                let weight = weight(&row);
                bytes += weight;
                number += 1;
                if bytes > MAX_BYTES || number > MAX_ROWS {
                    let what =
                        format!("the answer has more than {MAX_BYTES} bytes, or {MAX_ROWS} rows");
                    return Err(Complaint::Other(what));
                }
                let weight = u32::try_from(weight).unwrap_or(u32::MAX);
                let Ok(room) = room.clone().acquire_many_owned(weight).await else {
                    return Err(Complaint::given_up());
                };
                if rows.send(Held { row: convert(row)?, _room: room }).await.is_err() {
                    return Ok(());
                }
            }
            Ok(None) => break Ok(()),
            Err(cause) => break Err(cause),
        }
    };
    running.ended();
    drop(answer);
    session.read(&read);
    Ok(read?)
}

/// Bytes that a row takes.
pub(crate) fn weight(row: &Row) -> usize {
    let value = |index| match row.as_ref(index) {
        Some(Value::Bytes(bytes)) => bytes.len() + VALUE,
        _ => VALUE,
    };
    (0..row.len()).map(value).sum()
}

fn positional(parameters: Vec<Value>) -> Params {
    if parameters.is_empty() { Params::Empty } else { Params::Positional(parameters) }
}

impl fmt::Debug for Lent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The pool holds the password.
        f.debug_struct("Lent").field("address", &self.address).finish_non_exhaustive()
    }
}
