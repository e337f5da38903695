//! `Keeper`: where objects and routes are kept, and how both become visible together.
//!
//! In reading order: [`put`] and [`push`] write, [`read`] reads and deletes. [`routes`] is the
//! registry: in a key-value store, in Redis ([`redis_routes`]) or at the routing service
//! ([`routing`]). [`engine`] is an instance: in a key-value store ([`key_value`]), on Redis
//! ([`redis`], over a [`link`]) or in a database ([`mysql`]). What fails is a [`fault`], told
//! without addresses.

mod engine;
mod fault;
mod key_value;
mod link;
mod mysql;
mod push;
mod put;
mod read;
mod redis;
mod redis_routes;
mod routes;
mod routing;
mod wait;

use crate::settings::Settings;
use bytes::Bytes;
use engine::{Engine, Instance};
use framedb_core::{
    Attribute, Codec, Failure, FailureClass, Generations, Key, Kind, Placement, Query, Route, Stage,
};
use futures::future::{join, join_all};
use routes::Routes;
use std::sync::Arc;

/// The instances and the registry. It is opened once in a worker instance, and keeps its
/// connections.
#[derive(Debug)]
pub struct Keeper {
    instances: Vec<Instance>,
    routes: Routes,
    generations: Generations,
}

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
    pub async fn open(settings: &Settings) -> Result<Self, Failure> {
        Ok(Self {
            instances: settings.instances.iter().filter_map(Instance::new).collect(),
            routes: Routes::new(&settings.registry)?,
            generations: Generations::new(),
        })
    }

    /// Whether bytes of this kind carry their codec in a frame, because their route cannot.
    #[must_use]
    pub fn frames(&self, kind: Kind) -> bool {
        kind == Kind::Stream || !self.routes.keep_codecs()
    }

    /// Whether an instance has what it acknowledges on its disk, as a node counts it.
    #[must_use]
    pub fn synced(&self, framedb_id: &str) -> bool {
        let engine = self.known(framedb_id).map(|instance| &instance.engine);
        matches!(engine, Some(Engine::Mysql(_)))
    }

    /// Whether the registry, and each instance by its id, can be used.
    pub async fn health(&self) -> (Result<(), Failure>, Vec<(Arc<str>, Result<(), Failure>)>) {
        let instances = self.instances.iter();
        let instances =
            instances.map(async |instance| (instance.id.clone(), instance.check().await));
        let any = Query { limit: 1, ..Query::default() };
        let registry = async { self.list(&any).await.map(drop) };
        join(registry, join_all(instances)).await
    }

    /// Stores an object, or pushes it where its kind is `stream`, and registers it.
    ///
    /// # Errors
    ///
    /// When it is not known to be stored and findable.
    pub async fn put(&self, object: Prepared) -> Result<Route, Failure> {
        match object.placement.kind {
            Kind::Stream => self.push(&object).await,
            Kind::InMemory | Kind::Storage => self.put_object(&object).await,
        }
    }

    /// An instance that there may be.
    fn known(&self, framedb_id: &str) -> Option<&Instance> {
        self.instances.iter().find(|instance| &*instance.id == framedb_id)
    }

    /// An instance that there must be.
    fn instance(&self, framedb_id: &str) -> Result<&Instance, Failure> {
        self.known(framedb_id).ok_or_else(|| {
            let known: Vec<_> = self.instances.iter().map(|instance| &*instance.id).collect();
            let what = format!("no instance `{framedb_id}` among {}", known.join(", "));
            Failure::new(FailureClass::Invalid, Stage::Resolve, what)
        })
    }
}
