//! `Servers`: the connections behind labels, one for each URL, shared by all plugins of a node.

use crate::{
    Result,
    driver::redis::{Address, Connection},
};
use parking_lot::Mutex;
use std::{collections::HashMap, sync::Arc};

/// Connections that are made when a plugin first uses a label that leads there, and open when
/// they are first used. There are as many as URLs in the configuration.
#[derive(Debug, Default)]
pub(super) struct Servers {
    /// Held for the look at the map.
    redis: Mutex<HashMap<String, Arc<Connection>>>,
}

impl Servers {
    /// The Redis at a URL.
    ///
    /// # Errors
    ///
    /// When the URL is wrong; it is not shown.
    pub(super) fn redis(&self, url: &str) -> Result<Arc<Connection>> {
        let mut known = self.redis.lock();
        if let Some(connection) = known.get(url) {
            return Ok(connection.clone());
        }
        let (address, servers) = Address::parse(url)?;
        let connection = Arc::new(Connection::new(address, servers, 0));
        known.insert(url.to_owned(), connection.clone());
        Ok(connection)
    }
}
