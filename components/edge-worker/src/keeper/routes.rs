//! `Routes`: the registry, wherever it is.

use super::{
    fault::Fault,
    key_value::KeyValue,
    link::Link,
    redis_routes::{Committed, RedisRoutes},
    routing::Routing,
};
use crate::settings::Server;
use bytes::Bytes;
use framedb_core::{
    Failure, FailureClass, Intent, Key, Kind, Query, Route, Stage, redis::registry::Keys,
    spin::Address,
};

/// The name that messages have for it.
const PLACE: &str = "the registry";

/// Routes that one step of a listing asks for.
const STEP: usize = 256;

/// Where routes are kept.
#[derive(Debug)]
pub(super) enum Routes {
    KeyValue(KeyValue),
    Redis(RedisRoutes),
    Service(Routing),
}

/// What a key has.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// Its route.
    pub(super) route: Option<Route>,
    /// The object, where it is one value with its route.
    pub(super) data: Option<Bytes>,
    /// Writes of the key that were given up.
    pub(super) given_up: Vec<Intent>,
}

impl Routes {
    /// The registry that settings describe.
    ///
    /// # Errors
    ///
    /// When it is none.
    pub(super) fn new(server: &Server) -> Result<Self, Failure> {
        let wrong = || {
            let what = format!("the variable `{}` names no registry", server.variable);
            Failure::new(FailureClass::Denied, Stage::Registration, what)
        };
        Ok(match server.address.clone() {
            Address::KeyValue(label) => Self::KeyValue(KeyValue::new(label)),
            Address::Redis(redis) => {
                let keys = Keys::new(&redis.prefix).map_err(|_| wrong())?;
                Self::Redis(RedisRoutes::new(Link::new(redis.url), keys))
            }
            Address::Http(url) => Self::Service(Routing::new(&url).ok_or_else(wrong)?),
            Address::Mysql(_) => return Err(wrong()),
        })
    }

    /// Whether routes keep who wrote their bytes.
    pub(super) fn keep_codecs(&self) -> bool {
        !matches!(self, Self::Service(_))
    }

    /// Whether routes are ours to remove when they lead nowhere. Those of an existing service may
    /// be of clients that register first and write then.
    pub(super) fn are_own(&self) -> bool {
        !matches!(self, Self::Service(_))
    }

    /// What a key has.
    pub(super) async fn look(&self, key: &Key) -> Result<Known, Failure> {
        let failed = |fault: Fault| unread(fault, &format!("look up {key} in"));
        match self {
            Self::KeyValue(store) => Ok(match store.get(key).await.map_err(failed)? {
                Some(entry) => {
                    Known { route: Some(entry.route), data: entry.data, ..Known::default() }
                }
                None => Known::default(),
            }),
            Self::Redis(routes) => {
                let seen = routes.look(key).await.map_err(failed)?;
                Ok(Known { route: seen.route, data: None, given_up: seen.given_up })
            }
            Self::Service(service) => {
                Ok(Known { route: service.look(key).await?, ..Known::default() })
            }
        }
    }

    /// Registers a route; the answer says whether a newer one is in the way.
    pub(super) async fn register(&self, key: &Key, route: &Route) -> Result<Committed, Failure> {
        let attempt = format!("register {key} in");
        match self {
            Self::KeyValue(store) => {
                let stored = store.set(key, route, None).await;
                stored.map(|()| Committed::Yes).map_err(|fault| failed(fault, &attempt))
            }
            Self::Redis(routes) => {
                routes.register(key, route).await.map_err(|fault| failed(fault, &attempt))
            }
            Self::Service(service) => service.register(key, route).await.map(|()| Committed::Yes),
        }
    }

    /// Removes a route, if its generation is still this one.
    pub(super) async fn remove(&self, key: &Key, generation: u64) -> Result<(), Failure> {
        let failed = |fault: Fault| failed(fault, &format!("remove the route of {key} from"));
        match self {
            Self::KeyValue(store) => {
                let entry = store.get(key).await.map_err(failed)?;
                match entry.is_some_and(|entry| entry.route.generation == generation) {
                    true => store.delete(key).await.map_err(failed),
                    false => Ok(()),
                }
            }
            Self::Redis(routes) => routes.remove(key, generation).await.map_err(failed),
            Self::Service(service) => service.remove(key, generation).await,
        }
    }

    /// Forgets a copy that was deleted, where the registry keeps it beside a new route.
    pub(super) async fn forget_copy(&self, key: &Key, framedb_id: &str) -> Result<(), Failure> {
        match self {
            Self::Service(service) => service.forget_copy(key, framedb_id).await,
            _ => Ok(()),
        }
    }

    /// Routes in byte order of their keys, of which `wanted` decides.
    pub(super) async fn list(
        &self,
        query: &Query,
        wanted: impl Fn(&Key, &Route) -> bool,
    ) -> Result<Vec<(Key, Route)>, Failure> {
        const ATTEMPT: &str = "list routes in";
        let mut routes: Vec<(Key, Route)> = Vec::new();
        match self {
            Self::KeyValue(store) => {
                let failed = |fault: Fault| unread(fault, ATTEMPT);
                let keys = store.keys(&query.prefix, query.after.as_deref()).await;
                for key in keys.map_err(failed)? {
                    if routes.len() >= query.limit {
                        break;
                    }
                    let entry = store.get(&key).await.map_err(failed)?;
                    let route = entry.map(|entry| entry.route);
                    routes.extend(route.filter(|r| wanted(&key, r)).map(|route| (key, route)));
                }
            }
            Self::Redis(registry) => {
                let mut start = match &query.after {
                    Some(after) if *after >= query.prefix => format!("({after}"),
                    _ => format!("[{}", query.prefix),
                };
                while routes.len() < query.limit {
                    let page = registry.page(&start, STEP).await;
                    let (last, page) = page.map_err(|fault| unread(fault, ATTEMPT))?;
                    let fits = page.into_iter().filter(|(key, route)| wanted(key, route));
                    routes.extend(fits.take(query.limit - routes.len()));
                    // Behind the prefix nothing follows.
                    match last {
                        Some(last) if last.starts_with(&query.prefix) => start = format!("({last}"),
                        _ => break,
                    }
                }
            }
            Self::Service(service) => {
                for is_stream in [false, true] {
                    if query.kind.is_none_or(|kind| (kind == Kind::Stream) == is_stream) {
                        let all = service.all(is_stream, query.framedb_id.as_deref()).await?;
                        routes.extend(all.into_iter().filter(|(key, route)| wanted(key, route)));
                    }
                }
                routes.sort_by(|(one, _), (other, _)| one.cmp(other));
                routes.truncate(query.limit);
            }
        }
        Ok(routes)
    }
}

/// The failure of a change.
pub(super) fn failed(fault: Fault, attempt: &str) -> Failure {
    fault.failure(Stage::Registration, attempt, PLACE)
}

/// The failure of a look.
fn unread(fault: Fault, attempt: &str) -> Failure {
    fault.unread(Stage::Registration, attempt, PLACE)
}
