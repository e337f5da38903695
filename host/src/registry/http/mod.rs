//! `HttpRegistry`: existing routing and config services as the registry.
//!
//! Those services keep less than a route says: no codec, no expiry, no attributes, no
//! generation. What a reader cannot do without travels with the bytes instead (see
//! [`Registry::keeps_codecs`]). Data and route are two requests to two servers, in this order: a
//! crash between them leaves data that nobody finds until the node is back.

mod records;

use super::{Document, Documents, Query, Registry, Table};
use crate::{
    Error, ErrorKind, Result,
    driver::http::{Service, refused},
};
use async_trait::async_trait;
use framedb_core::{
    Key, Kind, Route,
    routing::{self, Looked, Registered, table},
};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use http::{Method, StatusCode};
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::time::{Duration, Instant, SystemTime};

/// Requests that one call has under way at once.
const AT_ONCE: usize = 16;

/// Time between words in the log on queues that cannot be looked up: every new key asks for one.
const COMPLAIN_EVERY: Duration = Duration::from_secs(60);

/// A key that health is asked with: no sender may use it.
const PROBE: &str = "framedb-edge-health";

/// The routing and the config service of a site.
#[derive(Debug)]
pub struct HttpRegistry {
    routing: Service,
    config: Service,
    /// When the log was last told of questions for queues that fail. Held for one look.
    complained: Mutex<Option<Instant>>,
}

impl HttpRegistry {
    /// The services at these URLs; the config service is at the routing service's when it has no
    /// URL of its own.
    ///
    /// # Errors
    ///
    /// When a URL is none, or the routing service does not answer.
    pub async fn open(routing: &str, config: Option<&str>) -> Result<Self> {
        let registry = Self::at(routing, config)?;
        registry.health().await?;
        Ok(registry)
    }

    /// As [`HttpRegistry::open`], without asking.
    pub(super) fn at(routing: &str, config: Option<&str>) -> Result<Self> {
        Ok(Self {
            routing: Service::new(routing, "the routing service")?,
            config: Service::new(config.unwrap_or(routing), "the config service")?,
            complained: Mutex::default(),
        })
    }

    /// The route of a key in one of the two tables.
    async fn route(&self, key: &Key, is_stream: bool) -> Result<Option<Route>> {
        let path = ["framedb", table(is_stream), key.as_str()];
        let answer = self.routing.ask(Method::GET, &path, None).await?;
        match answer.looked(is_stream) {
            Looked::Found => read(key, is_stream, &answer.data()).map(Some),
            Looked::Absent => Ok(None),
            Looked::Unable => {
                self.complain(&refused(&answer, &format!("look up the queue {key}")));
                Ok(None)
            }
            Looked::Refused => Err(refused(&answer, &format!("look up {key}"))),
        }
    }

    /// Tells the log of a service that cannot be asked for queues, at most once in
    /// [`COMPLAIN_EVERY`].
    fn complain(&self, error: &Error) {
        let mut last = self.complained.lock();
        if last.is_some_and(|last| last.elapsed() < COMPLAIN_EVERY) {
            return;
        }
        *last = Some(Instant::now());
        drop(last);
        let error = error.chain();
        tracing::warn!(error, "the routing service fails to look for queues: they count as absent");
    }

    /// Objects first, then streams, as clients look.
    async fn find(&self, key: &Key) -> Result<Option<Route>> {
        match self.route(key, false).await? {
            Some(route) => Ok(Some(route)),
            None => self.route(key, true).await,
        }
    }

    async fn put(&self, key: &Key, route: &Route) -> Result<()> {
        let is_stream = route.kind == Kind::Stream;
        let body = routing::body(key, route);
        let path = ["framedb", table(is_stream)];
        let answer = self.routing.ask(Method::POST, &path, Some(&body)).await?;
        match answer.registered() {
            Registered::Done => Ok(()),
            Registered::Exists => self.update(key, is_stream, body).await,
            Registered::Refused => Err(refused(&answer, &format!("register {key}"))),
        }
    }

    async fn update(&self, key: &Key, is_stream: bool, body: Value) -> Result<()> {
        let path = ["framedb", table(is_stream), key.as_str(), "update"];
        let answer = self.routing.ask(Method::POST, &path, Some(&routing::change(body))).await?;
        match answer.changed() {
            true => Ok(()),
            false => Err(refused(&answer, &format!("register {key}"))),
        }
    }

    /// All routes that the service lists. The existing one lists no keys.
    async fn all(&self, query: &Query) -> Result<Vec<(Key, Route)>> {
        let mut routes = Vec::new();
        for is_stream in [false, true] {
            let wanted = query.kind.is_none_or(|kind| (kind == Kind::Stream) == is_stream);
            if !wanted {
                continue;
            }
            let filter = match &query.framedb_id {
                Some(id) => json!({ "framedb_id": id }),
                None => json!({}),
            };
            let path = ["framedb", table(is_stream)];
            let answer = self.routing.ask(Method::GET, &path, Some(&filter)).await?;
            if !answer.is_success() {
                return Err(refused(&answer, "list routes"));
            }
            for data in answer.data().as_array().into_iter().flatten() {
                let name = ["_id", "object_id", "queue_name"];
                let id = name.iter().find_map(|name| data.get(*name)?.as_str());
                let Some(id) = id else {
                    let message = format!(
                        "cannot list routes: the service at {} names no keys",
                        self.routing
                    );
                    let error = Error::new(ErrorKind::Unavailable, message).with_temporary(false);
                    return Err(error.with_hint(
                        "the existing routing service lists routes without their keys",
                    ));
                };
                let Ok(key) = Key::new(id) else { continue };
                let route = read(&key, is_stream, data)?;
                if query.wants(&key, &route) {
                    routes.push((key, route));
                }
            }
        }
        routes.sort_by(|(one, _), (other, _)| one.cmp(other));
        Ok(routes)
    }
}

/// Reads what the service answers for a key.
fn read(key: &Key, is_stream: bool, data: &Value) -> Result<Route> {
    routing::read(key, is_stream, data)
        .map_err(|wrong| Error::new(ErrorKind::Corrupt, wrong.to_string()))
}

#[async_trait]
impl Registry for HttpRegistry {
    async fn lookup(&self, keys: &[Key]) -> Result<Vec<Option<Route>>> {
        let questions: Vec<_> = keys.iter().map(|key| self.find(key)).collect();
        stream::iter(questions).buffered(AT_ONCE).try_collect().await
    }

    async fn register(&self, routes: &[(Key, Route)]) -> Vec<Result<()>> {
        // One after the other where a key is there twice: the later one counts.
        let twice = routes
            .iter()
            .enumerate()
            .any(|(n, (key, _))| routes.iter().take(n).any(|(earlier, _)| earlier == key));
        let at_once = if twice { 1 } else { AT_ONCE };
        let requests: Vec<_> = routes.iter().map(|(key, route)| self.put(key, route)).collect();
        stream::iter(requests).buffered(at_once).collect().await
    }

    async fn remove(&self, key: &Key, generation: Option<u64>) -> Result<bool> {
        let mut removed = false;
        for is_stream in [false, true] {
            let Some(route) = self.route(key, is_stream).await? else { continue };
            if generation.is_some_and(|generation| generation != route.generation) {
                continue;
            }
            let path = ["framedb", table(is_stream), key.as_str()];
            let answer = self.routing.ask(Method::DELETE, &path, None).await?;
            match answer {
                answer if answer.is_success() => removed = true,
                answer if answer.status == StatusCode::NOT_FOUND => {}
                answer => return Err(refused(&answer, &format!("remove the route of {key}"))),
            }
        }
        Ok(removed)
    }

    /// The services keep the copies of a key that is registered again, and take the place of an
    /// object of the same size for one.
    async fn forget_copy(&self, key: &Key, framedb_id: &str) -> Result<()> {
        let body = json!({ "framedb_id": framedb_id });
        let path = ["framedb", table(false), key.as_str(), "remove-copy"];
        let answer = self.routing.ask(Method::POST, &path, Some(&body)).await?;
        match answer {
            answer if answer.is_success() || answer.status == StatusCode::NOT_FOUND => Ok(()),
            answer => Err(refused(&answer, &format!("forget a copy of {key}"))),
        }
    }

    async fn list(&self, query: &Query) -> Result<Vec<(Key, Route)>> {
        let mut routes = self.all(query).await?;
        routes.truncate(query.limit);
        Ok(routes)
    }

    /// The services keep no expiry: engines that do remove what has expired by themselves.
    async fn expired(&self, _now: SystemTime, _limit: usize) -> Result<Vec<(Key, Route)>> {
        Ok(Vec::new())
    }

    async fn count(&self) -> Result<u64> {
        let query = Query { limit: usize::MAX, ..Query::default() };
        Ok(self.all(&query).await?.len() as u64)
    }

    async fn health(&self) -> Result<()> {
        let path = ["framedb", "objects", PROBE];
        let answer = self.routing.ask(Method::GET, &path, None).await?;
        match answer.status.is_server_error() {
            true => Err(refused(&answer, &format!("use the routing service at {}", self.routing))),
            false => Ok(()),
        }
    }

    fn describe(&self) -> String {
        format!("the routing service at {}, the config service at {}", self.routing, self.config)
    }

    fn is_own(&self) -> bool {
        false
    }

    fn keeps_codecs(&self) -> bool {
        false
    }
}

#[async_trait]
impl Documents for HttpRegistry {
    async fn document(&self, table: Table, id: &str) -> Result<Option<Document>> {
        match table {
            Table::Instances => records::find(&self.config, id).await,
            Table::Sources | Table::State => Ok(None),
        }
    }

    async fn documents(&self, table: Table) -> Result<Vec<Document>> {
        match table {
            Table::Instances => records::all(&self.config).await,
            Table::Sources | Table::State => Ok(Vec::new()),
        }
    }

    async fn write_document(
        &self,
        table: Table,
        id: &str,
        _body: &Value,
        _revision: Option<u64>,
    ) -> Result<u64> {
        Err(self.kept_elsewhere(table, id))
    }

    async fn remove_document(&self, table: Table, id: &str, _: Option<u64>) -> Result<bool> {
        Err(self.kept_elsewhere(table, id))
    }
}

impl HttpRegistry {
    /// The error of a change to what other services keep.
    fn kept_elsewhere(&self, table: Table, id: &str) -> Error {
        let what = format!("cannot change {}/{id} through this node", table.as_str());
        let hint = match table {
            Table::Instances => format!("change it at the config service, {}", self.config),
            Table::Sources | Table::State => {
                "keep the registry in etcd, in Redis or on the disk for that".to_owned()
            }
        };
        Error::new(ErrorKind::Invalid, what).with_hint(hint)
    }
}
