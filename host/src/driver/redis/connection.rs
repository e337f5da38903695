//! `Connection`: one socket to a server for all who use it, opened again when it breaks.

use super::Address;
use crate::{Error, ErrorKind, Result, driver::tls};
use redis::{
    AsyncConnectionConfig, Client, ConnectionInfo, FromRedisValue, Pipeline, RedisError,
    RedisResult, ScriptInvocation, ServerErrorKind, Value, aio::MultiplexedConnection,
};
use std::{
    fmt,
    time::{Duration, Instant},
};
use tokio::sync::Mutex;

/// How long a connection may take to open, and an answer to come.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(5);

/// A connection to one server. Tasks share it: their commands travel behind one another, and
/// nobody waits for another's answer.
pub(crate) struct Connection {
    address: Address,
    client: Client,
    /// Held while a connection is opened, so that one task does it for all.
    current: Mutex<Current>,
}

#[derive(Default)]
struct Current {
    open: Option<MultiplexedConnection>,
    /// Counts connections, so that a failure closes the one it happened on.
    number: u64,
    /// When opening failed last, and why: the answer for those who waited meanwhile.
    failed: Option<(Instant, RedisError)>,
}

impl Connection {
    /// A connection that opens when it is first used.
    ///
    /// # Errors
    ///
    /// When the client refuses the address.
    pub(crate) fn new(address: Address, info: ConnectionInfo) -> Result<Self> {
        tls::install();
        let client = Client::open(info).map_err(|cause| {
            let message = format!("cannot use the Redis address {address}: {}", cause.category());
            Error::new(ErrorKind::Config, message)
        })?;
        Ok(Self { address, client, current: Mutex::default() })
    }

    /// Where the server is.
    pub(crate) fn address(&self) -> &Address {
        &self.address
    }

    /// Sends commands in one go, without making them one step; the answer of each.
    pub(crate) async fn send(
        &self,
        pipeline: &mut Pipeline,
    ) -> RedisResult<Vec<RedisResult<Value>>> {
        let (number, mut connection) = self.open().await?;
        let answers = pipeline.ignore_errors().query_async(&mut connection).await;
        self.look(number, answers.as_ref().err()).await;
        let answers: Vec<RedisResult<Value>> = answers?;
        // A server that was made a replica: its name may lead to another one by now.
        let demoted =
            answers.iter().filter_map(|answer| answer.as_ref().err()).find(|error| demoted(error));
        self.look(number, demoted).await;
        Ok(answers)
    }

    /// Runs a script.
    pub(crate) async fn run<T: FromRedisValue>(
        &self,
        call: &ScriptInvocation<'_>,
    ) -> RedisResult<T> {
        let (number, mut connection) = self.open().await?;
        let answer = call.invoke_async(&mut connection).await;
        self.look(number, answer.as_ref().err()).await;
        answer
    }

    /// The open connection, or a new one.
    async fn open(&self) -> RedisResult<(u64, MultiplexedConnection)> {
        let asked = Instant::now();
        let mut current = self.current.lock().await;
        if let Some(connection) = &current.open {
            return Ok((current.number, connection.clone()));
        }
        if let Some((at, error)) = &current.failed
            && *at >= asked
        {
            return Err(error.clone());
        }
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(TIMEOUT))
            .set_response_timeout(Some(TIMEOUT));
        match self.client.get_multiplexed_async_connection_with_config(&config).await {
            Ok(connection) => {
                current.number += 1;
                current.open = Some(connection.clone());
                current.failed = None;
                Ok((current.number, connection))
            }
            Err(error) => {
                current.failed = Some((Instant::now(), error.clone()));
                Err(error)
            }
        }
    }

    /// Closes the connection of this number after an error that it will not recover from.
    async fn look(&self, number: u64, error: Option<&RedisError>) {
        let Some(error) = error else { return };
        if !(error.is_io_error() || error.is_unrecoverable_error() || demoted(error)) {
            return;
        }
        let mut current = self.current.lock().await;
        if current.number == number {
            current.open = None;
        }
    }
}

fn demoted(error: &RedisError) -> bool {
    error.kind() == redis::ErrorKind::Server(ServerErrorKind::ReadOnly)
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The client knows the password.
        f.debug_struct("Connection").field("address", &self.address).finish_non_exhaustive()
    }
}
