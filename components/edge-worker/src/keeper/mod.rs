//! `Keeper`: where objects and routes are kept, and how both become visible together.

use crate::settings::Settings;
use bytes::Bytes;
use framedb_core::{Attribute, Codec, Failure, FailureClass, Key, Kind, Placement, Route, Stage};
use std::{sync::Arc, time::Duration};

/// The instances and the registry. It is opened once in a worker instance, and keeps its
/// connections.
#[derive(Debug)]
pub struct Keeper {}

/// An object that is ready to be stored.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// The object's id, which makes a push idempotent.
    pub id: Arc<str>,
    /// The key it is found under: resolve's, else the sender's.
    pub key: Key,
    /// Where it goes, and for how long. Its own `key` is not looked at.
    pub placement: Placement,
    /// The bytes to store, with their frame where [`Keeper::frames`] says so.
    pub data: Bytes,
    /// Who wrote the bytes, when they are not the sender's.
    pub codec: Option<Codec>,
    /// Bytes of the payload before serialization.
    pub size: u64,
    /// The sender's metadata.
    pub metadata: Arc<str>,
    /// Declared or found content type.
    pub content_type: Option<Arc<str>>,
    /// What plugins added.
    pub attributes: Arc<[Attribute]>,
    /// Whether elements of this queue are kept without frames.
    pub unframed: bool,
}

/// An object as it is stored.
#[derive(Debug, Clone)]
pub struct Found {
    /// Its route; [`Route::writer_of`] says who wrote the bytes.
    pub route: Route,
    /// The stored bytes as they are.
    pub data: Bytes,
}

/// Which routes a listing shows.
#[derive(Debug, Clone, Default)]
pub struct Query {
    /// What keys start with.
    pub prefix: String,
    /// The key after which to begin; `None` begins at the first.
    pub after: Option<String>,
    /// How many at most.
    pub limit: usize,
    /// One kind only.
    pub kind: Option<Kind>,
    /// One instance only.
    pub framedb_id: Option<String>,
}

/// An element of a queue that was leased.
#[derive(Debug, Clone)]
pub struct Leased {
    /// The bytes as they are stored.
    pub data: Bytes,
    /// What `ack`, `nack` and `extend` are called with.
    pub token: String,
    /// How often it was handed out.
    pub deliveries: u32,
}

/// How many elements a queue has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Length {
    /// Elements that wait.
    pub ready: u64,
    /// Elements that are leased.
    pub leased: u64,
}

impl Keeper {
    /// Opens what the settings name. Servers are connected to when they are first needed.
    ///
    /// # Errors
    ///
    /// When a URL cannot be used; the message names its variable.
    pub async fn open(_settings: &Settings) -> Result<Self, Failure> {
        Ok(Self {})
    }

    /// Whether bytes of this kind carry their codec in a frame, because their route cannot.
    #[must_use]
    pub fn frames(&self, kind: Kind) -> bool {
        kind == Kind::Stream
    }

    /// The route of a key, if there is one and it has not expired.
    ///
    /// # Errors
    ///
    /// When the registry cannot be asked.
    pub async fn route(&self, _key: &Key) -> Result<Option<Route>, Failure> {
        Err(absent())
    }

    /// Stores an object, or pushes it where its kind is `stream`, and registers it.
    ///
    /// # Errors
    ///
    /// When it is not stored and findable.
    pub async fn put(&self, _object: Prepared) -> Result<Route, Failure> {
        Err(absent())
    }

    /// An object with its bytes; nothing where there is none, or it has expired. A queue has no
    /// bytes to be read this way: its route is answered by [`Keeper::route`].
    ///
    /// # Errors
    ///
    /// When the registry or the instance cannot be asked.
    pub async fn get(&self, _key: &Key) -> Result<Option<Found>, Failure> {
        Err(absent())
    }

    /// Deletes an object or a queue with all its copies; whether there was one.
    ///
    /// # Errors
    ///
    /// When something of it may still be there.
    pub async fn delete(&self, _key: &Key) -> Result<bool, Failure> {
        Err(absent())
    }

    /// Routes in byte order of their keys.
    ///
    /// # Errors
    ///
    /// When the registry cannot be asked.
    pub async fn list(&self, _query: &Query) -> Result<Vec<(Key, Route)>, Failure> {
        Err(absent())
    }

    /// Leases the oldest element of a queue.
    ///
    /// # Errors
    ///
    /// When the queue cannot be reached, or there can be none here.
    pub async fn lease(&self, _queue: &Key, _period: Duration) -> Result<Option<Leased>, Failure> {
        Err(absent())
    }

    /// Ends a lease: the element is done with. Whether there was such a lease.
    ///
    /// # Errors
    ///
    /// When the queue cannot be reached, or there can be none here.
    pub async fn ack(&self, _queue: &Key, _token: &str) -> Result<bool, Failure> {
        Err(absent())
    }

    /// Ends a lease: the element goes back. Whether there was such a lease.
    ///
    /// # Errors
    ///
    /// When the queue cannot be reached, or there can be none here.
    pub async fn nack(&self, _queue: &Key, _token: &str) -> Result<bool, Failure> {
        Err(absent())
    }

    /// Makes a lease end later. Whether there was such a lease.
    ///
    /// # Errors
    ///
    /// When the queue cannot be reached, or there can be none here.
    pub async fn extend(
        &self,
        _queue: &Key,
        _token: &str,
        _period: Duration,
    ) -> Result<bool, Failure> {
        Err(absent())
    }

    /// Takes the oldest element out of a queue.
    ///
    /// # Errors
    ///
    /// When the queue cannot be reached, or there can be none here.
    pub async fn pop(&self, _queue: &Key) -> Result<Option<Bytes>, Failure> {
        Err(absent())
    }

    /// How many elements a queue has; nothing where there is no such queue.
    ///
    /// # Errors
    ///
    /// When the queue cannot be reached, or there can be none here.
    pub async fn length(&self, _queue: &Key) -> Result<Option<Length>, Failure> {
        Err(absent())
    }
}

/// The answer of a part that is being written.
fn absent() -> Failure {
    Failure::new(FailureClass::Unavailable, Stage::Sink, "this is not kept here yet")
}
