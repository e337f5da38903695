//! `Resolver`: the addresses of a host, of which only those come out that may be connected to.

use super::connector::BoxError;
use futures::future::BoxFuture;
use hyper_util::client::legacy::connect::dns::Name;
use std::{
    fmt,
    net::{IpAddr, SocketAddr, ToSocketAddrs as _},
    sync::Arc,
    task::{Context, Poll},
    vec::IntoIter,
};
use tokio::sync::Semaphore;
use tower::Service;

/// Lookups at once. The system's resolver holds a thread for as long as it waits, and cannot be
/// called off.
const LOOKUPS: usize = 8;

/// Decides over an address that a host turned out to have.
pub(crate) type Check = Arc<dyn Fn(IpAddr) -> Result<(), BoxError> + Send + Sync>;

/// Asks the system for the addresses of a host. What it answers is connected to as it is, and
/// not asked for again, so that a name cannot lead elsewhere after the check.
#[derive(Clone)]
pub(super) struct Resolver {
    check: Check,
    room: Arc<Semaphore>,
}

impl Resolver {
    pub(super) fn new(check: Check) -> Self {
        Self { check, room: Arc::new(Semaphore::new(LOOKUPS)) }
    }

    async fn addresses(self, name: String) -> Result<IntoIter<SocketAddr>, BoxError> {
        let room = self.room.acquire_owned().await?;
        let looked_up = tokio::task::spawn_blocking(move || {
            // Until the system has answered, whoever asked for it may be gone.
            let _room = room;
            (name.as_str(), 0).to_socket_addrs()
        });
        let found = looked_up.await?.map_err(|cause| Unresolved(Some(cause)))?;
        let (mut allowed, mut refused) = (Vec::new(), None);
        for address in found {
            match (self.check)(address.ip()) {
                Ok(()) => allowed.push(address),
                Err(refusal) => refused = Some(refusal),
            }
        }
        match (allowed.is_empty(), refused) {
            (false, _) => Ok(allowed.into_iter()),
            (true, Some(refusal)) => Err(refusal),
            (true, None) => Err(Unresolved(None).into()),
        }
    }
}

impl Service<Name> for Resolver {
    type Response = IntoIter<SocketAddr>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        Box::pin(self.clone().addresses(name.as_str().to_owned()))
    }
}

/// A host without an address.
#[derive(Debug)]
pub(super) struct Unresolved(Option<std::io::Error>);

impl fmt::Display for Unresolved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the host has no address")
    }
}

impl std::error::Error for Unresolved {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.as_ref().map(|cause| cause as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_addresses_that_passed_the_check_come_out() {
        let v4: Check = Arc::new(|address: IpAddr| match address.is_ipv4() {
            true => Ok(()),
            false => Err("an address of version 6".into()),
        });
        let found = Resolver::new(v4).addresses("localhost".into()).await.unwrap();
        assert_eq!(found.collect::<Vec<_>>(), ["127.0.0.1:0".parse().unwrap()]);
        let none: Check = Arc::new(|_| Err("an address".into()));
        let refused = Resolver::new(none).addresses("localhost".into()).await.unwrap_err();
        assert_eq!(refused.to_string(), "an address");
        let any: Check = Arc::new(|_| Ok(()));
        let unknown = Resolver::new(any).addresses("no-such-host.invalid".into()).await;
        assert!(unknown.unwrap_err().is::<Unresolved>());
    }
}
