//! `Reader`: from a key to its bytes, and the queues' other end.

use crate::{
    Error, ErrorKind, Result,
    codecs::Codecs,
    instances::Instances,
    pipeline::order::Order,
    registry::{Query, Recovery, Registry},
    store::{Leased, Queue, QueueLength, Stores},
};
use bytes::Bytes;
use framedb_core::{Key, Kind, Place, Route, Stored, Writer};
use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

/// How long `pop` holds an element between taking it out and acknowledging it.
const POP_LEASE: Duration = Duration::from_secs(30);

pub use framedb_core::http::objects::Found;

/// Stored bytes, and where they were read.
struct Read {
    data: Bytes,
    place: Place,
}

/// An element of a queue, on lease.
#[derive(Debug, Clone)]
pub struct Element {
    /// Its payload.
    pub data: Bytes,
    /// What `ack`, `nack` and `extend` take.
    pub token: String,
    /// How often it was handed out, this time included.
    pub deliveries: u32,
    /// The queue's route.
    pub route: Route,
}

/// Reads, deletes and takes out what the node stored.
#[derive(Debug, Clone)]
pub struct Reader {
    pub(crate) instances: Arc<Instances>,
    pub(crate) registry: Arc<dyn Registry>,
    pub(crate) codecs: Arc<Codecs>,
    pub(crate) order: Arc<Order>,
    pub(crate) recovery: Arc<Recovery>,
    /// How long to wait for a write whose outcome is unclear to be settled.
    pub(crate) patience: Duration,
}

impl Reader {
    /// The route of a key that is not gone.
    ///
    /// # Errors
    ///
    /// When the registry fails; a [`Timeout`](ErrorKind::Timeout) while the outcome of an earlier
    /// write of the key is unclear, because its engine does not answer.
    pub async fn route(&self, key: &Key) -> Result<Option<Route>> {
        self.settled(key).await?;
        let route = self.registry.lookup(std::slice::from_ref(key)).await?.pop().flatten();
        match route {
            Some(route) if route.expired(SystemTime::now()) => {
                self.remove_gone(key, &route).await?;
                Ok(None)
            }
            route => Ok(route),
        }
    }

    /// Reads an object; `None` when there is none.
    ///
    /// # Errors
    ///
    /// A [`Conflict`](ErrorKind::Conflict) for a queue; otherwise when an engine, the registry
    /// or the codec fails.
    pub async fn get(&self, key: &Key) -> Result<Option<Found>> {
        let Some(route) = self.route(key).await? else { return Ok(None) };
        if route.kind == Kind::Stream {
            let message = format!("`{key}` is a queue, which is not read by key");
            return Err(Error::new(ErrorKind::Conflict, message)
                .with_hint("take its oldest element with pop, or with lease and ack"));
        }
        let Some(read) = self.read(key, &route).await? else {
            // Removed meanwhile, or a foreign hand took the data: the route goes if it is
            // still the same one.
            if self.registry.is_own() {
                self.registry.remove(key, Some(route.generation)).await?;
            }
            return match self.route(key).await? {
                Some(newer) if newer.generation != route.generation => {
                    match self.read(key, &newer).await? {
                        Some(read) => self.restore(key, newer, read).await.map(Some),
                        None => Ok(None),
                    }
                }
                _ => Ok(None),
            };
        };
        self.restore(key, route, read).await.map(Some)
    }

    /// Routes by key.
    ///
    /// # Errors
    ///
    /// When the registry fails.
    pub async fn list(&self, query: &Query) -> Result<Vec<(Key, Route)>> {
        let now = SystemTime::now();
        let mut routes = self.registry.list(query).await?;
        routes.retain(|(_, route)| !route.expired(now));
        Ok(routes)
    }

    /// Deletes an object, or a queue with all its elements, after what was sent before it;
    /// whether there was one.
    ///
    /// # Errors
    ///
    /// When an engine or the registry fails.
    pub async fn delete(&self, key: &Key) -> Result<bool> {
        let place = self.order.enter(key);
        place.come().await;
        let Some(route) = self.route(key).await? else { return Ok(false) };
        self.delete_route(key, &route).await?;
        drop(place);
        Ok(true)
    }

    /// Deletes what is under a route, and the route, in the turn of its key.
    pub(crate) async fn delete_route(&self, key: &Key, route: &Route) -> Result<()> {
        self.delete_data(key, route).await?;
        self.registry.remove(key, Some(route.generation)).await?;
        Ok(())
    }

    /// Takes the oldest element out of a queue for `period`; `None` when none waits. An
    /// element over `most` bytes, where given, is returned to the oldest end.
    ///
    /// # Errors
    ///
    /// When the key is an object's, the element is too large, or an engine or a codec fails;
    /// the element is then back in its queue.
    pub async fn lease(
        &self,
        key: &Key,
        period: Duration,
        most: Option<usize>,
    ) -> Result<Option<Element>> {
        let Some((route, queue)) = self.queue(key).await? else { return Ok(None) };
        let Some(leased) = queue.lease(key, period).await? else { return Ok(None) };
        let token = leased.token.clone();
        let opened = self.open_element(key, route, leased).await.and_then(|element| {
            let size = element.data.len();
            match most.filter(|most| size > *most) {
                Some(most) => Err(Error::new(
                    ErrorKind::TooLarge,
                    format!("the oldest element of `{key}` has {size} bytes, more than {most}"),
                )),
                None => Ok(element),
            }
        });
        match opened {
            Ok(element) => Ok(Some(element)),
            Err(error) => {
                queue.nack(key, &token).await?;
                Err(error)
            }
        }
    }

    /// Takes the oldest element out of a queue for good: a lease and its acknowledgement.
    ///
    /// # Errors
    ///
    /// As [`Reader::lease`].
    pub async fn pop(&self, key: &Key, most: Option<usize>) -> Result<Option<Element>> {
        let Some(element) = self.lease(key, POP_LEASE, most).await? else { return Ok(None) };
        if !self.ack(key, &element.token).await? {
            let message = format!("the lease on the oldest element of `{key}` ended too early");
            return Err(Error::new(ErrorKind::Conflict, message).with_temporary(true));
        }
        Ok(Some(element))
    }

    /// Removes a leased element for good; `false` when the lease has ended.
    ///
    /// # Errors
    ///
    /// When the engine or the registry fails.
    pub async fn ack(&self, key: &Key, token: &str) -> Result<bool> {
        match self.queue(key).await? {
            Some((_, queue)) => queue.ack(key, token).await,
            None => Ok(false),
        }
    }

    /// Returns a leased element to the oldest end; `false` when the lease has ended.
    ///
    /// # Errors
    ///
    /// When the engine or the registry fails.
    pub async fn nack(&self, key: &Key, token: &str) -> Result<bool> {
        match self.queue(key).await? {
            Some((_, queue)) => queue.nack(key, token).await,
            None => Ok(false),
        }
    }

    /// Lets a lease end `period` from now; `false` when it has ended.
    ///
    /// # Errors
    ///
    /// When the engine or the registry fails.
    pub async fn extend(&self, key: &Key, token: &str, period: Duration) -> Result<bool> {
        match self.queue(key).await? {
            Some((_, queue)) => queue.extend(key, token, period).await,
            None => Ok(false),
        }
    }

    /// How many elements a queue has.
    ///
    /// # Errors
    ///
    /// When the key is an object's, or the engine or the registry fails.
    pub async fn length(&self, key: &Key) -> Result<QueueLength> {
        match self.queue(key).await? {
            Some((_, queue)) => queue.length(key).await,
            None => Ok(QueueLength::default()),
        }
    }

    /// Waits until no write of a key is unsettled.
    async fn settled(&self, key: &Key) -> Result<()> {
        if !self.recovery.holds(key) {
            return Ok(());
        }
        let settled = tokio::time::timeout(self.patience, self.recovery.wait(key)).await;
        settled.map_err(|_| {
            let awaited = match self.recovery.awaits(key).as_slice() {
                [] => "its engine".to_owned(),
                awaited => format!("`{}`", awaited.join("`, `")),
            };
            let message = format!(
                "it is not known yet what became of the last write of `{key}`: {awaited} does not \
                 answer"
            );
            Error::new(ErrorKind::Timeout, message).with_hint("try again when the engine is back")
        })
    }

    async fn queue(&self, key: &Key) -> Result<Option<(Route, Arc<dyn Queue>)>> {
        let Some(route) = self.route(key).await? else { return Ok(None) };
        if route.kind != Kind::Stream {
            let message = format!("`{key}` is an object, not a queue");
            return Err(Error::new(ErrorKind::Conflict, message).with_hint("read it with get"));
        }
        let queue = self.instances.queue(&route.framedb_id).await?;
        Ok(Some((route, queue)))
    }

    async fn open_element(&self, key: &Key, route: Route, leased: Leased) -> Result<Element> {
        let Leased { data, token, deliveries } = leased;
        let data = self.payload(key, Stored::element(&route, data)).await?;
        Ok(Element { data, token, deliveries, route })
    }

    /// The payload that stored bytes turned out to be, or that their codec makes of them.
    async fn payload(&self, key: &Key, Stored { data, codec, .. }: Stored) -> Result<Bytes> {
        match codec {
            Some(codec) => self.codecs.decode(&codec, key, data).await,
            None => Ok(data),
        }
    }

    /// The bytes under a route: from a copy in the node's own cluster where the primary is not
    /// in it, else from the primary, else from any other copy. `None` means that no place has
    /// them; where one cannot be asked, that is an error.
    async fn read(&self, key: &Key, route: &Route) -> Result<Option<Read>> {
        let near = self.near_copy(route).await?;
        let others = route.copies.iter().filter(|copy| copy.kind != Kind::Stream);
        let others = others.filter(|copy| near != Some(*copy));
        let mut unreached = None;
        for place in near.into_iter().chain([&route.place()]).chain(others) {
            match self.read_from(key, place).await {
                Ok(Some(read)) => return Ok(Some(read)),
                Ok(None) => {}
                Err(error) => {
                    if !route.copies.is_empty() {
                        let (framedb_id, error) = (&*place.framedb_id, error.chain());
                        tracing::warn!(%key, framedb_id, error, "cannot read one of the copies");
                    }
                    unreached.get_or_insert(error);
                }
            }
        }
        unreached.map_or(Ok(None), Err)
    }

    async fn read_from(&self, key: &Key, place: &Place) -> Result<Option<Read>> {
        let store = self.instances.store(&place.framedb_id).await?;
        let data = store.get(std::slice::from_ref(key)).await.pop().transpose()?.flatten();
        Ok(data.map(|data| Read { data, place: place.clone() }))
    }

    async fn near_copy<'a>(&self, route: &'a Route) -> Result<Option<&'a Place>> {
        if route.copies.is_empty() || self.instances.is_near(&route.framedb_id).await? {
            return Ok(None);
        }
        for copy in route.copies.iter().filter(|copy| copy.kind != Kind::Stream) {
            if self.instances.is_near(&copy.framedb_id).await? {
                return Ok(Some(copy));
            }
        }
        Ok(None)
    }

    /// Decodes what was read, by the record whose checksum matches. When none does, the route
    /// is read once more; after that the bytes are a foreign writer's.
    async fn restore(&self, key: &Key, route: Route, read: Read) -> Result<Found> {
        let (mut route, mut read) = (route, read);
        if matches!(route.writer_of(&read.data), Writer::Foreign)
            && let Some(newer) = self.route(key).await?.filter(|newer| *newer != route)
            && let Some(again) = self.read(key, &newer).await?
        {
            (route, read) = (newer, again);
        }
        let Read { data, place: Place { framedb_id, kind } } = read;
        let stored = Stored::object(&route, data, self.registry.keeps_codecs());
        let foreign = stored.foreign;
        let data = self.payload(key, stored).await?;
        Ok(Found { route, framedb_id, kind, data, foreign })
    }

    async fn remove_gone(&self, key: &Key, route: &Route) -> Result<()> {
        if route.kind != Kind::Stream {
            let store = self.instances.objects(&route.framedb_id).await?;
            if store.is_some_and(|store| !store.keeps_expiry()) {
                // Its data cannot be deleted on a condition: that is for the sweep, in turn.
                return Ok(());
            }
        }
        if self.registry.remove(key, Some(route.generation)).await? {
            self.delete_data(key, route).await?;
        }
        Ok(())
    }

    /// Deletes what is under a route and its copies, where their instances still exist.
    pub(crate) async fn delete_data(&self, key: &Key, route: &Route) -> Result<()> {
        // Copies first: where one cannot be reached, the object is still there to be deleted.
        for place in route.copies.iter().chain([&route.place()]) {
            if self.instances.record(&place.framedb_id).await?.is_none() {
                continue;
            }
            if place.kind == Kind::Stream {
                self.instances.queue(&place.framedb_id).await?.purge(key).await?;
            } else {
                let store = self.instances.store(&place.framedb_id).await?;
                store.delete(std::slice::from_ref(key)).await.pop().transpose()?;
            }
        }
        Ok(())
    }
}
