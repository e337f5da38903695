//! `Discovery`: where a replicated Redis is now, for those who connect to it on their own.

use super::{
    Address, Fault, Node,
    address::Servers,
    failed,
    sentinel::{Sentinels, weight},
};
use crate::{Error, ErrorKind, Result, driver::tls};
use futures::{StreamExt, stream::FuturesUnordered};

/// Asks the sentinels of one master, all at once; the first good answer counts.
#[derive(Debug)]
pub(crate) struct Discovery {
    address: Address,
    sentinels: Sentinels,
}

impl Discovery {
    /// Asks the sentinels of a `redis-sentinel://` URL; `name` is what errors call it.
    ///
    /// # Errors
    ///
    /// When the URL is of another kind, or cannot be read; shows nothing of it.
    pub(crate) fn new(url: &str, name: &str) -> Result<Self> {
        tls::install();
        match Address::parse(url).map_err(|error| error.within(name))? {
            (address, Servers::Sentinel { sentinels, master, login }) => {
                Ok(Self { address, sentinels: Sentinels::new(sentinels, master, login) })
            }
            _ => Err(Error::new(ErrorKind::Config, format!("{name} has no sentinels"))),
        }
    }

    /// Where the sentinels say that the master is (contract 6): it is neither down nor believed
    /// to be.
    ///
    /// # Errors
    ///
    /// When no sentinel answers in time, or none names a master that is up.
    pub(crate) async fn master(&self) -> Result<Node> {
        let asked = self.sentinels.asked().iter().map(|sentinel| self.sentinels.named(sentinel));
        first(asked.collect()).await.map_err(|fault| self.failed("find the master", fault))
    }

    /// Where the master is, which has itself said that it is one: during a failover sentinels
    /// name one that is not the master any more.
    ///
    /// # Errors
    ///
    /// As [`Discovery::master`], and when the server cannot be reached or is a replica.
    pub(crate) async fn verified_master(&self) -> Result<Node> {
        let found = self.sentinels.master().await;
        found.map(|(_, node)| node).map_err(|fault| self.failed("find the master", fault))
    }

    /// Where the replicas are that are neither down nor believed to be.
    ///
    /// # Errors
    ///
    /// When no sentinel answers in time, or none watches the master.
    pub(crate) async fn replicas(&self) -> Result<Vec<Node>> {
        let asked = self.sentinels.asked().iter().map(|sentinel| self.sentinels.replicas(sentinel));
        first(asked.collect()).await.map_err(|fault| self.failed("find the replicas", fault))
    }

    fn failed(&self, attempt: &str, fault: Fault) -> Error {
        let refused = fault.refuses_login();
        let error = failed(attempt, &self.address, fault);
        match refused {
            true => error.with_hint("check the password of the cluster"),
            false => error,
        }
    }
}

/// The first good answer, or the failure that tells most.
async fn first<T>(
    mut answers: FuturesUnordered<impl Future<Output = Result<T, Fault>>>,
) -> Result<T, Fault> {
    let mut worst: Option<Fault> = None;
    while let Some(answer) = answers.next().await {
        match answer {
            Ok(found) => return Ok(found),
            Err(fault) if worst.as_ref().is_none_or(|w| weight(w) < weight(&fault)) => {
                worst = Some(fault);
            }
            Err(_) => {}
        }
    }
    Err(worst.unwrap_or(Fault::NoMaster))
}
