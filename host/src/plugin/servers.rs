//! `Servers`: the connections behind labels, one for each URL, shared by all plugins of a node.

use super::caps::redis_values::MAX_ANSWER;
use crate::{
    Result,
    driver::{
        mysql::Lent,
        redis::{Address, Connection},
    },
};
use parking_lot::Mutex;
use std::{collections::HashMap, sync::Arc};

/// Connections that are made when a plugin first opens a label that leads there, and open when
/// they are first used. There are as many as URLs in the configuration.
#[derive(Debug, Default)]
pub(super) struct Servers {
    /// Held for the look at the map, as is the other one.
    redis: Mutex<HashMap<String, Arc<Connection>>>,
    mysql: Mutex<HashMap<String, Arc<Lent>>>,
}

impl Servers {
    /// The Redis at a URL.
    ///
    /// # Errors
    ///
    /// When the URL is wrong; it is not shown.
    pub(super) fn redis(&self, url: &str) -> Result<Arc<Connection>> {
        get_or_make(&self.redis, url, || Self::open_redis(url))
    }

    /// Another connection to the Redis at a URL.
    ///
    /// # Errors
    ///
    /// As [`Servers::redis`].
    pub(super) fn open_redis(url: &str) -> Result<Connection> {
        let (address, servers) = Address::parse(url)?;
        Ok(Connection::new(address, servers.bounded(MAX_ANSWER as u64), 0))
    }

    /// The database at a URL.
    ///
    /// # Errors
    ///
    /// When the URL is wrong; it is not shown.
    pub(super) fn mysql(&self, url: &str) -> Result<Arc<Lent>> {
        get_or_make(&self.mysql, url, || Lent::new(url))
    }
}

fn get_or_make<T>(
    known: &Mutex<HashMap<String, Arc<T>>>,
    url: &str,
    make: impl FnOnce() -> Result<T>,
) -> Result<Arc<T>> {
    let mut known = known.lock();
    if let Some(server) = known.get(url) {
        return Ok(server.clone());
    }
    let server = Arc::new(make()?);
    known.insert(url.to_owned(), server.clone());
    Ok(server)
}
