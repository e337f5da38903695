//! The registry in Redis, for sites that have nothing else: one for any number of nodes.
//!
//! The layout and the scripts are `core`'s, because workers on Spin share the registry with nodes.
//! What a server loses when it restarts, the registry loses: persistence is the server's affair.

mod documents;
mod pending;
mod scripts;
mod start;

use super::{Intent, Query, Registry};
use crate::{
    Error, ErrorKind, Result,
    driver::{
        older,
        redis::{
            Ack, Address, Call, Cmd, Connection, Fault, FromRedisValue, Value, cmd, failed,
            from_redis_value,
        },
        repeat,
    },
};
use async_trait::async_trait;
use framedb_core::{
    Key, Route,
    redis::registry::{
        self as layout, Keys, PrefixError, generation_text, route_of_row, route_row,
    },
};
use scripts::Scripts;
use std::time::SystemTime;

/// Routes that one script or command is about: other clients of the server wait that long.
const STEP: usize = 256;

/// Routes and documents in a Redis server.
#[derive(Debug)]
pub struct RedisRegistry {
    connection: Connection,
    keys: Keys,
    scripts: Scripts,
}

impl RedisRegistry {
    /// Whether a URL could be opened.
    ///
    /// # Errors
    ///
    /// Says what is wrong with it.
    pub(super) fn check(url: &str) -> Result<()> {
        let (url, _) = split(url)?;
        Address::parse(&url).map(|_| ())
    }

    /// The registry at a URL. A server that may drop routes to make room is warned about.
    ///
    /// # Errors
    ///
    /// When the URL is wrong, and when the server cannot be used.
    pub(super) async fn open(url: &str) -> Result<Self> {
        let (url, keys) = split(url)?;
        let (address, info) = Address::parse(&url)?;
        let connection = Connection::new(address, info, 0);
        let registry = Self { connection, keys, scripts: Scripts::new() };
        registry.start().await?;
        Ok(registry)
    }

    /// An error of the driver, which speaks of instances.
    fn failed(&self, attempt: &str, cause: Fault) -> Error {
        let error = failed(attempt, self.connection.address(), cause);
        let hint = error.hint().map(|hint| hint.replace("its URL", "`registry.url`"));
        match hint {
            Some(hint) => error.with_hint(hint),
            None => error,
        }
    }

    async fn run<T: FromRedisValue>(&self, attempt: &str, call: &Call<'_>) -> Result<T> {
        let answer = self.connection.run(call, Ack::Primary).await;
        answer.map_err(|cause| self.failed(attempt, cause))
    }

    /// Sends one command that changes nothing.
    async fn ask<T: FromRedisValue>(&self, attempt: &str, command: Cmd) -> Result<T> {
        let answers = self.connection.read(vec![command]).await;
        let answer = answers.and_then(|mut answers| {
            Ok(from_redis_value(answers.pop().unwrap_or(Ok(Value::Nil))?)?)
        });
        answer.map_err(|cause| self.failed(attempt, cause))
    }

    /// Registers routes in one step.
    async fn register_step(&self, routes: &[(Key, Route)]) -> Vec<Result<()>> {
        let mut call = self.scripts.register.call(self.keys.of_routes());

        let mut answers: Vec<Result<()>> = Vec::with_capacity(routes.len());
        for (key, route) in routes {
            match route_row(route).map_err(|cause| unwritable(key, cause)) {
                Ok(row) => {
                    call.arg(key.as_str()).arg(row);
                    answers.push(Ok(()));
                }
                Err(error) => answers.push(Err(error)),
            }
        }
        let found: Result<Vec<String>> = self.run("register routes", &call).await;
        let mut found = match found {
            Ok(found) => found.into_iter(),
            Err(error) => return repeat(&error, routes.len()),
        };
        for (answer, (key, route)) in answers.iter_mut().zip(routes) {
            if answer.is_ok()
                && let Some(newer) = found.next().filter(|found| !found.is_empty())
            {
                *answer = Err(older(key, route.generation, newer.parse().unwrap_or(u64::MAX)));
            }
        }
        answers
    }

    /// What a script of names and rows answers.
    fn read_pairs(&self, pairs: Vec<(Vec<u8>, Vec<u8>)>) -> Result<Vec<(Key, Route)>> {
        let mut routes = Vec::with_capacity(pairs.len());
        for (name, row) in pairs {
            let Ok(key) = Key::from_bytes(&name) else { continue };
            let route = read_route(&key, &row)?;
            routes.push((key, route));
        }
        Ok(routes)
    }
}

#[async_trait]
impl Registry for RedisRegistry {
    async fn lookup(&self, keys: &[Key]) -> Result<Vec<Option<Route>>> {
        let mut routes = Vec::with_capacity(keys.len());
        for step in keys.chunks(STEP) {
            let mut command = cmd("HMGET");
            command.arg(self.keys.routes());
            for key in step {
                command.arg(key.as_str());
            }
            let rows: Vec<Option<Vec<u8>>> = self.ask("look up routes", command).await?;
            for (key, row) in step.iter().zip(rows) {
                routes.push(row.map(|row| read_route(key, &row)).transpose()?);
            }
        }
        Ok(routes)
    }

    async fn register(&self, routes: &[(Key, Route)]) -> Vec<Result<()>> {
        let mut answers = Vec::with_capacity(routes.len());
        for step in routes.chunks(STEP) {
            answers.extend(self.register_step(step).await);
        }
        answers
    }

    async fn remove(&self, key: &Key, generation: Option<u64>) -> Result<bool> {
        let mut call = self.scripts.remove.call(self.keys.of_routes());
        call.arg(key.as_str());
        call.arg(generation.map(generation_text).unwrap_or_default());
        self.run(&format!("remove the route of {key}"), &call).await
    }

    async fn list(&self, query: &Query) -> Result<Vec<(Key, Route)>> {
        let mut routes: Vec<(Key, Route)> = Vec::new();
        let mut start = match &query.after {
            Some(after) if *after >= query.prefix => format!("({after}"),
            _ => format!("[{}", query.prefix),
        };
        // Of a page, a filter leaves an unknown part.
        let filtered = query.kind.is_some() || query.framedb_id.is_some();
        while routes.len() < query.limit {
            let page = if filtered { STEP } else { STEP.min(query.limit - routes.len()) };
            let mut call = self.scripts.list.call(self.keys.of_routes());
            call.arg(start).arg(page);
            let (last, pairs): (Option<Vec<u8>>, Vec<(Vec<u8>, Vec<u8>)>) =
                self.run("list the routes", &call).await?;
            for (key, route) in self.read_pairs(pairs)? {
                if query.wants(&key, &route) && routes.len() < query.limit {
                    routes.push((key, route));
                }
            }
            // Behind the prefix nothing follows.
            match last.map(|last| String::from_utf8_lossy(&last).into_owned()) {
                Some(last) if last.starts_with(&query.prefix) => start = format!("({last}"),
                _ => break,
            }
        }
        Ok(routes)
    }

    async fn expired(&self, now: SystemTime, limit: usize) -> Result<Vec<(Key, Route)>> {
        let mut call = self.scripts.expired.call(self.keys.of_routes());
        call.arg(Route::millis(now)).arg(limit);
        let pairs = self.run("list the expired routes", &call).await?;
        self.read_pairs(pairs)
    }

    async fn abandoned(&self, skip: usize, limit: usize) -> Result<Vec<Intent>> {
        self.given_up(skip, limit).await
    }

    async fn forget_abandoned(&self, intent: &Intent) -> Result<()> {
        self.end(intent).await
    }

    async fn register_unchanged(&self, intent: &Intent) -> Result<bool> {
        Self::register_unchanged(self, intent).await
    }

    async fn count(&self) -> Result<u64> {
        let mut command = cmd("HLEN");
        command.arg(self.keys.routes());
        self.ask("count the routes", command).await
    }

    async fn health(&self) -> Result<()> {
        self.count().await?;
        self.check_primary().await
    }

    fn describe(&self) -> String {
        let address = self.connection.address();
        let database = address.database();
        format!("in Redis at {address}, database {database}, below {}", self.keys.prefix())
    }
}

/// The URL of a server, and the registry's keys on it.
fn split(url: &str) -> Result<(String, Keys)> {
    layout::split(url).map_err(|wrong| {
        Error::new(ErrorKind::Config, wrong.to_string()).with_hint(PrefixError::HINT)
    })
}

/// The route of a row.
fn read_route(key: &Key, row: &[u8]) -> Result<Route> {
    route_of_row(row).map_err(|cause| {
        Error::new(ErrorKind::Corrupt, format!("cannot read the route of {key}")).with_source(cause)
    })
}

/// The error of a route that is no row.
fn unwritable(key: &Key, cause: serde_json::Error) -> Error {
    Error::new(ErrorKind::Invalid, format!("cannot write the route of {key}")).with_source(cause)
}

/// The error of a server that takes no writes.
fn read_only(address: &Address) -> Error {
    let message =
        format!("cannot keep the registry in Redis at {address}: it is a read-only replica");
    Error::new(ErrorKind::Unavailable, message).with_hint("use the address of the primary")
}
