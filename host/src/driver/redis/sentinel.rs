//! `Sentinels`: who says which server is the master now.
//!
//! As existing clients do (contract 6), it asks for all masters and takes the one of the name
//! that is neither down nor believed to be. The server itself must then agree: during a failover
//! sentinels name one that is not the master yet, or not any more.

use super::{
    Fault,
    endpoint::{Endpoint, Node},
    socket::Socket,
};
use futures::{StreamExt, stream::FuturesUnordered};
use redis::{RedisError, RedisResult, Role, cmd};
use std::collections::HashMap;

/// The sentinels of one master.
#[derive(Debug)]
pub(super) struct Sentinels {
    asked: Vec<Endpoint>,
    master: String,
    /// What opens the master, wherever it is.
    login: Endpoint,
}

impl Sentinels {
    pub(super) fn new(asked: Vec<Endpoint>, master: String, login: Endpoint) -> Self {
        Self { asked, master, login }
    }

    /// A connection to the master, and where it is.
    ///
    /// All sentinels are asked at once, and the first good answer is taken: one that hangs costs
    /// nothing while another answers.
    pub(super) async fn master(&self) -> Result<(Socket, Node), Fault> {
        let ask = |sentinel| self.named(sentinel);
        let mut answers: FuturesUnordered<_> = self.asked.iter().map(ask).collect();
        let mut tried: Vec<Node> = Vec::new();
        let mut worst: Option<Fault> = None;
        while let Some(answer) = answers.next().await {
            let found = match answer {
                // What failed at one place fails there again.
                Ok(node) if tried.contains(&node) => continue,
                Ok(node) => {
                    tried.push(node.clone());
                    self.verified(&node).await
                }
                Err(fault) => Err(fault),
            };
            match found {
                Ok(found) => return Ok(found),
                Err(fault) if worst.as_ref().is_none_or(|w| weight(w) < weight(&fault)) => {
                    worst = Some(fault);
                }
                Err(_) => {}
            }
        }
        Err(worst.unwrap_or(Fault::NoMaster))
    }

    /// Where a sentinel says that the master is.
    pub(super) async fn named(&self, sentinel: &Endpoint) -> Result<Node, Fault> {
        let (_, master) = self.ask(sentinel).await?;
        node(&master, "master").ok_or(Fault::NoMaster)
    }

    /// The replicas that a sentinel finds up.
    pub(super) async fn replicas(&self, sentinel: &Endpoint) -> Result<Vec<Node>, Fault> {
        let (mut socket, _) = self.ask(sentinel).await?;
        let mut question = cmd("SENTINEL");
        question.arg("SLAVES").arg(&self.master);
        let answer: RedisResult<Vec<Known>> = question.query_async(&mut socket.connection).await;
        let replicas =
            answer.map_err(|cause| Fault::from(cause).at(&format!("the sentinel {sentinel}")))?;
        Ok(replicas.iter().filter_map(|replica| node(replica, "slave")).collect())
    }

    /// The sentinels.
    pub(super) fn asked(&self) -> &[Endpoint] {
        &self.asked
    }

    /// A connection to a sentinel, and what it knows of the master.
    async fn ask(&self, sentinel: &Endpoint) -> Result<(Socket, Known), Fault> {
        let place = format!("the sentinel {sentinel}");
        let masters = match self.masters(sentinel).await {
            // The password is the sentinel's too, unless that has none: then it knows no login.
            Err(fault) if login_refused(&fault) => match sentinel.anonymous() {
                Some(anonymous) => match self.masters(&anonymous).await {
                    Err(again) if again.refuses_login() => return Err(fault.at(&place)),
                    masters => masters,
                },
                None => return Err(fault.at(&place)),
            },
            masters => masters,
        };
        let (socket, mut masters) = masters.map_err(|fault| match fault {
            Fault::Server { cause, .. } if cause.is_io_error() => Fault::NoSentinel(cause),
            other => other.at(&place),
        })?;
        let name = |master: &Known| master.get("name").cloned();
        match masters.iter().position(|master| name(master).as_ref() == Some(&self.master)) {
            Some(position) => Ok((socket, masters.swap_remove(position))),
            None => Err(Fault::UnknownMaster { known: masters.iter().filter_map(name).collect() }),
        }
    }

    async fn masters(&self, sentinel: &Endpoint) -> Result<(Socket, Vec<Known>), Fault> {
        let mut socket = sentinel.connect().await?;
        let masters = cmd("SENTINEL").arg("MASTERS").query_async(&mut socket.connection).await?;
        Ok((socket, masters))
    }

    /// A connection to the server, if it says that it is the master. A server that does not let
    /// us ask is believed: it refuses the first write if it is none.
    async fn verified(&self, node: &Node) -> Result<(Socket, Node), Fault> {
        let place = format!("the server {node}");
        let located = |cause: RedisError| Fault::from(cause).at(&place);
        let mut socket = self.login.at(node).connect().await.map_err(located)?;
        match cmd("ROLE").query_async::<Role>(&mut socket.connection).await {
            Ok(Role::Primary { .. }) => Ok((socket, node.clone())),
            Ok(_) => Err(Fault::NotMaster(node.to_string())),
            Err(cause) if cause.code() == Some("NOPERM") => Ok((socket, node.clone())),
            Err(cause) => Err(located(cause)),
        }
    }
}

/// What a sentinel knows of a server.
type Known = HashMap<String, String>;

/// Where a server of this role is that is up, as far as the sentinel knows.
fn node(server: &Known, role: &str) -> Option<Node> {
    let mut flags = server.get("flags")?.split(',');
    let up = flags.clone().any(|flag| flag == role)
        && !flags.any(|flag| matches!(flag, "s_down" | "o_down"));
    let (host, port) = (server.get("ip")?.clone(), server.get("port")?.parse().ok()?);
    up.then_some(Node { host, port })
}

/// A sentinel without a password says so in words, and one without users that the user is wrong.
fn login_refused(fault: &Fault) -> bool {
    fault.refuses_login() || fault.says("without any password configured")
}

/// Which of several faults tells most: what a server says before what a sentinel says, and both
/// before silence.
pub(super) fn weight(fault: &Fault) -> u8 {
    match fault {
        Fault::NoSentinel(_) => 0,
        Fault::NoMaster => 1,
        Fault::Server { cause, .. } if cause.is_io_error() => 2,
        Fault::UnknownMaster { .. } => 3,
        Fault::NotMaster(_) => 4,
        _ => 5,
    }
}
