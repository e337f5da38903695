//! `Running`: a statement of a plugin on its server, which is ended there when it is given up.
//!
//! A connection that is closed tells a server nothing until it answers on it: a statement that
//! nobody waits for would go on, and with it the load that it is.

use mysql_async::{Conn, Opts, prelude::Queryable as _};
use std::time::Duration;
use tokio::time::timeout;

/// How long the server may take to be told.
const WITHIN: Duration = Duration::from_secs(5);

/// A statement that runs on a connection. Dropped before it has ended, it ends the connection at
/// the server, over another one. A user may always end its own.
pub(super) struct Running {
    opts: Opts,
    connection: u32,
    ended: bool,
}

impl Running {
    /// The statement that a connection is about to run.
    pub(super) fn on(conn: &Conn) -> Self {
        Self { opts: conn.opts().clone(), connection: conn.id(), ended: false }
    }

    /// The server has answered.
    pub(super) fn ended(mut self) {
        self.ended = true;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let (opts, connection) = (self.opts.clone(), self.connection);
        runtime.spawn(timeout(WITHIN, async move {
            let killed = async {
                let mut conn = Conn::new(opts).await?;
                conn.query_drop(format!("KILL {connection}")).await?;
                conn.disconnect().await
            };
            // It may have ended meanwhile: then there is no such connection.
            if let Err(error) = killed.await {
                tracing::debug!(%error, "a statement that was given up is not ended");
            }
        }));
    }
}
