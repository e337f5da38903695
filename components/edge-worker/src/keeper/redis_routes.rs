//! Routes in a Redis server, in the registry that nodes have there.

use super::{
    fault::Fault,
    link::{Link, Repeat, Script, bytes, number},
    redis::{Redis, millis},
};
use framedb_core::{
    Intent, Key, Route,
    redis::registry::{
        BEGIN, COMMIT, Keys, LIST, LOOK, PENDING_FOR, REGISTER, REMOVE, STORE, generation_text,
        intent_of_pending, pending_text, route_of_row, route_row,
    },
};
use spin_sdk::redis::RedisResult;
use std::{cell::Cell, sync::LazyLock, time::Duration};

static LOOKING: LazyLock<Script> = LazyLock::new(|| Script::new(LOOK));
static BEGINNING: LazyLock<Script> = LazyLock::new(|| Script::new(BEGIN));
static COMMITTING: LazyLock<Script> = LazyLock::new(|| Script::new(COMMIT));
static STORING: LazyLock<Script> = LazyLock::new(|| Script::new(STORE));
static REGISTERING: LazyLock<Script> = LazyLock::new(|| Script::new(REGISTER));
static REMOVING: LazyLock<Script> = LazyLock::new(|| Script::new(REMOVE));
static LISTING: LazyLock<Script> = LazyLock::new(|| Script::new(LIST));

/// A registry in Redis.
#[derive(Debug)]
pub(super) struct RedisRoutes {
    link: Link,
    keys: Keys,
    /// Whether objects are in other slots than the registry: the server is one of a cluster, and
    /// no script changes both.
    apart: Cell<bool>,
}

/// What a key has in the registry.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Its committed route.
    pub(super) route: Option<Route>,
    /// Writes of it that were given up.
    pub(super) given_up: Vec<Intent>,
}

/// Whether a route was registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Committed {
    /// It was.
    Yes,
    /// Another route, with this generation, is in the way.
    Overtaken(u64),
}

impl RedisRoutes {
    pub(super) fn new(link: Link, keys: Keys) -> Self {
        Self { link, keys, apart: Cell::default() }
    }

    /// A key's route, and the writes of it that were given up.
    pub(super) async fn look(&self, key: &Key) -> Result<Seen, Fault> {
        let period = period();
        let words = [key.as_str().as_bytes(), period.as_bytes()];
        seen(
            self.link.run(&LOOKING, self.keys.of_writes(), &words, Repeat::Safe).await?.into_iter(),
        )
    }

    /// Writes down that a write begins; whether it is, and what its key has. It is not where the
    /// key has a newer route, or writes that were given up.
    pub(super) async fn begin(&self, intent: &Intent) -> Result<(bool, Seen), Fault> {
        let (period, generation) = (period(), generation_text(intent.route.generation));
        let text = pending_text(intent).map_err(|_| Fault::Foreign)?;
        let words =
            [intent.key.as_str().as_bytes(), period.as_bytes(), generation.as_bytes(), &text];
        let answer = self.link.run(&BEGINNING, self.keys.of_writes(), &words, Repeat::Safe).await?;
        let mut answer = answer.into_iter();
        let begun = number(answer.next())? > 0;
        match seen(answer) {
            Ok(seen) => Ok((begun, seen)),
            Err(fault) if begun => self.end(intent).await.and(Err(fault)),
            Err(fault) => Err(fault),
        }
    }

    /// Stores an object and registers its route in one step; whether it did. It does not where
    /// the instance is another database, or where more than that is to be done.
    pub(super) async fn store(
        &self,
        instance: &Redis,
        key: &Key,
        route: &Route,
        data: &[u8],
        time_to_live: Option<Duration>,
    ) -> Result<bool, Fault> {
        if self.apart.get() || !self.link.is(&instance.link) {
            return Ok(false);
        }
        let (period, generation) = (period(), generation_text(route.generation));
        let row = route_row(route).map_err(|_| Fault::Foreign)?;
        let left = time_to_live.map_or_else(String::new, |left| millis(left).max(1).to_string());
        let words = [
            key.as_str().as_bytes(),
            period.as_bytes(),
            generation.as_bytes(),
            &row,
            route.framedb_id.as_bytes(),
            route.kind.as_str().as_bytes(),
            if route.codec.is_some() { b"1" } else { b"0" },
            data,
            left.as_bytes(),
        ];
        let mut keys = self.keys.of_writes().to_vec();
        keys.push(key.as_str().to_owned());
        match self.link.run(&STORING, &keys, &words, Repeat::Safe).await {
            Ok(answer) => Ok(number(answer.into_iter().next())? > 0),
            Err(Fault::Cluster) => {
                self.apart.set(true);
                Ok(false)
            }
            Err(fault) => Err(fault),
        }
    }

    /// Registers the route of a write, of which it says whether its key must have the route that
    /// the write found; with `ends` the write is over.
    pub(super) async fn commit(
        &self,
        intent: &Intent,
        unchanged: bool,
        ends: bool,
    ) -> Result<Committed, Fault> {
        let row = route_row(&intent.route).map_err(|_| Fault::Foreign)?;
        let found = intent.previous.as_ref().map_or(0, |route| route.generation);
        let expected = if unchanged { generation_text(found) } else { String::new() };
        self.end_with(intent, &row, &expected, ends).await
    }

    /// Forgets a write.
    pub(super) async fn end(&self, intent: &Intent) -> Result<(), Fault> {
        self.end_with(intent, &[], "", true).await.map(drop)
    }

    async fn end_with(
        &self,
        intent: &Intent,
        row: &[u8],
        expected: &str,
        ends: bool,
    ) -> Result<Committed, Fault> {
        let generation = generation_text(intent.route.generation);
        let ends: &[u8] = if ends { b"1" } else { b"0" };
        let key = intent.key.as_str().as_bytes();
        let words = [key, generation.as_bytes(), row, expected.as_bytes(), ends];
        let answer =
            self.link.run(&COMMITTING, self.keys.of_writes(), &words, Repeat::Safe).await?;
        committed(answer.into_iter().next())
    }

    /// Registers a route.
    pub(super) async fn register(&self, key: &Key, route: &Route) -> Result<Committed, Fault> {
        let row = route_row(route).map_err(|_| Fault::Foreign)?;
        let words = [key.as_str().as_bytes(), &row];
        let answer =
            self.link.run(&REGISTERING, self.keys.of_routes(), &words, Repeat::Safe).await?;
        committed(answer.into_iter().next())
    }

    /// Removes a route, if its generation is still this one.
    pub(super) async fn remove(&self, key: &Key, generation: u64) -> Result<(), Fault> {
        let generation = generation_text(generation);
        let words = [key.as_str().as_bytes(), generation.as_bytes()];
        self.link.run(&REMOVING, self.keys.of_routes(), &words, Repeat::Safe).await.map(drop)
    }

    /// A page of routes in byte order of their names, from `start` on as Redis takes it; the
    /// last name if there may be more.
    pub(super) async fn page(
        &self,
        start: &str,
        count: usize,
    ) -> Result<(Option<String>, Vec<(Key, Route)>), Fault> {
        let count = count.to_string();
        let words = [start.as_bytes(), count.as_bytes()];
        let answer = self.link.run(&LISTING, self.keys.of_routes(), &words, Repeat::Safe).await?;
        let mut answer = answer.into_iter();
        let last = answer.next().map(bytes).transpose()?.flatten();
        let last = last.map(|name| String::from_utf8_lossy(&name).into_owned());
        let mut routes = Vec::new();
        while let (Some(name), Some(row)) = (answer.next(), answer.next()) {
            let (name, row) = (bytes(name)?, bytes(row)?);
            let (Some(name), Some(row)) = (name, row) else { continue };
            let Ok(key) = Key::from_bytes(&name) else { continue };
            routes.push((key, route_of_row(&row).map_err(|_| Fault::Damaged)?));
        }
        Ok((last, routes))
    }
}

fn period() -> String {
    PENDING_FOR.as_millis().to_string()
}

fn seen(mut answer: impl Iterator<Item = RedisResult>) -> Result<Seen, Fault> {
    let row = answer.next().map(bytes).transpose()?.flatten();
    let route = row.map(|row| route_of_row(&row)).transpose().map_err(|_| Fault::Damaged)?;
    let mut given_up = Vec::new();
    for write in answer {
        let write = bytes(write)?.unwrap_or_default();
        given_up.push(intent_of_pending(&write).ok_or(Fault::Damaged)?);
    }
    Ok(Seen { route, given_up })
}

fn committed(answer: Option<RedisResult>) -> Result<Committed, Fault> {
    let in_the_way = answer.map(bytes).transpose()?.flatten().unwrap_or_default();
    if in_the_way.is_empty() {
        return Ok(Committed::Yes);
    }
    let generation = std::str::from_utf8(&in_the_way).ok().and_then(|text| text.parse().ok());
    generation.map(Committed::Overtaken).ok_or(Fault::Foreign)
}
