//! The plugin: one lookup for what a batch does not know yet, and the route of each object.

use crate::{cache::Cache, fields, route::Route};
use framedb_plugin::{
    grants::is_not_granted,
    resolve::{Envelope, Kind, Placement, Resolve, Verdict},
};
use spin_sdk::redis::{Connection, Error, RedisParameter, RedisResult};
use std::{
    cell::RefCell,
    time::{Duration, Instant},
};

/// What the operator sets.
#[derive(Debug, serde::Deserialize)]
pub struct Settings {
    /// `redis_table_address`: the label of a granted Redis on a node, its address under Spin.
    address: String,
    /// `redis_table_hash`: the key of the hash that is the table.
    #[serde(default = "hash")]
    hash: String,
    /// `redis_table_time_to_live_ms`: how long what the table said is gone by.
    #[serde(default = "time_to_live")]
    time_to_live_ms: u64,
    /// `redis_table_fallback`: the route of objects that the table has none for; without it they
    /// are refused.
    fallback: Option<Route>,
    /// `redis_table_on_error`: what to do while Redis cannot be asked.
    #[serde(default)]
    on_error: OnError,
}

/// What to do with objects while the table cannot be asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
enum OnError {
    /// Try again later, unless a grant is missing: then refuse them.
    #[default]
    Retry,
    /// Go by what the table said last, and try again later where it said nothing.
    Stale,
    /// Go by the fallback.
    Fallback,
}

/// Places objects by a table of routes in Redis.
pub struct RedisTable {
    settings: Settings,
    /// Borrowed for a look, never while waiting.
    cache: RefCell<Cache>,
}

impl RedisTable {
    /// Asks for these fields in one command.
    async fn ask(&self, asked: Vec<String>, now: Instant) -> Result<(), String> {
        let failed = |error: Error| match error {
            Error::Other(text) => text,
            Error::TypeError => format!("`{}` is not a hash in Redis", self.settings.hash),
            Error::InvalidAddress => "`redis_table_address` is no address".to_owned(),
            Error::TooManyConnections => "there are too many open connections".to_owned(),
        };
        let connection = Connection::open(&self.settings.address).await.map_err(failed)?;
        let hash = RedisParameter::Binary(self.settings.hash.clone().into_bytes());
        let words = asked.iter().map(|field| RedisParameter::Binary(field.clone().into_bytes()));
        let answer = connection.execute("HMGET", std::iter::once(hash).chain(words)).await;
        let values = answer.map_err(failed)?;
        let mut cache = self.cache.borrow_mut();
        for (field, value) in asked.into_iter().zip(values) {
            let value = match value {
                RedisResult::Binary(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
                _ => None,
            };
            cache.insert(field, value, now);
        }
        Ok(())
    }

    fn decide(&self, envelope: &Envelope<'_>, fields: &[String], failed: Option<&str>) -> Verdict {
        if let Some(framedb_id) = envelope.framedb_id {
            return Verdict::place(framedb_id, envelope.kind.unwrap_or(Kind::Storage));
        }
        let cache = self.cache.borrow();
        let known = cache.first(fields);
        let unknown = |reason: &str| {
            let why = format!("cannot ask for the route: {reason}");
            if is_not_granted(reason) { Verdict::reject(why) } else { Verdict::retry(why) }
        };
        let route = match (failed, self.settings.on_error, known) {
            (None, _, Some(text)) | (Some(_), OnError::Stale, Some(text)) => Route::parse(text),
            (Some(reason), OnError::Retry | OnError::Stale, _) => return unknown(reason),
            (None, _, None) | (Some(_), OnError::Fallback, _) => match &self.settings.fallback {
                Some(route) => Ok(route.clone()),
                None => Err(format!("there is no route for the key `{}`", envelope.key)),
            },
        };
        match route {
            Ok(Route { framedb_id, kind }) => Verdict::Place(Placement {
                framedb_id,
                kind: envelope.kind.or(kind).unwrap_or(Kind::Storage),
                key: None,
                time_to_live: None,
            }),
            Err(reason) => Verdict::reject(reason),
        }
    }
}

impl Resolve for RedisTable {
    const NAME: &'static str = "redis-table";
    type Settings = Settings;

    fn new(settings: Settings) -> Result<Self, String> {
        if settings.on_error == OnError::Fallback && settings.fallback.is_none() {
            return Err("set `redis_table_fallback`: `redis_table_on_error` needs it".to_owned());
        }
        Ok(Self { settings, cache: RefCell::default() })
    }

    async fn place(&self, envelope: Envelope<'_>) -> Verdict {
        self.place_batch(vec![envelope]).await.pop().unwrap_or_else(|| Verdict::retry("no answer"))
    }

    async fn place_batch(&self, batch: Vec<Envelope<'_>>) -> Vec<Verdict> {
        let (now, time) = (Instant::now(), Duration::from_millis(self.settings.time_to_live_ms));
        let fields: Vec<Vec<String>> = batch
            .iter()
            .map(|envelope| match envelope.framedb_id {
                Some(_) => Vec::new(),
                None => fields::of(envelope),
            })
            .collect();
        let mut asked: Vec<String> = fields.iter().flatten().cloned().collect();
        asked.sort_unstable();
        asked.dedup();
        self.cache.borrow_mut().make_room(asked.len());
        asked.retain(|field| !self.cache.borrow().is_fresh(field, time, now));
        let failed = if asked.is_empty() { None } else { self.ask(asked, now).await.err() };
        let verdict = |(envelope, fields)| self.decide(envelope, fields, failed.as_deref());
        batch.iter().zip(&fields).map(|(e, f)| verdict((e, f.as_slice()))).collect()
    }
}

fn hash() -> String {
    "framedb:routes".to_owned()
}

fn time_to_live() -> u64 {
    5000
}
