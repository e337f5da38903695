//! `Session`: a connection for one piece of work.

use mysql_async::{BinaryProtocol, Conn, Params, QueryResult, Result, prelude::*};
use std::time::Duration;

/// How long a connection that is given up may take to say so.
const GOODBYE: Duration = Duration::from_secs(1);

/// A connection that goes back to its pool after the work, or is closed when the work was
/// given up halfway: nobody then reads the answer to what somebody else has asked.
///
/// Work leaves no state behind, so that prepared statements outlive it.
#[derive(Debug)]
pub(crate) struct Session {
    conn: Option<Conn>,
    /// Whether an answer, or the end of a transaction, is still to come.
    busy: bool,
    /// Whether a transaction is open.
    open: bool,
}

impl Session {
    pub(super) fn new(conn: Conn) -> Self {
        Self { conn: Some(conn), busy: false, open: false }
    }

    /// The rows that a prepared statement answers.
    pub(crate) async fn rows<T>(&mut self, sql: &str, params: Params) -> Result<Vec<T>>
    where
        T: FromRow + Send + 'static,
    {
        self.busy = true;
        let conn = self.conn.as_mut().ok_or(mysql_async::DriverError::ConnectionClosed)?;
        let result = conn.exec(sql, params).await;
        self.answered(&result);
        result
    }

    /// The rows that a plain statement answers: not every server prepares every question.
    pub(crate) async fn ask<T>(&mut self, sql: &str) -> Result<Vec<T>>
    where
        T: FromRow + Send + 'static,
    {
        self.busy = true;
        let conn = self.conn.as_mut().ok_or(mysql_async::DriverError::ConnectionClosed)?;
        let result = conn.query(sql).await;
        self.answered(&result);
        result
    }

    /// Runs a prepared statement; how many rows it changed.
    pub(crate) async fn execute(&mut self, sql: &str, params: Params) -> Result<u64> {
        self.busy = true;
        let conn = self.conn.as_mut().ok_or(mysql_async::DriverError::ConnectionClosed)?;
        let result = conn.exec_drop(sql, params).await;
        let changed = conn.affected_rows();
        self.answered(&result);
        result.map(|()| changed)
    }

    /// Runs a statement that cannot be prepared everywhere: a definition, or a transaction's
    /// beginning or end.
    pub(crate) async fn query(&mut self, sql: &str) -> Result<()> {
        self.busy = true;
        let conn = self.conn.as_mut().ok_or(mysql_async::DriverError::ConnectionClosed)?;
        let result = conn.query_drop(sql).await;
        self.answered(&result);
        result
    }

    /// Prepares a statement and forgets it, so that the server has looked at it without running it.
    pub(crate) async fn prepare(&mut self, sql: &str) -> Result<()> {
        self.busy = true;
        let conn = self.conn.as_mut().ok_or(mysql_async::DriverError::ConnectionClosed)?;
        let result = match conn.prep(sql).await {
            Ok(statement) => conn.close(statement).await,
            Err(error) => Err(error),
        };
        self.answered(&result);
        result
    }

    /// Begins to read what a prepared statement answers. Until [`Session::read`] says that it was
    /// read to its end, the connection is closed rather than given back.
    pub(super) async fn start(
        &mut self,
        sql: &str,
        params: Params,
    ) -> Result<QueryResult<'_, 'static, BinaryProtocol>> {
        self.busy = true;
        let conn = self.conn.as_mut().ok_or(mysql_async::DriverError::ConnectionClosed)?;
        conn.exec_iter(sql, params).await
    }

    /// How reading ended that [`Session::start`] began.
    pub(super) fn read<T>(&mut self, result: &Result<T>) {
        self.answered(result);
    }

    /// Begins a transaction, which ends with [`Session::commit`] or with the connection.
    pub(crate) async fn begin(&mut self) -> Result<()> {
        self.open = true;
        self.query("START TRANSACTION").await
    }

    /// Ends a transaction for good.
    pub(crate) async fn commit(&mut self) -> Result<()> {
        self.query("COMMIT").await?;
        self.open = false;
        Ok(())
    }

    /// A refusal is an answer too.
    fn answered<T>(&mut self, result: &Result<T>) {
        self.busy = !matches!(result, Ok(_) | Err(mysql_async::Error::Server(_)));
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let Some(conn) = self.conn.take() else { return };
        if !self.busy && !self.open {
            return;
        }
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(tokio::time::timeout(GOODBYE, conn.disconnect()));
        }
    }
}
