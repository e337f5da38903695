//! Writing: data and route, so that success means stored and findable.
//!
//! Where both are one value that is all. Where both are in one Redis database, a script puts down
//! both in one step, unless bytes of the key elsewhere are to be deleted as well. In a registry on
//! Redis beside that an intent is written beside the committed route first, then the data, then
//! the route, which ends the intent in the same step; a write that nobody ended is settled later.
//! Over the routing service data goes first, then the route.

use super::{
    Keeper, Prepared,
    engine::{Engine, Instance},
    redis_routes::{Committed, RedisRoutes},
    routes::{Routes, failed},
    wait::PATIENCE,
};
use framedb_core::{
    Backoff, CodecRecord, Failure, FailureClass, Intent, Kind, Place, Route, Settlement, Stage,
};
use spin_sdk::time::sleep;
use std::time::{Instant, SystemTime};

/// How often an interrupted write is looked at that others settle at the same time.
const MAX_LOOKS: usize = 8;

impl Keeper {
    /// Stores an object and registers it.
    pub(super) async fn put_object(&self, object: &Prepared) -> Result<Route, Failure> {
        let instance = self.instance(&object.placement.framedb_id)?;
        instance.check_size(&object.key, &object.data)?;
        let routes = match &self.routes {
            Routes::Redis(routes) => routes,
            routes => return self.put_then_register(instance, routes, object).await,
        };
        let end = Instant::now() + PATIENCE;
        let (mut overtaken, mut backoff) = (Vec::new(), Backoff::default());
        loop {
            let stored = match self.put_at_once(instance, routes, object).await? {
                None => self.put_announced(instance, routes, object, &mut overtaken).await?,
                stored => stored,
            };
            if let Some(route) = stored {
                // Until now they said whose the bytes may be.
                for intent in &overtaken {
                    let ended = routes.end(intent).await;
                    ended.map_err(|fault| failed(fault, &format!("register {} in", object.key)))?;
                }
                return Ok(route);
            }
            let left = end.saturating_duration_since(Instant::now());
            let Some(delay) = backoff.next(left, None, fastrand::f64()) else { break };
            sleep(delay).await;
        }
        let what = format!(
            "cannot store {} on `{}`: others write the same key again and again",
            object.key, instance.id
        );
        Err(Failure::new(FailureClass::Unavailable, Stage::Registration, what))
    }

    /// Data first, then the route, unless both are one value.
    async fn put_then_register(
        &self,
        instance: &Instance,
        routes: &Routes,
        object: &Prepared,
    ) -> Result<Route, Failure> {
        let key = &object.key;
        let previous = routes.look(key).await?.route;
        let route = self.route_of(object, previous.as_ref());
        let one_value = match (&instance.engine, routes) {
            (Engine::KeyValue(store), Routes::KeyValue(routes)) => store.is(routes),
            _ => false,
        };
        if !one_value
            && routes.keep_codecs()
            && let Some(announced) = announced(previous.as_ref(), &route)
        {
            routes.register(key, &announced).await?;
        }
        let stored = instance.put(key, &route, &object.data, object.placement.time_to_live).await;
        stored.map_err(|fault| instance.failed(fault, &format!("store {key} on")))?;
        if !one_value {
            routes.register(key, &route).await?;
        }
        if let Some(previous) = &previous {
            self.leave(key, previous, &route).await?;
        }
        Ok(route)
    }

    /// The data and the route in one step; nothing when it takes more than that.
    async fn put_at_once(
        &self,
        instance: &Instance,
        routes: &RedisRoutes,
        object: &Prepared,
    ) -> Result<Option<Route>, Failure> {
        let Engine::Redis(redis) = &instance.engine else { return Ok(None) };
        let (key, route) = (&object.key, self.route_of(object, None));
        let time_to_live = object.placement.time_to_live;
        let stored = routes.store(redis, key, &route, &object.data, time_to_live).await;
        let stored = stored.map_err(|fault| instance.failed(fault, &format!("store {key} on")))?;
        Ok(stored.then_some(route))
    }

    /// The intent, the data, the route; nothing when others have written the key meanwhile. The
    /// intent is then among those that were `overtaken` if bytes may have been stored for it.
    async fn put_announced(
        &self,
        instance: &Instance,
        routes: &RedisRoutes,
        object: &Prepared,
        overtaken: &mut Vec<Intent>,
    ) -> Result<Option<Route>, Failure> {
        let key = &object.key;
        let attempt = format!("register {key} in");
        let route = self.route_of(object, None);
        let mut intent = Intent::new(key.clone(), route, &object.data, None);
        let begun = routes.begin(&intent).await;
        let (begun, seen) = begun.map_err(|fault| failed(fault, &attempt))?;
        if let Some(held) = &seen.route {
            // The clock of another node may be ahead of ours.
            self.generations.observe(held.generation);
        }
        for given_up in &seen.given_up {
            self.settle(routes, given_up).await?;
        }
        if !begun {
            return Ok(None);
        }
        intent.previous = seen.route;
        let Intent { route, previous, .. } = &intent;
        if let Some(announced) = announced(previous.as_ref(), route) {
            let registered = routes.register(key, &announced).await;
            match registered.map_err(|fault| failed(fault, &attempt))? {
                Committed::Yes => {}
                Committed::Overtaken(generation) => {
                    self.generations.observe(generation);
                    routes.end(&intent).await.map_err(|fault| failed(fault, &attempt))?;
                    return Ok(None);
                }
            }
        }
        let stored = instance.put(key, route, &object.data, object.placement.time_to_live).await;
        if let Err(fault) = stored {
            // What may be stored all the same is settled later.
            if !fault.is_unclear() {
                routes.end(&intent).await.map_err(|fault| failed(fault, &attempt))?;
            }
            return Err(instance.failed(fault, &format!("store {key} on")));
        }
        let leaves =
            previous.as_ref().is_some_and(|old| route.moves_from(old) || !old.copies.is_empty());
        let committed = routes.commit(&intent, false, !leaves).await;
        match committed.map_err(|fault| failed(fault, &attempt))? {
            Committed::Yes => {}
            Committed::Overtaken(generation) => {
                self.generations.observe(generation);
                overtaken.push(intent);
                return Ok(None);
            }
        }
        if leaves && let Some(previous) = previous {
            self.leave(key, previous, route).await?;
            routes.end(&intent).await.map_err(|fault| failed(fault, &attempt))?;
        }
        Ok(Some(intent.route))
    }

    /// Settles a write that was given up: its route is registered if its bytes are stored and
    /// nobody has written the key since.
    pub(super) async fn settle(
        &self,
        routes: &RedisRoutes,
        intent: &Intent,
    ) -> Result<(), Failure> {
        let key = &intent.key;
        let attempt = format!("settle an interrupted write of {key} in");
        // One that others settle at the same time is looked at again, and is settled then.
        for _ in 0..MAX_LOOKS {
            let seen = routes.look(key).await.map_err(|fault| failed(fault, &attempt))?;
            let registered = seen.route.as_ref();
            // It may be an instance that only nodes have, or that there is no more.
            let target = self.known(&intent.route.framedb_id);
            let stored = match target {
                Some(target) if !intent.is_registered(registered) => target.get(key).await?,
                _ => None,
            };
            let complete = match intent.settle(registered, stored.as_deref()) {
                Settlement::Complete => true,
                Settlement::Register => {
                    let committed = routes.commit(intent, true, false).await;
                    if committed.map_err(|fault| failed(fault, &attempt))? != Committed::Yes {
                        continue;
                    }
                    true
                }
                Settlement::Orphan => {
                    if let Some(target) = target {
                        target.delete(key).await?;
                    }
                    false
                }
                Settlement::Stands => false,
            };
            if complete && let Some(old) = intent.left_behind() {
                self.delete_left(key, &old.place(), &intent.route.place()).await?;
            }
            return routes.end(intent).await.map_err(|fault| failed(fault, &attempt));
        }
        Ok(())
    }

    /// Deletes what a key had before at other places: where it moved away from, and copies of
    /// bytes that are no longer its own.
    pub(super) async fn leave(
        &self,
        key: &framedb_core::Key,
        old: &Route,
        new: &Route,
    ) -> Result<(), Failure> {
        let here = new.place();
        for copy in old.copies.iter().filter(|copy| **copy != here) {
            self.delete_left(key, copy, &here).await?;
            self.routes.forget_copy(key, &copy.framedb_id).await?;
        }
        if new.moves_from(old) {
            self.delete_left(key, &old.place(), &here).await?;
            self.routes.forget_copy(key, &old.framedb_id).await?;
        }
        Ok(())
    }

    /// Deletes what is left at a place, unless the new bytes are there, too. An instance that
    /// this worker does not know is not looked at.
    async fn delete_left(
        &self,
        key: &framedb_core::Key,
        old: &Place,
        new: &Place,
    ) -> Result<(), Failure> {
        let Some(instance) = self.known(&old.framedb_id) else { return Ok(()) };
        if old.kind == Kind::Stream {
            let purged = instance.queues()?.purge(key).await;
            return purged.map_err(|fault| instance.failed(fault, &format!("purge {key} on")));
        }
        let shared = match self.known(&new.framedb_id) {
            Some(new) if new.id != instance.id => new.is_one_with(instance, key).await?,
            Some(_) => true,
            None => false,
        };
        // Where routes are in the same store, registering has replaced the bytes already.
        let replaced = match (&instance.engine, &self.routes) {
            (Engine::KeyValue(store), Routes::KeyValue(routes)) => store.is(routes),
            _ => false,
        };
        match shared || replaced {
            true => Ok(()),
            false => instance.delete(key).await,
        }
    }

    /// The route of an object that is about to be stored, newer than the one before.
    pub(super) fn route_of(&self, object: &Prepared, previous: Option<&Route>) -> Route {
        if let Some(previous) = previous {
            self.generations.observe(previous.generation);
        }
        let now = SystemTime::now();
        let codec = object.codec.clone().filter(|_| !self.frames(object.placement.kind));
        Route {
            framedb_id: object.placement.framedb_id.clone(),
            kind: object.placement.kind,
            size: Some(object.size),
            metadata: object.metadata.clone(),
            metadata_is_json: false,
            copies: std::sync::Arc::default(),
            content_type: object.content_type.clone(),
            attributes: object.attributes.clone(),
            codec: codec.map(|codec| CodecRecord::of(codec, &object.data)),
            next: None,
            unframed: object.unframed,
            generation: self.generations.next(now),
            expires_at: object.placement.time_to_live.map(|left| Route::millis(now + left)),
            stored_at: Route::millis(now),
        }
    }
}

/// The route that a reader may find while new bytes are written over the old ones: it is told of
/// both codecs. Nothing where neither has one, or the bytes go elsewhere.
fn announced(previous: Option<&Route>, route: &Route) -> Option<Route> {
    let old = previous?;
    let recoded = old.codec.is_some() || route.codec.is_some();
    (recoded && !route.moves_from(old)).then(|| Route { next: route.codec.clone(), ..old.clone() })
}
