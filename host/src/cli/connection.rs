//! `Connection`: the running node, or the data directory opened for one command.

use super::{node_args::NodeArgs, output};
use anyhow::Result;
use axum::{
    body::Body,
    http::{Request, Response},
};
use framedb_host::{AdminDoor, Config, Error, ErrorKind, Worker};
use std::time::Duration;

/// How long a command waits for what it wrote when it opened the directory itself.
const GRACE: Duration = Duration::from_secs(30);

/// A node that takes a command's requests.
#[derive(Debug)]
pub(super) struct Connection {
    door: AdminDoor,
    opened: Option<Worker>,
}

impl Connection {
    /// Connects, and says to whom.
    pub(super) async fn open(node: &NodeArgs) -> Result<Self> {
        Self::open_with(node, |_| Ok(())).await
    }

    /// As [`Connection::open`]; where no node runs, `alone` has the configuration first.
    pub(super) async fn open_with(
        node: &NodeArgs,
        alone: impl FnOnce(&mut Config) -> Result<()>,
    ) -> Result<Self> {
        let mut config = node.config()?;
        let data_dir = config.data_dir.clone();
        if let Some(door) = AdminDoor::of_running(&data_dir).await {
            let pid = door.running_pid().unwrap_or_default();
            output::note(&format!("via the running node (pid {pid})"));
            return Ok(Self { door, opened: None });
        }
        alone(&mut config)?;
        // Only a node makes a directory: the one that is meant may be elsewhere.
        if !data_dir.is_dir() {
            let path = data_dir.display();
            let message = format!("no node is running, and there is no data directory {path}");
            return Err(Error::new(ErrorKind::NotFound, message)
                .with_hint("start a node with `framedb serve`, or name its --data-dir")
                .into());
        }
        let built = Worker::builder().config(config).without_network().build().await;
        let worker = built.map_err(|error| match error.kind() {
            ErrorKind::Conflict => {
                Error::new(ErrorKind::Conflict, format!("{error}, and no node answers for it"))
                    .with_hint("a node that is just starting answers soon; try again")
            }
            _ => error,
        })?;
        output::note(&format!("no node is running; opened {} itself", data_dir.display()));
        Ok(Self { door: AdminDoor::of_opened(&worker), opened: Some(worker) })
    }

    /// Sends a request whose URI is a path with a query.
    pub(super) async fn send(&self, request: Request<Body>) -> Result<Response<Body>> {
        Ok(self.door.send(request).await?)
    }

    /// Finishes what was begun.
    pub(super) async fn close(self) {
        if let Some(worker) = self.opened {
            worker.drain(GRACE).await;
        }
    }
}
