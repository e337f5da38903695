//! `Proxy`: a way to a server that can be cut.

use std::net::SocketAddr;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};

/// Forwards connections to a server until it is cut.
pub(crate) struct Proxy {
    address: SocketAddr,
    open: watch::Sender<bool>,
    /// How many connections there are.
    connections: watch::Receiver<usize>,
    _task: tokio::task::JoinHandle<()>,
}

impl Proxy {
    pub(crate) async fn start(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (open, mut is_open) = watch::channel(true);
        let (count, connections) = watch::channel(0);
        let task = tokio::spawn(async move {
            let mut forwarded = JoinSet::new();
            loop {
                count.send_replace(forwarded.len());
                tokio::select! {
                    changed = is_open.changed() => {
                        if changed.is_err() {
                            return;
                        }
                        if !*is_open.borrow() {
                            forwarded.shutdown().await;
                        }
                    }
                    accepted = listener.accept() => {
                        let (mut client, _) = accepted.unwrap();
                        if *is_open.borrow() {
                            forwarded.spawn(async move {
                                if let Ok(mut server) = TcpStream::connect(server).await {
                                    let _ = copy_bidirectional(&mut client, &mut server).await;
                                }
                            });
                        }
                    }
                    Some(_) = forwarded.join_next() => {}
                }
            }
        });
        Self { address, open, connections, _task: task }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends every connection, and takes no other.
    pub(crate) async fn cut(&mut self) {
        self.open.send_replace(false);
        self.connections.wait_for(|connections| *connections == 0).await.unwrap();
    }

    /// Takes connections again.
    pub(crate) fn heal(&self) {
        self.open.send_replace(true);
    }
}
