//! Redis and Valkey: the one folder that knows their client.
//!
//! [`Connection`] is what stores share, whether it is one server, a master that sentinels watch
//! or a cluster: commands of any number of tasks travel over few sockets, which are opened again
//! when they break. Below it, [`server`] is one primary and [`line`] a socket to it; [`sentinel`]
//! finds the one, [`cluster`] chooses among many. [`Discovery`] says where servers are to those who
//! connect to them on their own. [`SideKeys`] names what a queue keeps beside
//! its list, and [`Scripts`] changes list and side keys in one step.

mod address;
mod cluster;
mod connection;
mod direct;
mod discovery;
mod endpoint;
mod error;
mod health;
mod line;
mod meter;
mod rights;
mod scan;
mod scripts;
mod sentinel;
mod server;
mod settings;
mod slots;
mod socket;
mod words;

/// The client's words that stores speak to a [`Connection`] in.
pub(crate) use ::redis::{Cmd, FromRedisValue, ParsingError, Value, cmd, from_redis_value};
pub(crate) use address::{Address, is_redis};
pub(crate) use connection::Connection;
pub(crate) use direct::direct_url;
pub(crate) use discovery::Discovery;
pub(crate) use endpoint::Node;
pub(crate) use error::{Fault, failed};
pub(crate) use framedb_core::redis::queues::{QUEUES, SideKeys};
pub(crate) use line::Answer;
pub(crate) use meter::fuzz;
pub(crate) use scripts::{Call, Script, Scripts};
pub(crate) use server::Ack;
