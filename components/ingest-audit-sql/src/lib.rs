//! `ingest-audit-sql`: writes a row for every object into a table of a database.

mod plugin;
mod statement;

pub use plugin::{AuditSql, Settings};

framedb_plugin::export!(ingest: AuditSql);
