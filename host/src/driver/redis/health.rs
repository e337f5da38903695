//! Health: whether every server answers, takes writes, and has the replicas that writes need.

use super::{Ack, Connection, Fault, failed};
use crate::{Error, ErrorKind, Result};
use redis::{Pipeline, cmd, from_redis_value};

/// What was attempted, as errors say it.
const ATTEMPT: &str = "answer for the instance";

impl Connection {
    /// Whether a server answers this user.
    ///
    /// # Errors
    ///
    /// When none does.
    pub(crate) async fn ping(&self) -> Result<()> {
        let answer: Result<String, Fault> = self.ask(cmd("PING"), Ack::Primary).await;
        answer.map(drop).map_err(|fault| failed(ATTEMPT, self.address(), fault))
    }

    /// Whether writes can succeed now.
    ///
    /// # Errors
    ///
    /// When a server does not answer, is a read-only replica or has fewer replicas than writes
    /// wait for, and when a cluster says that it is down.
    pub(crate) async fn health(&self) -> Result<()> {
        let wrong = |fault| failed(ATTEMPT, self.address(), fault);
        for (name, server) in self.primaries().await.map_err(wrong)? {
            let located = |fault: Fault| match &name {
                Some(name) => wrong(fault.at(name)),
                None => wrong(fault),
            };
            let mut questions = Pipeline::with_capacity(4);
            questions.cmd("PING").cmd("INFO").arg("replication");
            questions.cmd("INFO").arg("server").cmd("CLUSTER").arg("INFO");
            let answers = server.send(&mut questions, Ack::Primary).await.map_err(located)?;
            let mut answers = answers.into_iter();
            if let Some(Err(fault)) = answers.next() {
                return Err(located(fault));
            }
            // A user who may not ask is told by the first write.
            let mut info = || match answers.next() {
                Some(Ok(info)) => from_redis_value::<String>(info).unwrap_or_default(),
                _ => String::new(),
            };
            let (replication, about, cluster) = (info(), info(), info());
            if let Some((what, hint)) = self.another(&about, &cluster) {
                let message = format!("cannot store in Redis at {}: it is {what}", self.address());
                return Err(Error::new(ErrorKind::Config, message).with_hint(hint));
            }
            if self.is_cluster()
                && value(&cluster, "cluster_state").is_some_and(|state| state != "ok")
            {
                return Err(wrong(Fault::ClusterDown));
            }
            let is_replica = value(&replication, "role") == Some("slave");
            if is_replica && value(&replication, "slave_read_only") != Some("0") {
                // Sentinels, or the cluster, may name another one by now.
                server.reopen().await;
                let place = name.unwrap_or_else(|| "it".to_owned());
                let message = format!(
                    "cannot store in Redis at {}: {place} is a read-only replica",
                    self.address()
                );
                return Err(Error::new(ErrorKind::Unavailable, message)
                    .with_hint("use the address of the primary"));
            }
            let replicas = value(&replication, "connected_slaves").and_then(|n| n.parse().ok());
            if replicas.is_some_and(|replicas: u32| replicas < server.replicas()) {
                let (has, wanted) = (replicas.unwrap_or_default(), server.replicas());
                let place = name.unwrap_or_else(|| "it".to_owned());
                let message = format!(
                    "cannot store in Redis at {}: {place} has {has} of the {wanted} replicas that \
                     writes wait for",
                    self.address()
                );
                return Err(Error::new(ErrorKind::Unavailable, message)
                    .with_hint("see `INFO replication`, or lower the instance's `wait-replicas`"));
            }
        }
        Ok(())
    }

    /// What a server is that the address does not lead to in the right way, and what to do.
    fn another(&self, about: &str, cluster: &str) -> Option<(&'static str, &'static str)> {
        if self.is_cluster() {
            return None;
        }
        let servers = || value(cluster, "cluster_size").and_then(|size| size.parse::<u32>().ok());
        match value(about, "redis_mode")? {
            "sentinel" => Some((
                "a sentinel",
                "write `redis-sentinel://host:port/name`, with the name of the master that it \
                 watches",
            )),
            // One that has all the slots keeps every key.
            "cluster" if servers().is_some_and(|servers| servers > 1) => Some((
                "one server of a cluster, which has a part of the keys",
                "write `redis-cluster://` instead of `redis://`",
            )),
            _ => None,
        }
    }
}

/// The value of a line `name:value`.
fn value<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    let value = |line: &'a str| line.strip_prefix(name)?.strip_prefix(':');
    info.lines().find_map(value).map(str::trim)
}
