//! Redis and Valkey: the one folder that knows their client.
//!
//! [`Connection`] is what stores share: commands of any number of tasks travel over one socket,
//! which is opened again when it breaks. [`SideKeys`] names what a queue keeps beside its list,
//! and [`Scripts`] changes list and side keys in one step.

mod address;
mod connection;
mod error;
mod scripts;
mod side_keys;
mod slot;

/// The client's words that stores speak to a [`Connection`] in.
pub(crate) use ::redis::{
    Cmd, FromRedisValue, Pipeline, RedisError, RedisResult, Script, ScriptInvocation, Value, cmd,
    from_redis_value,
};
pub(crate) use address::Address;
pub(crate) use connection::Connection;
pub(crate) use error::failed;
pub(crate) use scripts::Scripts;
pub(crate) use side_keys::{QUEUES, SideKeys};
