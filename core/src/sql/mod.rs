//! The database of `storage` objects as the node and the Spin worker speak to it: the table that
//! existing clients read, and the tables for what no row takes.
//!
//! Values are always bound; nothing that a sender says becomes part of a statement.

mod statements;
mod table;

pub use statements::{
    CHUNK_TABLES, CHUNK_TABLES_COUNT, PIECES, chunks_of, manifests_of, marks, places, replace,
    rows_of,
};
pub use table::{
    COLUMNS, Column, KNOWN_COLLATIONS, OTHERS, Table, UNIQUE, best_collation, check, create,
};
