//! The URL of one server, for clients that know neither sentinels nor clusters.

use super::{
    Ack, Address, Discovery, Node,
    address::{Servers, at_server},
    cluster::Cluster,
};
use crate::{Error, ErrorKind, Result, driver::tls};
use futures::future::join_all;
use redis::Pipeline;
use std::time::Duration;
use tokio::time::timeout;

/// How long servers may take to be found: who asks waits for it.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long a primary of a cluster may take to show that it is there.
const PING: Duration = Duration::from_millis(500);

/// The URL of the master that sentinels name now, or of a primary of a cluster that answers (its
/// first seed, where none does), with the login of `url`; `url` itself where it is that of one
/// server.
///
/// # Errors
///
/// When the URL cannot be read, and when the sentinels name no master in time.
pub(crate) async fn direct_url(url: &str) -> Result<String> {
    let is_one = |servers: &Servers| matches!(servers, Servers::One(_));
    let node = match Address::parse(url)? {
        (_, servers) if is_one(&servers) => return Ok(url.to_owned()),
        (_, Servers::Cluster { login, seeds }) => {
            tls::install();
            let first = seeds.first().cloned();
            primary(&Cluster::new(login, seeds, 0)).await.or(first)
        }
        (address, _) => {
            let discovery = Discovery::new(url, "the instance")?;
            let found = timeout(PATIENCE, discovery.master()).await;
            Some(found.map_err(|_| {
                let message = format!("cannot find the master in Redis at {address} in time");
                Error::new(ErrorKind::Timeout, message)
            })??)
        }
    };
    Ok(node.map_or_else(|| url.to_owned(), |node| at_server(url, &node)))
}

/// The first primary that answers.
async fn primary(cluster: &Cluster) -> Option<Node> {
    let servers = timeout(PATIENCE, cluster.servers()).await.ok()?.ok()?;
    let pinged = servers.into_iter().map(async |(node, server)| {
        let mut ping = Pipeline::with_capacity(1);
        ping.cmd("PING");
        let answered = timeout(PING, server.send(&mut ping, Ack::Primary)).await;
        answered.is_ok_and(|answer| answer.is_ok()).then_some(node)
    });
    join_all(pinged).await.into_iter().flatten().next()
}
