//! Queues: pushes, and what is done with elements. Queues need a Redis.

use super::{Keeper, Leased, Length, Prepared, engine::Instance, redis::Redis};
use crate::keeper::redis_routes::Committed;
use bytes::Bytes;
use framedb_core::{Failure, FailureClass, Key, Kind, Route, Stage};
use std::time::Duration;

/// How long an element is leased that is taken out for good.
const POP_LEASE: Duration = Duration::from_secs(60);

impl Keeper {
    /// Pushes an element. The queue's route is registered before its first one, and whenever what
    /// it says changes; a key that has something else keeps its route until the push has succeeded.
    pub(super) async fn push(&self, object: &Prepared) -> Result<Route, Failure> {
        let key = &object.key;
        let instance = self.instance(&object.placement.framedb_id)?;
        let queues = instance.queues()?;
        instance.check_size(key, &object.data)?;
        let previous = self.settled(key).await?.route;
        let mut route = self.route_of(object, previous.as_ref());
        route.size = Some(0);
        let left = previous.as_ref().filter(|old| route.moves_from(old));
        if let Some(old) = left.filter(|old| old.kind == Kind::Stream) {
            self.check_empty(key, old).await?;
        }
        // In one Redis, objects and queues share their keys: the object gives way in the same step.
        let place = left.filter(|old| old.kind != Kind::Stream);
        let over = match place.and_then(|old| self.known(&old.framedb_id)) {
            Some(place) => place.is_one_with(instance, key).await?,
            None => false,
        };
        let same = previous.as_ref().is_some_and(|old| route.says_no_more_than(old));
        if left.is_none() && !same {
            self.register_queue(key, &route).await?;
        }
        if let Err(fault) = queues.push(key, &object.id, &object.data, over).await {
            if previous.is_none() && !fault.is_unclear() {
                // Until an element is in it there is no such queue.
                self.routes.remove(key, route.generation).await?;
            }
            return Err(instance.failed(fault, &format!("push to {key} on")));
        }
        if let Some(old) = left {
            self.register_queue(key, &route).await?;
            // A queue that moves is empty, and what is sent to it directly is its own.
            if old.kind != Kind::Stream {
                self.leave(key, old, &route).await?;
            }
        }
        Ok(match previous {
            Some(previous) if same => previous,
            _ => route,
        })
    }

    async fn register_queue(&self, key: &Key, route: &Route) -> Result<(), Failure> {
        match self.routes.register(key, route).await? {
            Committed::Yes => Ok(()),
            Committed::Overtaken(_) => {
                let what = format!("cannot register the queue {key}: others write the same name");
                Err(Failure::new(FailureClass::Unavailable, Stage::Registration, what))
            }
        }
    }

    /// Refuses to leave a queue that holds elements: they would be lost.
    async fn check_empty(&self, key: &Key, old: &Route) -> Result<(), Failure> {
        let Some(instance) = self.known(&old.framedb_id) else { return Ok(()) };
        let length = instance.queues()?.length(key).await;
        let length =
            length.map_err(|fault| instance.unread(fault, &format!("measure {key} on")))?;
        let elements = length.ready + length.leased;
        if elements == 0 {
            return Ok(());
        }
        let what = format!(
            "the queue `{key}` holds {elements} elements on `{}` and does not move: push to that \
             instance, or take the elements out first",
            old.framedb_id
        );
        Err(Failure::new(FailureClass::Invalid, Stage::Sink, what))
    }

    /// The queue of a name, where it is.
    async fn queue(&self, key: &Key) -> Result<Option<(&Instance, &Redis)>, Failure> {
        let Some(route) = self.route(key).await? else { return Ok(None) };
        if route.kind != Kind::Stream {
            let what = format!("`{key}` is an object, not a queue: read it with get");
            return Err(Failure::new(FailureClass::Invalid, Stage::Sink, what));
        }
        let instance = self.instance(&route.framedb_id)?;
        Ok(Some((instance, instance.queues()?)))
    }

    /// Leases the oldest element of a queue; nothing when none waits.
    ///
    /// # Errors
    ///
    /// When the queue cannot be reached, or there can be none here.
    pub async fn lease(&self, queue: &Key, period: Duration) -> Result<Option<Leased>, Failure> {
        let Some((instance, queues)) = self.queue(queue).await? else { return Ok(None) };
        let leased = queues.lease(queue, period).await;
        leased.map_err(|fault| instance.failed(fault, &format!("lease from {queue} on")))
    }

    /// Ends a lease: the element is done with. Whether there was such a lease.
    ///
    /// # Errors
    ///
    /// When the queue cannot be reached, or there can be none here.
    pub async fn ack(&self, queue: &Key, token: &str) -> Result<bool, Failure> {
        let Some((instance, queues)) = self.queue(queue).await? else { return Ok(false) };
        let acked = queues.ack(queue, token).await;
        let attempt = || format!("acknowledge an element of {queue} on");
        acked.map_err(|fault| instance.failed(fault, &attempt()))
    }

    /// Ends a lease: the element goes back. Whether there was such a lease.
    ///
    /// # Errors
    ///
    /// When the queue cannot be reached, or there can be none here.
    pub async fn nack(&self, queue: &Key, token: &str) -> Result<bool, Failure> {
        let Some((instance, queues)) = self.queue(queue).await? else { return Ok(false) };
        let returned = queues.nack(queue, token).await;
        let attempt = || format!("return an element to {queue} on");
        returned.map_err(|fault| instance.failed(fault, &attempt()))
    }

    /// Lets a lease end a period from now. Whether there was such a lease.
    ///
    /// # Errors
    ///
    /// When the queue cannot be reached, or there can be none here.
    pub async fn extend(
        &self,
        queue: &Key,
        token: &str,
        period: Duration,
    ) -> Result<bool, Failure> {
        let Some((instance, queues)) = self.queue(queue).await? else { return Ok(false) };
        let extended = queues.extend(queue, token, period).await;
        let attempt = || format!("extend a lease of {queue} on");
        extended.map_err(|fault| instance.failed(fault, &attempt()))
    }

    /// Takes the oldest element out of a queue: a lease and its end.
    ///
    /// # Errors
    ///
    /// As [`Keeper::lease`], and when the lease ended too early.
    pub async fn pop(&self, queue: &Key) -> Result<Option<Bytes>, Failure> {
        let Some(leased) = self.lease(queue, POP_LEASE).await? else { return Ok(None) };
        if !self.ack(queue, &leased.token).await? {
            let what = format!("the lease on the oldest element of `{queue}` ended too early");
            return Err(Failure::new(FailureClass::Unavailable, Stage::Sink, what));
        }
        Ok(Some(leased.data))
    }

    /// How many elements a queue has; nothing where there is no such queue.
    ///
    /// # Errors
    ///
    /// When the queue cannot be reached, or there can be none here.
    pub async fn length(&self, queue: &Key) -> Result<Option<Length>, Failure> {
        let Some((instance, queues)) = self.queue(queue).await? else { return Ok(None) };
        let length = queues.length(queue).await;
        let length =
            length.map_err(|fault| instance.unread(fault, &format!("measure {queue} on")))?;
        Ok(Some(length))
    }
}
