//! `RedisObjects`: objects as plain string values, as every other client of the server sees them.
//!
//! Keys are used unchanged. An object that replaces a queue leaves the queue's side keys: what
//! is leased from it stays there until the name is a queue again.

use super::{Limits, Listed, ObjectStore, Record, check_size};
use crate::{
    Error, ErrorKind, Result,
    driver::{
        redis::{
            Ack, Answer, Cmd, Connection, Fault, ParsingError, Value, cmd, failed, from_redis_value,
        },
        repeat,
    },
};
use async_trait::async_trait;
use bytes::Bytes;
use framedb_core::{
    Key,
    redis::{DELETE_OBJECT, DELETE_UNCHANGED},
};
use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, SystemTime},
};

/// Bytes that a server takes as one value, by its default `proto-max-bulk-len`.
pub(super) const MAX_BULK: u64 = 512 << 20;

/// Bytes of records that travel in one pipeline, so that each has its time to be answered.
pub(super) const MAX_GROUP: usize = 16 << 20;

/// Records that one command writes at most. A command is answered once, and read and counted
/// once by the server, which does nothing else meanwhile.
const TOGETHER: usize = 64;

/// One Redis instance's objects.
#[derive(Debug)]
pub struct RedisObjects {
    connection: Arc<Connection>,
    max_value: u64,
}

impl RedisObjects {
    pub(super) fn new(connection: Arc<Connection>, max_value: u64) -> Self {
        Self { connection, max_value: max_value.min(MAX_BULK) }
    }

    fn failed(&self, attempt: &str, fault: Fault) -> Error {
        failed(attempt, self.connection.address(), fault)
    }

    /// Sends a command per key, which changes nothing; what `read` makes of each answer.
    async fn each<T>(
        &self,
        attempt: &str,
        keys: &[Key],
        command: impl Fn(&str) -> Cmd,
        read: impl Fn(Value) -> Result<T, ParsingError>,
    ) -> Vec<Result<T>> {
        if keys.is_empty() {
            return Vec::new();
        }
        let commands = keys.iter().map(|key| command(key.as_str())).collect();
        self.told(attempt, keys, self.connection.read(commands).await, read)
    }

    /// What `read` makes of the answer for each key.
    fn told<T>(
        &self,
        attempt: &str,
        keys: &[Key],
        answers: Result<Vec<Answer>, Fault>,
        read: impl Fn(Value) -> Result<T, ParsingError>,
    ) -> Vec<Result<T>> {
        match answers {
            Ok(answers) => {
                let one = |(key, answer): (&Key, Answer)| {
                    let read = answer.and_then(|answer| Ok(read(answer)?));
                    read.map_err(|fault| self.failed(&format!("{attempt} {key}"), fault))
                };
                keys.iter().zip(answers).map(one).collect()
            }
            Err(fault) => repeat(&self.failed(&format!("{attempt} objects"), fault), keys.len()),
        }
    }

    /// Sends one pipeline of writes; an answer per record, in order.
    async fn write(&self, group: &[&Record]) -> Vec<Result<()>> {
        // In a cluster only keys of one slot may be in one command.
        let most = if self.connection.is_cluster() { 1 } else { TOGETHER };
        let mut answers = self.send(group, most).await;
        let refused = |answer: &Result<_, Fault>| match answer {
            // It is stored, which no repetition makes any better.
            Ok(()) | Err(Fault::FewReplicas { .. }) => false,
            Err(fault) => fault.is_of_the_command(),
        };
        if most > 1
            && let Some(first) = answers.iter().position(refused)
        {
            // What a server refuses together it may take, or refuse for its own reason, alone.
            // What comes behind goes along, so that of two values for a key the later one stays.
            answers.truncate(first);
            answers.extend(self.send(group.get(first..).unwrap_or_default(), 1).await);
        }
        let one = |(record, answer): (&&Record, Result<(), Fault>)| {
            answer.map_err(|fault| self.failed(&format!("store {}", record.key), fault))
        };
        group.iter().zip(answers).map(one).collect()
    }

    /// Sends one pipeline of writes with at most so many records in a command; an answer per
    /// record, in order.
    async fn send(&self, group: &[&Record], most: usize) -> Vec<Result<(), Fault>> {
        let alike = |a: &&Record, b: &&Record| a.expires_at.is_none() && b.expires_at.is_none();
        let runs: Vec<_> = group.chunk_by(alike).flat_map(|run| run.chunks(most)).collect();
        let commands: Vec<Cmd> = runs.iter().map(|run| set(run)).collect();
        if commands.is_empty() {
            return Vec::new();
        }
        match self.connection.send(commands, Ack::Replicas).await {
            Ok(answers) => {
                let each = |(run, answer): (&&[&Record], Answer)| vec![answer.map(drop); run.len()];
                runs.iter().zip(answers).flat_map(each).collect()
            }
            Err(fault) => vec![Err(fault); group.len()],
        }
    }

    /// The first `limit` keys in byte order; keys that no sender could use are not ours.
    async fn scan(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<Key>> {
        let mut first: BTreeSet<Key> = BTreeSet::new();
        let found = |name: Vec<u8>| {
            let Ok(key) = Key::from_bytes(&name) else { return };
            if after.is_some_and(|after| key.as_str() <= after) {
                return;
            }
            first.insert(key);
            if first.len() > limit {
                first.pop_last();
            }
        };
        let scanned = self.connection.scan(&pattern(prefix), found).await;
        scanned.map_err(|fault| self.failed("list objects", fault))?;
        Ok(first.into_iter().collect())
    }
}

#[async_trait]
impl ObjectStore for RedisObjects {
    async fn put(&self, records: &[Record]) -> Vec<Result<()>> {
        let mut answers = Vec::with_capacity(records.len());
        let mut rest = records;
        while !rest.is_empty() {
            let mut bytes = 0_usize;
            let fits = rest.iter().take_while(|record| {
                bytes = bytes.saturating_add(record.data.len());
                bytes <= MAX_GROUP
            });
            let (group, behind) = rest.split_at(fits.count().max(1));
            let sized: Vec<_> = group
                .iter()
                .map(|record| check_size(&record.key, &record.data, self.max_value))
                .collect();
            let fitting: Vec<_> =
                group.iter().zip(&sized).filter(|(_, size)| size.is_ok()).map(|(r, _)| r).collect();
            let mut written = self.write(&fitting).await.into_iter();
            let lost = || Error::new(ErrorKind::Unavailable, "the server left out an answer");
            let answer = |size: Result<()>| {
                size.and_then(|()| written.next().unwrap_or_else(|| Err(lost())))
            };
            answers.extend(sized.into_iter().map(answer));
            rest = behind;
        }
        answers
    }

    async fn get(&self, keys: &[Key]) -> Vec<Result<Option<Bytes>>> {
        let command = |key: &str| {
            let mut get = cmd("GET");
            get.arg(key);
            get
        };
        self.each("read", keys, command, |answer| match answer {
            Value::Nil => Ok(None),
            Value::BulkString(data) => Ok(Some(Bytes::from(data))),
            other => from_redis_value::<Vec<u8>>(other).map(|data| Some(data.into())),
        })
        .await
    }

    async fn delete(&self, keys: &[Key]) -> Vec<Result<bool>> {
        if keys.is_empty() {
            return Vec::new();
        }
        let command = |key: &Key| {
            let mut delete = cmd("EVAL");
            delete.arg(DELETE_OBJECT).arg(1).arg(key.as_str());
            delete
        };
        let commands = keys.iter().map(command).collect();
        let answers = self.connection.send(commands, Ack::Primary).await;
        self.told("remove", keys, answers, from_redis_value)
    }

    async fn delete_unchanged(&self, key: &Key, data: &Bytes) -> Result<bool> {
        let mut delete = cmd("EVAL");
        delete.arg(DELETE_UNCHANGED).arg(1).arg(key.as_str()).arg(&**data);
        let deleted: Result<bool, Fault> = self.connection.ask(delete, Ack::Primary).await;
        deleted.map_err(|fault| self.failed(&format!("remove {key}"), fault))
    }

    /// The servers look at every key of the database for one page.
    async fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<Listed>> {
        if limit == 0 {
            return Ok(Vec::new());
        }
        let keys = self.scan(prefix, after, limit).await?;
        let command = |name: &'static str| {
            move |key: &str| {
                let mut command = cmd(name);
                command.arg(key);
                command
            }
        };
        let sizes = self.each("list", &keys, command("STRLEN"), from_redis_value::<u64>).await;
        // What is gone has no length either.
        let there = self.each("list", &keys, command("EXISTS"), from_redis_value::<bool>).await;
        let mut listed = Vec::with_capacity(keys.len());
        for ((key, size), there) in keys.into_iter().zip(sizes).zip(there) {
            match size {
                Ok(size) if there? => listed.push(Listed { key, size }),
                Ok(_) => {}
                // A queue took the name meanwhile.
                Err(error) if error.kind() == ErrorKind::Conflict => {}
                Err(error) => return Err(error),
            }
        }
        Ok(listed)
    }

    async fn health(&self) -> Result<()> {
        self.connection.health().await?;
        self.connection.check_rights().await
    }

    async fn configure(&self, settings: &[(String, String)]) -> Result<()> {
        self.connection.configure(settings).await
    }

    fn limits(&self) -> Limits {
        Limits { max_value: self.max_value, capacity: None }
    }

    /// The server outlives this process; what a crash of the node interrupts is to be settled.
    fn durable(&self) -> bool {
        true
    }

    fn synced(&self) -> bool {
        false
    }

    fn describe(&self) -> String {
        let address = self.connection.address();
        format!("in Redis at {address}, database {}", address.database())
    }
}

/// The command that stores records, which may be several where they do not expire. One that has
/// expired already takes the old value along.
fn set(records: &[&Record]) -> Cmd {
    let size = records.iter().map(|record| record.key.as_str().len() + record.data.len() + 40);
    let mut command = Cmd::with_capacity(1 + 2 * records.len(), size.sum());
    if let [Record { key, data, expires_at: Some(at) }] = records {
        // The period, not the end: clocks may differ.
        match at.duration_since(SystemTime::now()).unwrap_or_default() {
            Duration::ZERO => command.arg("DEL").arg(key.as_str()),
            left => {
                let left = u64::try_from(left.as_millis()).unwrap_or(u64::MAX >> 11).max(1);
                command.arg("SET").arg(key.as_str()).arg(&**data).arg("PX").arg(left)
            }
        };
        return command;
    }
    command.arg(if records.len() == 1 { "SET" } else { "MSET" });
    for record in records {
        command.arg(record.key.as_str()).arg(&*record.data);
    }
    command
}

/// A glob that matches what begins with `prefix`.
fn pattern(prefix: &str) -> String {
    let mut pattern = String::with_capacity(prefix.len() + 1);
    for character in prefix.chars() {
        if matches!(character, '*' | '?' | '[' | ']' | '\\' | '^' | '-') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern.push('*');
    pattern
}
