//! `Member`: the way to one server of a cluster.

use super::Address;
use crate::{Error, ErrorKind, Result, driver::tls};
use std::{path::Path, time::Duration};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};

/// How long a connection may take to open.
const CONNECT: Duration = Duration::from_secs(2);

/// How often an idle connection is looked at; servers end those that are looked at more than
/// every five seconds.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// How long a server may take to say that the connection is alive.
const LOOK_FOR: Duration = Duration::from_secs(3);

/// Ways to all members of a cluster; each opens when it is first used, and again when it breaks.
///
/// # Errors
///
/// When a file of TLS cannot be read or used.
pub(super) async fn members(address: &Address) -> Result<Vec<Channel>> {
    tls::install();
    let tls = match &address.tls {
        Some(files) => {
            let mut tls = ClientTlsConfig::new();
            tls = match &files.ca {
                Some(ca) => tls.ca_certificate(Certificate::from_pem(read(ca).await?)),
                None => tls.with_native_roots(),
            };
            if let (Some(cert), Some(key)) = (&files.cert, &files.key) {
                tls = tls.identity(Identity::from_pem(read(cert).await?, read(key).await?));
            }
            Some(tls)
        }
        None => None,
    };
    address.members().iter().map(|member| way_to(member, tls.clone())).collect()
}

fn way_to(member: &str, tls: Option<ClientTlsConfig>) -> Result<Channel> {
    let unusable = |cause| {
        let message = format!("cannot use the address of etcd {member}");
        Error::new(ErrorKind::Config, message).with_source(cause)
    };
    let scheme = if tls.is_some() { "https" } else { "http" };
    let mut endpoint = Endpoint::from_shared(format!("{scheme}://{member}"))
        .map_err(unusable)?
        .connect_timeout(CONNECT)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(LOOK_EVERY)
        .keep_alive_timeout(LOOK_FOR)
        .keep_alive_while_idle(true);
    if let Some(tls) = tls {
        endpoint = endpoint.tls_config(tls).map_err(unusable)?;
    }
    Ok(endpoint.connect_lazy())
}

async fn read(path: &Path) -> Result<Vec<u8>> {
    tokio::fs::read(path).await.map_err(|cause| {
        let message = format!("cannot read {} for the connection to etcd", path.display());
        Error::new(ErrorKind::Config, message).with_source(cause)
    })
}
