//! Doors: arrivals become objects, receipts become replies.
//!
//! A door takes a permit before it reads a payload, hands the object to the ingress, and turns
//! the receipt into its protocol's reply. Doors are bound all together or not at all.

pub(crate) mod grpc;
pub(crate) mod http;
mod node_file;
mod serve;
mod spin;

pub use http::{AdminDoor, ServicesConfig};
pub(crate) use node_file::NodeFile;
pub use spin::SpinDoor;

use crate::{Error, ErrorKind, Result, node::Node};
use serve::Http;
use std::{io, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

/// The open doors of a node.
#[derive(Debug)]
pub(crate) struct Doors {
    closing: CancellationToken,
    serving: Vec<JoinHandle<()>>,
    file: NodeFile,
    grpc: Option<SocketAddr>,
    http: Option<SocketAddr>,
}

impl Doors {
    /// Binds every door that the configuration names, and the admin door on a free loopback
    /// port, and begins to serve.
    pub(crate) async fn open(node: &Arc<Node>) -> Result<Self> {
        let config = &node.config;
        let grpc = bind("grpc", "grpc", config.grpc.0).await?;
        let http = bind("http", "http", config.http.0).await?;
        let admin = bind("admin", "admin", Some(SocketAddr::from(([127, 0, 0, 1], 0)))).await?;
        let (closing, mut serving) = (CancellationToken::new(), Vec::new());
        let address = |door: &Option<TcpListener>| door.as_ref().and_then(|l| l.local_addr().ok());
        let (grpc_address, http_address) = (address(&grpc), address(&http));
        let file = NodeFile::new(address(&admin), grpc_address, http_address);
        if let Some(listener) = grpc {
            serving.push(tokio::spawn(grpc::serve(node.clone(), listener, closing.clone())));
        }
        if let Some(listener) = http {
            let door = Http::new(http::router(node.clone()));
            serving.push(tokio::spawn(door.serve(listener, closing.clone())));
        }
        if let Some(listener) = admin {
            let door = Http::new(http::admin_router(node.clone(), Some(file.token())));
            serving.push(tokio::spawn(door.serve(listener, closing.clone())));
        }
        file.write(&config.data_dir)?;
        Ok(Self { closing, serving, file, grpc: grpc_address, http: http_address })
    }

    /// Where the doors are: gRPC and HTTP.
    pub(crate) fn addresses(&self) -> (Option<SocketAddr>, Option<SocketAddr>) {
        (self.grpc, self.http)
    }

    /// Closes the doors: nothing new is accepted, and calls under way are answered, within
    /// `grace`.
    pub(crate) async fn close(self, node: &Node, grace: Duration) {
        self.file.remove(&node.config.data_dir);
        self.closing.cancel();
        let all = futures::future::join_all(self.serving);
        if tokio::time::timeout(grace, all).await.is_err() {
            tracing::warn!("the grace period ended before every call was answered");
        }
    }
}

/// `option` of the command line says where; the door is called `door`.
async fn bind(
    door: &str,
    option: &str,
    address: Option<SocketAddr>,
) -> Result<Option<TcpListener>> {
    let Some(address) = address else { return Ok(None) };
    match TcpListener::bind(address).await {
        Ok(listener) => Ok(Some(listener)),
        Err(source) => {
            let error = match source.kind() {
                io::ErrorKind::AddrInUse => Error::new(
                    ErrorKind::Conflict,
                    format!("cannot open the {door} door: the address {address} is in use"),
                )
                .with_hint(format!("stop what listens there, or choose another with --{option}")),
                _ => Error::new(
                    ErrorKind::Config,
                    format!("cannot open the {door} door on {address}"),
                )
                .with_hint(format!("choose another address with --{option}")),
            };
            Err(error.with_source(source))
        }
    }
}
