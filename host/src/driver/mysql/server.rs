//! `Server`: a bounded pool of connections, and what is known of the server behind it.

use super::{address::Address, error::Failure, session::Session};
use crate::{Error, ErrorKind, Result};
use framedb_core::sql::Table;
use mysql_async::{Pool, PoolConstraints, PoolOpts};
use std::{fmt, future::Future, time::Duration};
use tokio::time::Instant;

/// How long one piece of work may take, connecting included.
pub(crate) const DEADLINE: Duration = Duration::from_secs(10);

/// How long the server may take to be reached.
pub(super) const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// Connections at once: enough for the groups under way and for readers beside them, and few
/// enough for servers with the usual 151 for everybody.
const MAX_CONNECTIONS: usize = 16;

/// Prepared statements that a connection remembers: groups come in many sizes.
const STATEMENTS: usize = 64;

/// What TiDB takes in one row unless it is configured otherwise.
const TIDB_ENTRY: u64 = 6 << 20;

/// The error of a database that does not exist.
const UNKNOWN_DATABASE: u16 = 1049;

/// What a packet needs beside the values in it.
const PACKET_OVERHEAD: u64 = 4 << 10;

/// Bytes that something on the way of a value takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bound {
    pub(crate) bytes: u64,
    /// What bounds it, for messages.
    pub(crate) name: &'static str,
    /// What to do about it.
    pub(crate) hint: &'static str,
}

/// What connections lead to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum To {
    /// The server, while there is no database.
    Server,
    /// The database, which takes values as text in UTF-8.
    Database,
    /// The database, which takes values as bytes.
    Bytes,
}

/// What an operator says of a server's limits; what is not said is asked of the server.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Said {
    /// Bytes of a statement.
    pub(crate) max_packet: Option<u64>,
    /// Bytes of a row.
    pub(crate) max_entry: Option<u64>,
}

/// A database on a server.
pub(crate) struct Server {
    address: Address,
    pool: Pool,
    product: String,
    /// What the values of one statement may have.
    pub(crate) statement: Bound,
    /// What one row may have, where that is bounded.
    pub(crate) row: Option<Bound>,
}

impl Server {
    /// Connects to the database that a URL names, and creates it if there is none.
    ///
    /// # Errors
    ///
    /// When the URL is wrong, the server cannot be reached, or the user may not use it.
    pub(crate) async fn connect(url: &str, said: Said) -> Result<Self> {
        let (mut server, there) = Self::look(url, said).await?;
        if !there {
            server.create_database().await?;
        }
        Ok(server)
    }

    /// Connects to the database that a URL names, or only to its server where there is none, and
    /// makes nothing; whether there is one.
    ///
    /// # Errors
    ///
    /// As [`Server::connect`].
    pub(crate) async fn look(url: &str, said: Said) -> Result<(Self, bool)> {
        let address = Address::parse(url)?;
        let deadline = Instant::now() + CONNECT_WITHIN;
        let mut server = Self {
            pool: pool(&address, To::Database)?,
            address,
            product: String::new(),
            statement: Bound { bytes: 0, name: "the server", hint: "" },
            row: None,
        };
        match server.learn(said, deadline).await {
            Err(failure) if failure.code == Some(UNKNOWN_DATABASE) => {
                server.pool = pool(&server.address, To::Server)?;
                server.learn(said, deadline).await?;
                Ok((server, false))
            }
            result => result.map(|()| (server, true)).map_err(Error::from),
        }
    }

    /// Reads what the server is and takes.
    async fn learn(&mut self, said: Said, deadline: Instant) -> Result<(), Failure> {
        let asked = self.within("connect", deadline, async {
            let mut session = self.session().await?;
            let sql = "SELECT VERSION(), @@max_allowed_packet";
            let facts: Vec<(String, u64)> = session.ask(sql).await?;
            let (version, packet) = facts.into_iter().next().unwrap_or_default();
            let mut entry = None;
            if version.contains("TiDB") {
                let sql = "SHOW VARIABLES LIKE 'tidb_txn_entry_size_limit'";
                let found: Vec<(String, String)> = session.ask(sql).await?;
                let set = found.first().and_then(|(_, value)| value.parse().ok());
                // Nothing, or nought, stands for what the server's file says, or its default.
                entry = Some(set.filter(|bytes| *bytes > 0).unwrap_or(TIDB_ENTRY));
            }
            Ok((version, packet, entry))
        });
        let (version, packet, entry) = asked.await.map_err(Failure::silent)?;
        self.product = product(&version);
        let bound = |bytes: u64, name, hint| Bound {
            bytes: bytes.saturating_sub(PACKET_OVERHEAD),
            name,
            hint,
        };
        // A server closes the connection of a statement that is larger than it takes.
        if let Some(more) = said.max_packet.filter(|bytes| *bytes > packet) {
            tracing::warn!(
                place = self.place(),
                max_packet = more,
                max_allowed_packet = packet,
                "an instance's `max-packet` is more than the server takes, and does not count"
            );
        }
        self.statement = match said.max_packet.filter(|bytes| *bytes <= packet) {
            Some(bytes) => bound(bytes, "the instance's `max-packet`", "raise `max-packet`"),
            None => {
                bound(packet, "the server's `max_allowed_packet`", "raise `max_allowed_packet`")
            }
        };
        self.row = match (said.max_entry, entry) {
            (Some(bytes), _) => {
                Some(bound(bytes, "the instance's `max-entry`", "raise `max-entry`"))
            }
            (None, Some(bytes)) => {
                Some(bound(bytes, "TiDB's `txn-entry-size-limit`", "raise `txn-entry-size-limit`"))
            }
            (None, None) => None,
        };
        Ok(())
    }

    /// Whether a statement that a connection ended under is larger than the server takes by now.
    pub(crate) async fn outgrows(&self, bytes: u64, deadline: Instant) -> bool {
        let asked = self.within("ask for a limit", deadline, async {
            self.session().await?.ask::<u64>("SELECT @@GLOBAL.max_allowed_packet").await
        });
        let most = asked.await.ok().and_then(|found| found.first().copied());
        most.is_some_and(|most| bytes > most)
    }

    /// The failure of work, say `write objects`, that is larger than the server takes.
    pub(crate) fn too_large(&self, work: &str) -> Failure {
        Failure::too_large(work, &self.address)
    }

    /// Creates the database of an address whose pool leads to none yet.
    async fn create_database(&mut self) -> Result<(), Failure> {
        let deadline = Instant::now() + CONNECT_WITHIN;
        let created = self.within("create the database", deadline, async {
            let sql = format!("CREATE DATABASE IF NOT EXISTS {}", self.quoted_database());
            self.session().await?.query(&sql).await
        });
        created.await?;
        tracing::info!(place = self.place(), "created the database of an instance");
        self.pool = pool(&self.address, To::Database)?;
        Ok(())
    }

    /// Has values travel as bytes, which the server keeps as they are. As text, each would be
    /// looked through for characters: a third of what a group of rows of 1 KiB costs a server.
    pub(crate) fn send_bytes(&mut self) -> Result<()> {
        self.pool = pool(&self.address, To::Bytes)?;
        Ok(())
    }

    /// The database's name as statements have it.
    pub(super) fn quoted_database(&self) -> String {
        format!("`{}`", self.address.database.replace('`', "``"))
    }

    /// A connection from the pool, which may first wait for one to come back.
    pub(crate) async fn session(&self) -> mysql_async::Result<Session> {
        self.pool.get_conn().await.map(Session::new)
    }

    /// A connection for work, say `write objects`, which without one has not begun: the failure
    /// says that nothing was changed.
    pub(crate) async fn session_for(
        &self,
        work: &str,
        deadline: Instant,
    ) -> Result<Session, Failure> {
        let deadline = deadline.min(Instant::now() + CONNECT_WITHIN);
        self.within(work, deadline, self.session()).await.map_err(Failure::untouched)
    }

    /// Runs work, say `write objects`, until a deadline.
    pub(crate) async fn within<T>(
        &self,
        work: &str,
        deadline: Instant,
        run: impl Future<Output = mysql_async::Result<T>> + Send,
    ) -> Result<T, Failure> {
        match tokio::time::timeout_at(deadline, run).await {
            Ok(result) => result.map_err(|cause| Failure::new(work, &self.address, cause)),
            Err(_) => Err(Failure::late(work, &self.address)),
        }
    }

    /// Whether the server answers, takes writes, and lets the user do what a store does.
    pub(crate) async fn health(&self, table: &Table, chunk_tables: bool) -> Result<()> {
        let deadline = Instant::now() + CONNECT_WITHIN;
        let asked = self.within("ask for read-only variables", deadline, async {
            let sql = "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('read_only', \
                'super_read_only', 'tidb_super_read_only', 'tidb_restricted_read_only')";
            self.session().await?.ask::<(String, String)>(sql).await
        });
        let variables = asked.await?;
        match variables.iter().find(|(_, value)| value.eq_ignore_ascii_case("on") || value == "1") {
            Some((name, _)) => {
                let message = format!("{} is read-only: `{name}` is on", self.address.server());
                Err(Error::new(ErrorKind::Unavailable, message))
            }
            None => self.check_rights(table, chunk_tables).await,
        }
    }

    /// The server in one phrase.
    pub(crate) fn describe(&self) -> String {
        format!("MySQL protocol at {} ({})", self.address, self.product)
    }

    /// The database's address, for messages.
    pub(crate) fn place(&self) -> String {
        self.address.to_string()
    }

    /// The database's name, for messages.
    pub(crate) fn database(&self) -> &str {
        &self.address.database
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The pool holds the password.
        let Self { address, pool: _, product, statement, row } = self;
        f.debug_struct("Server")
            .field("address", address)
            .field("product", product)
            .field("statement", statement)
            .field("row", row)
            .finish_non_exhaustive()
    }
}

fn pool(address: &Address, to: To) -> Result<Pool> {
    let (min, max) = if to == To::Server { (0, 1) } else { (1, MAX_CONNECTIONS) };
    let constraints = PoolConstraints::new(min, max)
        .ok_or_else(|| Error::new(ErrorKind::Config, "cannot bound the connections"))?;
    // Statements commit by themselves and set nothing, and a connection whose work was given up
    // is closed: there is nothing to reset, and prepared statements may stay.
    let options = PoolOpts::default().with_constraints(constraints).with_reset_connection(false);
    let database = (to != To::Server).then_some(address.database.as_str());
    // Elsewhere than in this mode a server may cut values to what a column takes.
    // Nor would it end the statement that finds another key in its place.
    let mut setup = vec![
        "SET SESSION sql_mode = \
         CONCAT(@@sql_mode, ',STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO')",
    ];
    if to == To::Bytes {
        setup.push("SET NAMES binary");
    }
    let options = address
        .options()
        .db_name(database)
        .pool_opts(options)
        .stmt_cache_size(STATEMENTS)
        .setup(setup);
    Ok(Pool::new(options))
}

/// The product and its version, as in `MariaDB 10.11`.
fn product(version: &str) -> String {
    let (name, number) = match version.split_once("-TiDB-v") {
        Some((_, number)) => ("TiDB", number),
        None if version.contains("MariaDB") => {
            ("MariaDB", version.strip_prefix("5.5.5-").unwrap_or(version))
        }
        None => ("MySQL", version),
    };
    let number: Vec<&str> = number.split(|c: char| !c.is_ascii_digit()).take(2).collect();
    format!("{name} {}", number.join("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_are_told_by_their_versions() {
        assert_eq!(product("10.11.14-MariaDB-0+deb12u2"), "MariaDB 10.11");
        assert_eq!(product("5.5.5-10.4.2-MariaDB-log"), "MariaDB 10.4");
        assert_eq!(product("8.0.11-TiDB-v7.5.1"), "TiDB 7.5");
        assert_eq!(product("8.4.0"), "MySQL 8.4");
    }
}
