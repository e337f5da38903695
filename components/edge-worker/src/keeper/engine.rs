//! `Engine`: what keeps an instance's bytes.

use super::{
    fault::Fault,
    key_value::KeyValue,
    link::{Link, Repeat},
    mysql::Mysql,
    redis::Redis,
};
use crate::settings;
use bytes::Bytes;
use framedb_core::{Failure, FailureClass, Key, Route, Stage, spin::Address};
use std::{sync::Arc, time::Duration};

/// Bytes that a value may have: what Spin answers a component is bounded by 128 MiB, with what
/// goes along.
const MAX_VALUE: usize = 120 << 20;

/// How long a Redis keeps what tells two instances apart, where it is not removed.
const SIGN_KEPT: Duration = Duration::from_secs(60);

/// An instance with its engine.
#[derive(Debug)]
pub(super) struct Instance {
    pub(super) id: Arc<str>,
    /// The variable that says where it is.
    variable: String,
    pub(super) engine: Engine,
}

/// What keeps bytes.
#[derive(Debug)]
pub(super) enum Engine {
    KeyValue(KeyValue),
    Redis(Redis),
    Mysql(Mysql),
}

impl Instance {
    /// The instance that settings describe.
    pub(super) fn new(settings: &settings::Instance) -> Option<Self> {
        let engine = match settings.server.address.clone() {
            Address::KeyValue(label) => Engine::KeyValue(KeyValue::new(label)),
            Address::Redis(redis) => Engine::Redis(Redis::new(Link::new(redis.url))),
            Address::Mysql(url) => Engine::Mysql(Mysql::new(url)),
            Address::Http(_) => return None,
        };
        Some(Self { id: settings.id.clone(), variable: settings.server.variable.clone(), engine })
    }

    /// Stores an object, whose route goes along where the engine keeps it.
    pub(super) async fn put(
        &self,
        key: &Key,
        route: &Route,
        data: &Bytes,
        time_to_live: Option<Duration>,
    ) -> Result<(), Fault> {
        match &self.engine {
            Engine::KeyValue(store) => store.set(key, route, Some(data)).await,
            Engine::Redis(redis) => redis.set(key, data, time_to_live).await,
            Engine::Mysql(mysql) => mysql.set(key, data).await,
        }
    }

    /// An object's bytes.
    ///
    /// # Errors
    ///
    /// When the engine cannot be asked.
    pub(super) async fn get(&self, key: &Key) -> Result<Option<Bytes>, Failure> {
        let found = match &self.engine {
            Engine::KeyValue(store) => {
                store.get(key).await.map(|entry| entry.and_then(|entry| entry.data))
            }
            Engine::Redis(redis) => redis.get(key).await,
            Engine::Mysql(mysql) => mysql.get(key).await,
        };
        found.map_err(|fault| self.unread(fault, &format!("read {key} from")))
    }

    /// Whether it can be used.
    ///
    /// # Errors
    ///
    /// Says why not.
    pub(super) async fn check(&self) -> Result<(), Failure> {
        let answered = match &self.engine {
            Engine::KeyValue(store) => store.ping().await,
            Engine::Redis(redis) => redis.link.ask("PING", &[], Repeat::Safe).await.map(drop),
            Engine::Mysql(mysql) => mysql.ping().await,
        };
        answered.map_err(|fault| self.unread(fault, "use"))
    }

    /// Deletes an object.
    ///
    /// # Errors
    ///
    /// When it may still be there.
    pub(super) async fn delete(&self, key: &Key) -> Result<(), Failure> {
        let deleted = match &self.engine {
            Engine::KeyValue(store) => store.delete(key).await,
            Engine::Redis(redis) => redis.delete(key).await,
            Engine::Mysql(mysql) => mysql.delete(key).await,
        };
        deleted.map_err(|fault| self.failed(fault, &format!("delete {key} from")))
    }

    /// The instance's queues.
    ///
    /// # Errors
    ///
    /// When it keeps none.
    pub(super) fn queues(&self) -> Result<&Redis, Failure> {
        let Self { id, variable, engine } = self;
        let what = match engine {
            Engine::Redis(redis) => return Ok(redis),
            Engine::KeyValue(_) => format!(
                "the instance `{id}` keeps no queues: they need a Redis, by a URL in the variable \
                 `{variable}`"
            ),
            Engine::Mysql(_) => format!(
                "the instance `{id}` keeps no queues: they need an instance whose variable names a \
                 Redis, and `{variable}` names a database"
            ),
        };
        Err(Failure::new(FailureClass::Unsupported, Stage::Sink, what))
    }

    /// Refuses a value that could not be read back.
    ///
    /// # Errors
    ///
    /// When it is too large.
    pub(super) fn check_size(&self, key: &Key, data: &[u8]) -> Result<(), Failure> {
        let bytes = data.len();
        if bytes <= MAX_VALUE {
            return Ok(());
        }
        let what = format!(
            "cannot store {key} on `{}`: its {bytes} bytes exceed the {MAX_VALUE} that Spin gives \
             back",
            self.id
        );
        Err(Failure::new(FailureClass::TooLarge, Stage::Sink, what))
    }

    /// Whether both keep a key's bytes in the same place, whatever their addresses: what is written
    /// to one is looked for in the other, under a key that begins as `like` does.
    ///
    /// # Errors
    ///
    /// When one of them cannot be asked.
    pub(super) async fn is_one_with(&self, other: &Self, like: &Key) -> Result<bool, Failure> {
        let alike = matches!(
            (&self.engine, &other.engine),
            (Engine::Redis(_), Engine::Redis(_)) | (Engine::Mysql(_), Engine::Mysql(_))
        );
        if !alike || self.shares_place(other) {
            return Ok(self.shares_place(other));
        }
        let key = like
            .with_end(&format!("~{}", uuid::Uuid::new_v4()))
            .map_err(|error| Failure::new(FailureClass::Invalid, Stage::Sink, error.to_string()))?;
        let written = match &self.engine {
            Engine::Redis(redis) => redis.set(&key, b"", Some(SIGN_KEPT)).await,
            Engine::Mysql(mysql) => mysql.set(&key, b"").await,
            Engine::KeyValue(_) => return Ok(false),
        };
        let found = match written {
            Ok(()) => other.get(&key).await.map(|found| found.is_some()),
            Err(fault) => Err(self.failed(fault, &format!("tell `{}` from", other.id))),
        };
        self.delete(&key).await?;
        found
    }

    /// Whether both have the same address.
    pub(super) fn shares_place(&self, other: &Self) -> bool {
        match (&self.engine, &other.engine) {
            (Engine::KeyValue(one), Engine::KeyValue(other)) => one.is(other),
            (Engine::Redis(one), Engine::Redis(other)) => one.link.is(&other.link),
            (Engine::Mysql(one), Engine::Mysql(other)) => one.is(other),
            _ => false,
        }
    }

    /// The failure of a write.
    pub(super) fn failed(&self, fault: Fault, attempt: &str) -> Failure {
        fault.failure(Stage::Sink, attempt, &format!("`{}`", self.id))
    }

    /// The failure of a read, whose outcome is of no consequence.
    pub(super) fn unread(&self, fault: Fault, attempt: &str) -> Failure {
        fault.unread(Stage::Sink, attempt, &format!("`{}`", self.id))
    }
}
