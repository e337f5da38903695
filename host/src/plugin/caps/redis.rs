//! `spin:redis`: commands to the Redis behind a label.
//!
//! All plugins of a node share a connection, over which commands of concurrent calls travel
//! behind one another. A command that holds its connection up has to be granted by its name, and
//! gets one of its own. Where one is granted that changes what a connection remembers, each
//! connection that a guest opens is its own.

use super::{
    bindings::spin::redis::redis::{
        Error, Host, HostConnection, HostConnectionWithStore, RedisParameter, RedisResult,
    },
    redis_values::{count, flat, members, number, payload},
};
use crate::{
    driver::redis::{Ack, Answer, Connection, Fault, Value, cmd},
    grants::{
        Granted, RedisGrant, Refusal,
        redis::{RedisGuard, keys_of},
    },
    plugin::{access::Access, state::State},
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};
use tokio::{sync::Semaphore, time::timeout_at};
use wasmtime::component::{Accessor, HasSelf, Resource};

/// The name of the capability in events and metrics.
const CAPABILITY: &str = "redis";

/// What a Redis is called whose name is an address.
const SERVER: &str = "server";

/// A label that a plugin has opened.
#[allow(unreachable_pub, reason = "generated code names it in public")]
#[derive(Clone)]
pub struct Opened {
    label: Arc<str>,
    granted: Arc<Granted<RedisGrant, RedisGuard>>,
    connection: Arc<Connection>,
    access: Arc<Access>,
    /// Whether the connection is this guest's own and has ended: it does not open again by
    /// itself, as none of Spin's does.
    ended: Option<Arc<AtomicBool>>,
}

/// A call that may be made.
struct Call {
    opened: Opened,
    until: tokio::time::Instant,
    asking: Arc<Semaphore>,
    /// Whether it needs a connection of its own.
    alone: bool,
    /// A key of it, which says to which server of a cluster it goes.
    key: Vec<u8>,
}

/// What a call answers to a guest.
type Told<T> = wasmtime::Result<Result<T, Error>>;

impl Host for State {}

impl HostConnection for State {
    async fn drop(&mut self, connection: Resource<Opened>) -> wasmtime::Result<()> {
        self.table.delete(connection)?;
        Ok(())
    }
}

impl HostConnectionWithStore<State> for HasSelf<State> {
    async fn open(accessor: &Accessor<State, Self>, label: String) -> Told<Resource<Opened>> {
        let opened = accessor.with(|mut access| open(access.get(), label))?;
        let (opened, until) = match opened {
            Ok(opened) => opened,
            Err(error) => return Ok(Err(error)),
        };
        if opened.ended.is_some()
            && let Err(error) = opened.greet(until).await
        {
            return Ok(Err(error));
        }
        accessor.with(|mut access| {
            let pushed = access.get().table.push(opened);
            Ok(pushed.map_err(|_| Error::TooManyConnections))
        })
    }

    async fn publish(
        accessor: &Accessor<State, Self>,
        connection: Resource<Opened>,
        channel: String,
        payload: Vec<u8>,
    ) -> Told<()> {
        let arguments = vec![channel.into_bytes(), payload];
        Ok(ask(accessor, &connection, "PUBLISH", arguments).await?.map(drop))
    }

    async fn get(
        accessor: &Accessor<State, Self>,
        connection: Resource<Opened>,
        key: String,
    ) -> Told<Option<Vec<u8>>> {
        Ok(ask(accessor, &connection, "GET", vec![key.into_bytes()]).await?.and_then(payload))
    }

    async fn set(
        accessor: &Accessor<State, Self>,
        connection: Resource<Opened>,
        key: String,
        value: Vec<u8>,
    ) -> Told<()> {
        let arguments = vec![key.into_bytes(), value];
        Ok(ask(accessor, &connection, "SET", arguments).await?.map(drop))
    }

    async fn incr(
        accessor: &Accessor<State, Self>,
        connection: Resource<Opened>,
        key: String,
    ) -> Told<i64> {
        let answer = ask(accessor, &connection, "INCR", vec![key.into_bytes()]).await?;
        Ok(match answer {
            Err(Error::Other(text)) if text.contains("not an integer") => Err(Error::TypeError),
            answer => answer.and_then(number),
        })
    }

    async fn del(
        accessor: &Accessor<State, Self>,
        connection: Resource<Opened>,
        keys: Vec<String>,
    ) -> Told<u32> {
        let keys: Vec<_> = keys.into_iter().map(String::into_bytes).collect();
        let call = match begin(accessor, &connection, "DEL", &keys)? {
            Ok(call) => call,
            Err(error) => return Ok(Err(error)),
        };
        // A key each, because the servers of a cluster have some of them each.
        let commands = keys.iter().map(|key| {
            let mut command = cmd("DEL");
            command.arg(key.as_slice());
            command
        });
        let sent = call.opened.connection.send(commands.collect(), Ack::Primary);
        let answers = match timeout_at(call.until, sent).await {
            Ok(Ok(answers)) => answers,
            Ok(Err(fault)) => return Ok(Err(call.failed(&fault))),
            Err(_) => return Ok(Err(call.late())),
        };
        Ok(answers.into_iter().try_fold(0, |sum, answer| {
            let deleted = answer.map_err(|fault| call.failed(&fault)).and_then(count)?;
            Ok(deleted.saturating_add(sum))
        }))
    }

    async fn sadd(
        accessor: &Accessor<State, Self>,
        connection: Resource<Opened>,
        key: String,
        values: Vec<String>,
    ) -> Told<u32> {
        let arguments = with_key(key, values);
        Ok(ask(accessor, &connection, "SADD", arguments).await?.and_then(count))
    }

    async fn smembers(
        accessor: &Accessor<State, Self>,
        connection: Resource<Opened>,
        key: String,
    ) -> Told<Vec<String>> {
        let answer = ask(accessor, &connection, "SMEMBERS", vec![key.into_bytes()]).await?;
        Ok(answer.and_then(members))
    }

    async fn srem(
        accessor: &Accessor<State, Self>,
        connection: Resource<Opened>,
        key: String,
        values: Vec<String>,
    ) -> Told<u32> {
        let arguments = with_key(key, values);
        Ok(ask(accessor, &connection, "SREM", arguments).await?.and_then(count))
    }

    async fn execute(
        accessor: &Accessor<State, Self>,
        connection: Resource<Opened>,
        command: String,
        arguments: Vec<RedisParameter>,
    ) -> Told<Vec<RedisResult>> {
        let bytes = |argument| match argument {
            RedisParameter::Int64(number) => number.to_string().into_bytes(),
            RedisParameter::Binary(bytes) => bytes,
        };
        let arguments = arguments.into_iter().map(bytes).collect();
        Ok(ask(accessor, &connection, &command, arguments).await?.and_then(flat))
    }
}

/// Sends a command that is allowed; its answer.
async fn ask(
    accessor: &Accessor<State, HasSelf<State>>,
    connection: &Resource<Opened>,
    command: &str,
    arguments: Vec<Vec<u8>>,
) -> Told<Value> {
    Ok(match begin(accessor, connection, command, &arguments)? {
        Ok(call) => call.send(command, &arguments).await,
        Err(error) => Err(error),
    })
}

/// Counts a call, and decides it.
fn begin(
    accessor: &Accessor<State, HasSelf<State>>,
    connection: &Resource<Opened>,
    command: &str,
    arguments: &[Vec<u8>],
) -> Told<Call> {
    accessor.with(|mut access| {
        let state = access.get();
        state.begin()?;
        let opened = state.table.get(connection)?;
        if opened.ended.as_ref().is_some_and(|ended| ended.load(Ordering::Acquire)) {
            return Ok(Err(Error::Other("the connection has ended: open another one".into())));
        }
        let decide = || {
            let alone = match &opened.granted.guard {
                Some(guard) => guard.check(command.as_bytes(), arguments)?.own_connection,
                None => false,
            };
            let sent = command.len() + arguments.iter().map(Vec::len).sum::<usize>();
            opened.granted.rate.take(sent, Instant::now())?;
            Ok(alone)
        };
        let alone = match decide() {
            Ok(alone) => alone,
            Err(refusal) => return Ok(Err(refused(&state.access, &refusal))),
        };
        // A command that only its grant knows goes to any server.
        let keys = keys_of(command.as_bytes(), arguments).unwrap_or_default();
        Ok(Ok(Call {
            opened: opened.clone(),
            until: state.wait_until(),
            asking: state.asking.clone(),
            alone,
            key: keys.first().map(|key| key.to_vec()).unwrap_or_default(),
        }))
    })
}

impl Call {
    async fn send(&self, command: &str, arguments: &[Vec<u8>]) -> Result<Value, Error> {
        let mut words = cmd(command);
        for argument in arguments {
            words.arg(argument.as_slice());
        }
        let asked = async {
            match self.alone {
                // Of these there are few at once for all plugins.
                true => self.opened.connection.ask_alone(&self.key, words).await,
                false => {
                    // Never closed; were it, the call would go on.
                    let _turn = self.asking.acquire().await.ok();
                    self.opened.connection.ask_at(&self.key, words).await
                }
            }
        };
        let answer: Answer = timeout_at(self.until, asked).await.map_err(|_| self.late())?;
        let value = answer.map_err(|fault| self.failed(&fault))?;
        let bytes = super::redis_values::weight(&value);
        self.opened.granted.rate.received(bytes, Instant::now());
        Ok(value)
    }

    fn failed(&self, fault: &Fault) -> Error {
        self.opened.failed(fault)
    }

    fn late(&self) -> Error {
        self.opened.late()
    }
}

impl Opened {
    /// Opens the connection, as Spin does at once.
    async fn greet(&self, until: tokio::time::Instant) -> Result<(), Error> {
        let greeted = timeout_at(until, self.connection.ask_at(&[], cmd("PING"))).await;
        match greeted.map_err(|_| self.late())? {
            Err(fault) if fault.ends_connection() => Err(self.failed(&fault)),
            _ => Ok(()),
        }
    }

    fn failed(&self, fault: &Fault) -> Error {
        if let Some(ended) = &self.ended
            && fault.ends_connection()
        {
            ended.store(true, Ordering::Release);
        }
        if fault.says("WRONGTYPE") {
            return Error::TypeError;
        }
        let why = fault.for_guest();
        if !fault.is_of_the_command() {
            self.access.unanswered(CAPABILITY, &self.label, &why);
        }
        Error::Other(format!("cannot use the Redis `{}`: {why}", self.label))
    }

    fn late(&self) -> Error {
        let why = "the server did not answer in time";
        self.access.unanswered(CAPABILITY, &self.label, why);
        Error::Other(format!("cannot use the Redis `{}`: {why}", self.label))
    }
}

/// Finds what a label, or an address, leads to, and until when to wait for it.
fn open(state: &mut State, label: String) -> Told<(Opened, tokio::time::Instant)> {
    state.begin()?;
    let grants = state.access.grants();
    let granted = match grants.redis(&label) {
        Ok(granted) => granted,
        Err(refusal) => return Ok(Err(refused(&state.access, &refusal))),
    };
    let (config, environment) = (&granted.config, state.access.environment());
    // An address may hold a password, so that what names addresses is told of "the server".
    let label = if grants.names_addresses() { SERVER.to_owned() } else { label };
    let (instance, url) = (config.instance.as_deref(), config.url.as_ref());
    let changes = granted.guard.as_ref().is_none_or(RedisGuard::changes_connections);
    let (connection, ended) = match grants.names_addresses() || changes {
        true => (environment.own_redis(instance, url), Some(Arc::default())),
        false => (environment.redis(instance, url), None),
    };
    match connection {
        Ok(connection) => {
            let access = state.access.clone();
            let opened = Opened { label: label.into(), granted, connection, access, ended };
            Ok(Ok((opened, state.wait_until())))
        }
        Err(error) => {
            tracing::error!(label, error = error.chain(), "a grant leads nowhere");
            Ok(Err(Error::InvalidAddress))
        }
    }
}

fn refused(access: &Access, refusal: &Refusal) -> Error {
    if access.grants().names_addresses() {
        access.refused(CAPABILITY, refusal);
        return Error::InvalidAddress;
    }
    Error::Other(access.refused(CAPABILITY, refusal))
}

fn with_key(key: String, values: Vec<String>) -> Vec<Vec<u8>> {
    std::iter::once(key).chain(values).map(String::into_bytes).collect()
}
