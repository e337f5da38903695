//! The tables for objects in chunks: numbered pieces, and a manifest for each object that names
//! the write they are of.

use super::{DEADLINE, Server};
use crate::{Error, ErrorKind, Result};
use framedb_core::sql::{CHUNK_TABLES, CHUNK_TABLES_COUNT};
use tokio::time::Instant;

/// Keys are bytes here: no collation, and no server's default, makes two of them one.
const TABLES: [&str; 2] = [
    "CREATE TABLE IF NOT EXISTS framedb_chunks (`key` VARBINARY(255) NOT NULL, \
    `write_id` BINARY(16) NOT NULL, `number` INT UNSIGNED NOT NULL, `data` LONGBLOB NOT NULL, \
    `written_at` TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, \
    PRIMARY KEY (`key`, `write_id`, `number`))",
    "CREATE TABLE IF NOT EXISTS framedb_manifests (`key` VARBINARY(255) NOT NULL PRIMARY KEY, \
    `write_id` BINARY(16) NOT NULL, `chunks` INT UNSIGNED NOT NULL, \
    `size` BIGINT UNSIGNED NOT NULL)",
];

/// Those that no transaction includes, among the tables that it should.
const WITHOUT_TRANSACTIONS: &str = "SELECT t.TABLE_NAME FROM information_schema.TABLES t \
    JOIN information_schema.ENGINES e ON e.ENGINE = t.ENGINE AND e.TRANSACTIONS = 'NO' \
    WHERE t.TABLE_SCHEMA = DATABASE() \
    AND t.TABLE_NAME IN ('data_table', 'framedb_chunks', 'framedb_manifests')";

/// Whether the database has the tables for chunks; with `create` they are made where it has not.
///
/// They are found also where no new chunks are allowed: what is in them stays readable, and a
/// write of the same key replaces it.
///
/// # Errors
///
/// When they cannot be looked at or created, or when a table takes no part in transactions, so
/// that an object could be there twice.
pub(crate) async fn chunk_tables(server: &Server, create: bool) -> Result<bool> {
    let found = server.within("look at the tables for chunks", Instant::now() + DEADLINE, async {
        let mut session = server.session().await?;
        let all = Some(CHUNK_TABLES_COUNT);
        let mut there = session.ask(CHUNK_TABLES).await?.first().copied() == all;
        if create && !there {
            for table in TABLES {
                session.query(table).await?;
            }
            there = session.ask(CHUNK_TABLES).await?.first().copied() == all;
            tracing::info!(place = server.place(), "created the tables for chunks of an instance");
        }
        let without: Vec<String> = session.ask(WITHOUT_TRANSACTIONS).await?;
        Ok((there, without))
    });
    let (there, without) = found.await?;
    match without.first() {
        Some(table) if there => {
            let message = format!(
                "cannot keep chunks at {}: the table `{table}` takes no part in transactions",
                server.place()
            );
            let hint = "convert it with `ALTER TABLE … ENGINE=InnoDB`";
            Err(Error::new(ErrorKind::Config, message).with_hint(hint))
        }
        _ => Ok(there),
    }
}
