//! Reading, listing and deleting.

use super::{
    Found, Keeper,
    engine::Engine,
    routes::{Known, Routes},
};
use bytes::Bytes;
use framedb_core::{Failure, Key, Kind, Query, Route, Writer};
use std::time::SystemTime;

impl Keeper {
    /// What a key has, after writes of it that were given up are settled.
    pub(super) async fn settled(&self, key: &Key) -> Result<Known, Failure> {
        let known = self.routes.look(key).await?;
        let Routes::Redis(routes) = &self.routes else { return Ok(known) };
        if known.given_up.is_empty() {
            return Ok(known);
        }
        for intent in &known.given_up {
            self.settle(routes, intent).await?;
        }
        self.routes.look(key).await
    }

    /// The same, of what is not gone.
    async fn current(&self, key: &Key) -> Result<Known, Failure> {
        let known = self.settled(key).await?;
        match &known.route {
            Some(route) if route.expired(SystemTime::now()) => {
                self.remove_gone(key, route).await?;
                Ok(Known::default())
            }
            _ => Ok(known),
        }
    }

    /// The route of a key, if there is one and it has not expired.
    ///
    /// # Errors
    ///
    /// When the registry cannot be asked.
    pub async fn route(&self, key: &Key) -> Result<Option<Route>, Failure> {
        Ok(self.current(key).await?.route)
    }

    /// An object with its bytes; nothing where there is none, or it has expired. Of a queue, whose
    /// bytes are not read this way, there is the route alone.
    ///
    /// # Errors
    ///
    /// When the registry or the instance cannot be asked.
    pub async fn get(&self, key: &Key) -> Result<Option<Found>, Failure> {
        let known = self.current(key).await?;
        let Some(found) = self.read(key, known).await? else { return Ok(None) };
        let Some(data) = found.data else {
            // Removed meanwhile, or a foreign hand took the data: the route goes if it is still
            // the same one.
            if self.routes.are_own() {
                self.routes.remove(key, found.route.generation).await?;
            }
            let newer = self.current(key).await?;
            let same = newer.route.as_ref().map(|route| route.generation);
            if same.is_none_or(|same| same == found.route.generation) {
                return Ok(None);
            }
            let again = self.read(key, newer).await?;
            return Ok(again.and_then(Read::whole));
        };
        let found = Found { route: found.route, data };
        if !matches!(found.route.writer_of(&found.data), Writer::Foreign) {
            return Ok(Some(found));
        }
        // A writer may just have been at it: after a second look, the bytes are somebody else's.
        let newer = self.current(key).await?;
        if newer.route.is_none() || newer.route.as_ref() == Some(&found.route) {
            return Ok(Some(found));
        }
        let again = self.read(key, newer).await?;
        Ok(again.and_then(Read::whole).or(Some(found)))
    }

    /// Routes in byte order of their keys; those that have expired are left out.
    ///
    /// # Errors
    ///
    /// When the registry cannot be asked.
    pub async fn list(&self, query: &Query) -> Result<Vec<(Key, Route)>, Failure> {
        let now = SystemTime::now();
        let wanted = |key: &Key, route: &Route| query.wants(key, route) && !route.expired(now);
        self.routes.list(query, wanted).await
    }

    /// Deletes an object or a queue with all its copies; whether there was one.
    ///
    /// # Errors
    ///
    /// When something of it may still be there.
    pub async fn delete(&self, key: &Key) -> Result<bool, Failure> {
        let Some(route) = self.route(key).await? else { return Ok(false) };
        // Copies first: where one cannot be reached, the object is still there to be deleted.
        for place in route.copies.iter().chain([&route.place()]) {
            let Some(instance) = self.known(&place.framedb_id) else { continue };
            if place.kind == Kind::Stream {
                let purged = instance.queues()?.purge(key).await;
                purged.map_err(|fault| instance.failed(fault, &format!("purge {key} on")))?;
            } else {
                instance.delete(key).await?;
            }
        }
        self.routes.remove(key, route.generation).await?;
        Ok(true)
    }

    /// The bytes under a route: the primary's, else any copy's.
    async fn read(&self, key: &Key, known: Known) -> Result<Option<Read>, Failure> {
        let Known { route, data, .. } = known;
        let Some(route) = route else { return Ok(None) };
        if route.kind == Kind::Stream {
            return Ok(Some(Read { route, data: Some(Bytes::new()) }));
        }
        if data.is_some() {
            return Ok(Some(Read { route, data }));
        }
        let copies = route.copies.iter().filter(|copy| copy.kind != Kind::Stream);
        let copies = copies.map(|copy| copy.framedb_id.clone());
        let places: Vec<_> = [route.framedb_id.clone()].into_iter().chain(copies).collect();
        let mut unreached = None;
        for framedb_id in places {
            let read = match self.instance(&framedb_id) {
                Ok(instance) => instance.get(key).await,
                Err(unknown) => Err(unknown),
            };
            match read {
                Ok(Some(data)) => return Ok(Some(Read { route, data: Some(data) })),
                Ok(None) => {}
                Err(failure) => {
                    unreached.get_or_insert(failure);
                }
            }
        }
        match unreached {
            Some(failure) => Err(failure),
            None => Ok(Some(Read { route, data: None })),
        }
    }

    /// Removes an object that has expired, where that needs no turn of its key: Redis has removed
    /// the bytes by itself, and a key-value store has them in the value. A database keeps bytes
    /// until a node's sweep takes both, or a new write replaces them.
    async fn remove_gone(&self, key: &Key, route: &Route) -> Result<(), Failure> {
        let instance = self.known(&route.framedb_id);
        match instance.map(|instance| &instance.engine) {
            Some(Engine::Mysql(_)) => Ok(()),
            _ if !self.routes.are_own() => Ok(()),
            _ => self.routes.remove(key, route.generation).await,
        }
    }
}

/// What a route led to.
struct Read {
    route: Route,
    data: Option<Bytes>,
}

impl Read {
    fn whole(self) -> Option<Found> {
        self.data.map(|data| Found { route: self.route, data })
    }
}
