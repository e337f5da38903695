//! Servers that speak the MySQL protocol: TiDB, MariaDB, MySQL.
//!
//! [`Server`] is a bounded pool of connections and what is known of the server; [`Table`] is the
//! table that existing clients read and write, and [`chunk_tables`] makes those beside it, for
//! objects that no row takes. [`Lent`] is a pool apart, whose connections run plugins' statements.

mod address;
mod chunk_tables;
mod complaint;
mod error;
mod lent;
mod rights;
mod running;
mod server;
mod session;
mod table;

pub(crate) use address::Address;
pub(crate) use chunk_tables::chunk_tables;
pub(crate) use complaint::Complaint;
pub(crate) use error::{Failure, Fault};
pub(crate) use framedb_core::sql::Table;
pub(crate) use lent::{Held, Lent, MAX_BYTES, Rows, Statement, weight};
pub(crate) use server::{Bound, DEADLINE, Said, Server};
pub(crate) use session::Session;
pub(crate) use table::{check_table, look_at_table, open_table};

pub(crate) use mysql_async::{
    Column, FromValueError, Params, Result as Answer, Row, Value,
    consts::{ColumnFlags, ColumnType},
    from_value_opt,
    prelude::FromValue,
};
