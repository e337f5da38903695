//! What the user of an address may do, found out without doing it.
//!
//! Lists of grants name roles, patterns and wildcards that each product reads in its own way. The
//! server itself decides here: it looks at rights before it explains a statement, or prepares
//! one, and neither runs it.

use super::{Failure, Server, server::CONNECT_WITHIN};
use crate::Result;
use framedb_core::sql::{Table, best_collation, create};
use tokio::time::Instant;

/// What a store does with each table, in one statement that changes no row if it were run: it
/// needs the rights SELECT, INSERT and DELETE.
const OBJECTS: &str = "EXPLAIN REPLACE INTO data_table (`key`, `data`) \
    SELECT `key`, `data` FROM data_table WHERE 1 = 0";
/// What it does beside that with a table that may take two keys for one: it needs UPDATE.
const FOLDED: &str = "EXPLAIN INSERT INTO data_table (`key`, `data`) \
    SELECT `key`, `data` FROM data_table AS own WHERE 1 = 0 \
    ON DUPLICATE KEY UPDATE `data` = VALUES(`data`)";
const CHUNKS: [&str; 2] = [
    "EXPLAIN REPLACE INTO framedb_chunks (`key`, `write_id`, `number`, `data`) \
    SELECT `key`, `write_id`, `number`, `data` FROM framedb_chunks WHERE 1 = 0",
    "EXPLAIN REPLACE INTO framedb_manifests (`key`, `write_id`, `chunks`, `size`) \
    SELECT `key`, `write_id`, `chunks`, `size` FROM framedb_manifests WHERE 1 = 0",
];

impl Server {
    /// Whether the user may read, write and delete objects, in chunks too if there are any.
    ///
    /// # Errors
    ///
    /// Names the rights that the user lacks, and says when the server cannot be asked. One that
    /// does not explain such statements is believed: its first write tells.
    pub(crate) async fn check_rights(&self, table: &Table, chunk_tables: bool) -> Result<()> {
        let chunks = if chunk_tables { &CHUNKS[..] } else { &[] };
        let folded = if table.folds { &[FOLDED][..] } else { &[] };
        for statement in [OBJECTS].iter().chain(folded).chain(chunks) {
            let deadline = Instant::now() + CONNECT_WITHIN;
            let explained = self.within("use `data_table`", deadline, async {
                self.session().await?.query(statement).await
            });
            believed(explained.await)?;
        }
        Ok(())
    }

    /// Whether the user may create the table of objects, and so its database.
    ///
    /// # Errors
    ///
    /// Says that the right is missing, or that the server cannot be asked.
    pub(crate) async fn check_creation(&self) -> Result<()> {
        let database = self.quoted_database();
        let table = create(&format!("{database}.data_table"), best_collation(&[]));
        let deadline = Instant::now() + CONNECT_WITHIN;
        let prepared = self.within("create `data_table`", deadline, async {
            self.session().await?.prepare(&table).await
        });
        believed(prepared.await)
    }
}

/// A server that objects to the statement, not to the user, does not read it as meant.
fn believed(asked: Result<(), Failure>) -> Result<()> {
    match asked {
        Err(failure) if failure.lacks_right() || !failure.is_answer() => Err(failure.into()),
        _ => Ok(()),
    }
}
