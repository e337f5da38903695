//! `spin:redis`: commands to the Redis behind a label.
//!
//! All plugins of a node share a connection, over which commands of concurrent calls travel
//! behind one another. A command that holds its connection up, or changes it, has to be granted
//! by its name, and gets one of its own.

use super::{
    bindings::spin::redis::redis::{
        Error, Host, HostConnection, HostConnectionWithStore, RedisParameter, RedisResult,
    },
    redis_values::{count, flat, members, number, payload},
};
use crate::{
    driver::redis::{Ack, Answer, Connection, Fault, Value, cmd},
    grants::{Refusal, redis::keys_of},
    plugin::{access::Access, state::State},
};
use std::{sync::Arc, time::Instant};
use tokio::{sync::Semaphore, time::timeout_at};
use wasmtime::component::{Accessor, HasSelf, Resource};

/// The name of the capability in events and metrics.
const CAPABILITY: &str = "redis";

/// A label that a plugin has opened.
#[allow(unreachable_pub, reason = "generated code names it in public")]
pub struct Opened {
    label: Arc<str>,
    connection: Arc<Connection>,
}

/// A call that may be made.
struct Call {
    access: Arc<Access>,
    label: Arc<str>,
    connection: Arc<Connection>,
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
        accessor.with(|mut access| {
            let state = access.get();
            state.begin()?;
            let granted = match state.access.grants().redis(&label) {
                Ok(granted) => granted,
                Err(refusal) => return Ok(Err(refused(&state.access, &refusal))),
            };
            let config = &granted.config;
            let environment = state.access.environment();
            match environment.redis(config.instance.as_deref(), config.url.as_ref()) {
                Ok(connection) => {
                    let opened = Opened { label: label.into(), connection };
                    Ok(state.table.push(opened).map_err(|_| Error::TooManyConnections))
                }
                Err(error) => {
                    tracing::error!(label, error = error.chain(), "a grant leads nowhere");
                    Ok(Err(Error::InvalidAddress))
                }
            }
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
        let sent = call.connection.send(commands.collect(), Ack::Primary);
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
        let granted = state.access.grants().redis(&opened.label);
        let permitted = granted.and_then(|granted| {
            let permitted = granted.guard.check(command.as_bytes(), arguments)?;
            let sent = command.len() + arguments.iter().map(Vec::len).sum::<usize>();
            granted.rate.take(sent, Instant::now())?;
            Ok(permitted)
        });
        let permitted = match permitted {
            Ok(permitted) => permitted,
            Err(refusal) => return Ok(Err(refused(&state.access, &refusal))),
        };
        // A command that only its grant knows goes to any server.
        let keys = keys_of(command.as_bytes(), arguments).unwrap_or_default();
        Ok(Ok(Call {
            access: state.access.clone(),
            label: opened.label.clone(),
            connection: opened.connection.clone(),
            until: state.wait_until(),
            asking: state.asking.clone(),
            alone: permitted.own_connection,
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
                true => self.connection.ask_alone(&self.key, words).await,
                false => {
                    // Never closed; were it, the call would go on.
                    let _turn = self.asking.acquire().await.ok();
                    self.connection.ask_at(&self.key, words).await
                }
            }
        };
        let answer: Answer = timeout_at(self.until, asked).await.map_err(|_| self.late())?;
        let value = answer.map_err(|fault| self.failed(&fault))?;
        if let Ok(granted) = self.access.grants().redis(&self.label) {
            granted.rate.received(super::redis_values::weight(&value), Instant::now());
        }
        Ok(value)
    }

    fn failed(&self, fault: &Fault) -> Error {
        if fault.says("WRONGTYPE") {
            return Error::TypeError;
        }
        Error::Other(format!("cannot use the Redis `{}`: {}", self.label, fault.for_guest()))
    }

    fn late(&self) -> Error {
        let label = &self.label;
        Error::Other(format!("cannot use the Redis `{label}`: the server did not answer in time"))
    }
}

fn refused(access: &Access, refusal: &Refusal) -> Error {
    Error::Other(access.refused(CAPABILITY, refusal))
}

fn with_key(key: String, values: Vec<String>) -> Vec<Vec<u8>> {
    std::iter::once(key).chain(values).map(String::into_bytes).collect()
}
