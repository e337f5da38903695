//! Health: whether every server answers, takes writes, and has the replicas that writes need.

use super::{Ack, Connection, Fault, failed};
use crate::{Error, ErrorKind, Result};
use redis::{Pipeline, cmd, from_redis_value};
use std::time::Duration;

/// What was attempted, as errors say it.
const ATTEMPT: &str = "answer for the instance";

/// How long a replica that follows may have said nothing: it says something every second.
const LAG: Duration = Duration::from_secs(3);

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
            let (has, wanted) = (replicas(&replication), server.replicas());
            if has.is_some_and(|has| has < wanted) {
                let has = has.unwrap_or_default();
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

/// How many replicas follow; nothing where the server does not say.
fn replicas(replication: &str) -> Option<u32> {
    value(replication, "connected_slaves")?;
    let follows = |line: &&str| {
        let mut words = line.split([',', ':']);
        let of_replica = words.next().and_then(|name| name.strip_prefix("slave"));
        if of_replica.is_none_or(|number| number.parse::<u32>().is_err()) {
            return false;
        }
        let fields = || words.clone().filter_map(|word| word.split_once('='));
        let says = |name| fields().find(|(field, _)| *field == name).map(|(_, value)| value.trim());
        let lag = says("lag").and_then(|lag| lag.parse::<u64>().ok()).unwrap_or_default();
        says("state") == Some("online") && lag <= LAG.as_secs()
    };
    u32::try_from(replication.lines().filter(follows).count()).ok()
}

/// The value of a line `name:value`.
fn value<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    let value = |line: &'a str| line.strip_prefix(name)?.strip_prefix(':');
    info.lines().find_map(value).map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replicas_that_follow_are_counted() {
        let lines = "role:master\r\nconnected_slaves:3\r\n\
            slave0:ip=127.0.0.1,port=1,state=online,offset=14,lag=1\r\n\
            slave1:ip=::1,port=2,state=online,offset=14,lag=40,type=replica\r\n\
            slave2:ip=127.0.0.1,port=3,state=wait_bgsave,offset=0,lag=0\r\n\
            slave_read_only:1\r\n";
        assert_eq!(replicas(lines), Some(1));
        assert_eq!(replicas("role:slave"), None);
    }
}
