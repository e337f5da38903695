//! `resolve-redis-table`: places objects by a table of routes that is kept in Redis.

mod cache;
mod fields;
mod plugin;
mod route;

pub use plugin::{RedisTable, Settings};

framedb_plugin::export!(resolve: RedisTable);
