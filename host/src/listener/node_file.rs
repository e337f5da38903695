//! `NodeFile`: how commands find the running node.
//!
//! A node writes `node.json` into its data directory when its doors are open: where its admin
//! door is, and the token that opens it. Only the user of the node can read it.

use crate::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};
use std::{
    fmt, io,
    net::SocketAddr,
    path::{Path, PathBuf},
};

const NAME: &str = "node.json";

/// What a running node says of itself to commands on the same machine.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct NodeFile {
    /// Its process.
    pub(crate) pid: u32,
    /// Its admin door.
    pub(crate) admin: Option<SocketAddr>,
    /// Its gRPC door.
    pub(crate) grpc: Option<SocketAddr>,
    /// Its HTTP door.
    pub(crate) http: Option<SocketAddr>,
    token: String,
}

impl NodeFile {
    /// This process's, with a token of its own.
    pub(crate) fn new(
        admin: Option<SocketAddr>,
        grpc: Option<SocketAddr>,
        http: Option<SocketAddr>,
    ) -> Self {
        let token = uuid::Uuid::new_v4().simple().to_string();
        Self { pid: std::process::id(), admin, grpc, http, token }
    }

    /// What opens the admin door.
    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    /// Writes the file, readable by this user alone.
    pub(crate) fn write(&self, data_dir: &Path) -> Result<()> {
        let path = path(data_dir);
        let failed = |source: io::Error| {
            let message = format!("cannot write {}", path.display());
            Error::new(ErrorKind::Unavailable, message).with_source(source)
        };
        let text = serde_json::to_vec_pretty(self).map_err(|error| failed(error.into()))?;
        // A temporary file is made with mode 0600.
        let mut file = tempfile::NamedTempFile::new_in(data_dir).map_err(failed)?;
        io::Write::write_all(&mut file, &text).map_err(failed)?;
        file.persist(&path).map_err(|error| failed(error.error))?;
        Ok(())
    }

    /// Reads the file; `None` when no node wrote one, or what it wrote was cut off.
    pub(crate) fn read(data_dir: &Path) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(path(data_dir)).ok()?).ok()
    }

    /// Removes the file, if it is still this process's.
    pub(crate) fn remove(&self, data_dir: &Path) {
        if Self::read(data_dir).is_some_and(|file| file.token == self.token) {
            let _ = std::fs::remove_file(path(data_dir));
        }
    }
}

impl fmt::Debug for NodeFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { pid, admin, grpc, http, token: _ } = self;
        f.debug_struct("NodeFile")
            .field("pid", pid)
            .field("admin", admin)
            .field("grpc", grpc)
            .field("http", http)
            .finish_non_exhaustive()
    }
}

fn path(data_dir: &Path) -> PathBuf {
    data_dir.join(NAME)
}
