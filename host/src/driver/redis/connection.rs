//! `Connection`: a Redis, however many servers it is made of.

use super::{
    Address, Fault,
    address::Servers,
    cluster::Cluster,
    line::{Answer, Seek},
    scripts::Call,
    sentinel::Sentinels,
    server::{Ack, Server},
};
use crate::driver::tls;
use framedb_core::redis::slot;
use redis::{Cmd, FromRedisValue, Pipeline, Value, from_redis_value};
use std::{sync::Arc, time::Duration};

/// How long a connection may take to open, and an answer to come.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(5);

/// How long replicas may take to acknowledge a write. The answer must come within [`TIMEOUT`].
pub(crate) const REPLICA_TIMEOUT: Duration = Duration::from_secs(1);

/// A Redis: one server, the master that sentinels name, or a cluster. Stores see no difference.
#[derive(Debug)]
pub(crate) struct Connection {
    address: Address,
    topology: Topology,
}

#[derive(Debug)]
enum Topology {
    /// A server at one place, or wherever sentinels say.
    One(Arc<Server>),
    Cluster(Box<Cluster>),
}

impl Connection {
    /// A connection that opens when it is first used. Where a write asks for it, `replicas`
    /// replicas must have it.
    pub(crate) fn new(address: Address, servers: Servers, replicas: u32) -> Self {
        tls::install();
        let one = |seek| Topology::One(Arc::new(Server::new(seek, replicas)));
        let topology = match servers {
            Servers::One(endpoint) => one(Seek::Fixed(endpoint.into())),
            Servers::Sentinel { sentinels, master, login } => {
                one(Seek::Master(Arc::new(Sentinels::new(sentinels, master, login))))
            }
            Servers::Cluster { login, seeds } => {
                Topology::Cluster(Box::new(Cluster::new(login, seeds, replicas)))
            }
        };
        Self { address, topology }
    }

    /// Where it is.
    pub(crate) fn address(&self) -> &Address {
        &self.address
    }

    /// Sends commands that have a key each in one go, without making them one step; the answer
    /// of each. Those for one key keep their order.
    pub(crate) async fn send(&self, commands: Vec<Cmd>, ack: Ack) -> Result<Vec<Answer>, Fault> {
        match &self.topology {
            Topology::One(server) => {
                let mut pipeline = Pipeline::with_capacity(commands.len() + 1);
                for command in commands {
                    pipeline.add_command(command);
                }
                server.send(&mut pipeline, ack).await
            }
            Topology::Cluster(cluster) => cluster.send(commands, ack).await,
        }
    }

    /// As [`Connection::send`], for commands that change nothing: a connection that stood idle may
    /// have been closed meanwhile, so that they are sent once more where it broke.
    pub(crate) async fn read(&self, commands: Vec<Cmd>) -> Result<Vec<Answer>, Fault> {
        let answers = self.send(commands.clone(), Ack::Primary).await;
        let broke = match &answers {
            Ok(answers) => answers.iter().any(|answer| answer.as_ref().is_err_and(Fault::broke)),
            Err(fault) => fault.broke(),
        };
        if broke { self.send(commands, Ack::Primary).await } else { answers }
    }

    /// Sends one command that has a key.
    pub(crate) async fn ask<T: FromRedisValue>(&self, command: Cmd, ack: Ack) -> Result<T, Fault> {
        let mut answers = self.send(vec![command], ack).await?;
        Ok(from_redis_value(answers.pop().unwrap_or(Ok(Value::Nil))?)?)
    }

    /// Sends a command to the server that has `key`, wherever the key stands in it, or to any
    /// server where it has none; the answer.
    pub(crate) async fn ask_at(&self, key: &[u8], command: Cmd) -> Answer {
        let mut answers = match &self.topology {
            Topology::One(_) => self.send(vec![command], Ack::Primary).await?,
            Topology::Cluster(cluster) => {
                cluster.send_to(vec![(slot(key), command)], Ack::Primary).await?
            }
        };
        answers.pop().unwrap_or_else(|| Err(Fault::timeout()))
    }

    /// As [`Connection::ask_at`], on a connection that nobody else uses and that is closed
    /// afterwards. There are few of them at once.
    pub(crate) async fn ask_alone(&self, key: &[u8], command: Cmd) -> Answer {
        let mut pipeline = Pipeline::with_capacity(1);
        pipeline.add_command(command);
        match &self.topology {
            Topology::One(server) => server.send_alone(&mut pipeline).await,
            Topology::Cluster(cluster) => cluster.send_alone(slot(key), &mut pipeline).await,
        }
    }

    /// Runs a script.
    pub(crate) async fn run<T: FromRedisValue>(
        &self,
        call: &Call<'_>,
        ack: Ack,
    ) -> Result<T, Fault> {
        match self.ask(call.command(), ack).await {
            Err(fault) if fault.says("NOSCRIPT") => self.ask(call.with_source(), ack).await,
            answer => answer,
        }
    }

    /// The primaries, each with what it is called where there are several.
    pub(super) async fn primaries(&self) -> Result<Vec<(Option<String>, Arc<Server>)>, Fault> {
        match &self.topology {
            Topology::One(server) => Ok(vec![(None, server.clone())]),
            Topology::Cluster(cluster) => {
                let servers = cluster.servers().await?.into_iter();
                Ok(servers.map(|(node, s)| (Some(format!("the server {node}")), s)).collect())
            }
        }
    }

    /// Whether it is a cluster.
    pub(crate) fn is_cluster(&self) -> bool {
        matches!(self.topology, Topology::Cluster(_))
    }
}
