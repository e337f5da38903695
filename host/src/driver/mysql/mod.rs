//! Servers that speak the MySQL protocol: TiDB, MariaDB, MySQL.
//!
//! [`Server`] is a bounded pool of connections and what is known of the server; [`Table`] is the
//! table that existing clients read and write.

mod address;
mod error;
mod server;
mod session;
mod table;

pub(crate) use error::{Failure, Fault};
pub(crate) use server::{DEADLINE, Server};
pub(crate) use table::Table;

pub(crate) use mysql_async::{Params, Value};
