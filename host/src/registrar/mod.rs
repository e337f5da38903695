//! `Registrar`: routes that clients register themselves, after they wrote the data on their own.
//!
//! A registration takes its key's place in line, gets a generation of its own, and moves the key
//! as a write would: what it leaves behind is deleted, unless that is a copy of the same bytes.

mod edit;
mod plan;

pub(crate) use edit::Change;

use crate::{
    Error, ErrorKind, Result,
    instances::Remains,
    pipeline::{order::Order, sink::check_empty},
    reader::Reader,
    registry::{Declared, Generations, Intent, Intents},
    store::Stores as _,
};
use bytes::Bytes;
use framedb_core::{Key, Kind, Place, Route};
use plan::{Plan, plan};
use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};
use tokio_util::task::TaskTracker;

/// Copies that a route may have.
pub(crate) const MAX_COPIES: usize = 64;

/// What a client says of an object, or of a queue, that it wrote itself.
#[derive(Debug, Clone)]
pub(crate) struct Registration {
    /// Where it is.
    pub(crate) place: Place,
    /// Bytes of the object; `None` when the client does not say.
    pub(crate) size: Option<u64>,
    pub(crate) metadata: Metadata,
    /// The other places that hold it; `None` leaves those that are known.
    pub(crate) copies: Option<Vec<Place>>,
    /// Whether the client may have written other bytes than those that are known.
    pub(crate) rewritten: bool,
}

/// A sender's metadata: any text, or the text of a JSON value.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Metadata {
    pub(crate) text: Arc<str>,
    pub(crate) is_json: bool,
}

/// Registers, changes and removes the routes of clients that write data themselves.
#[derive(Debug, Clone)]
pub(crate) struct Registrar {
    pub(crate) reader: Reader,
    pub(crate) order: Arc<Order>,
    pub(crate) intents: Arc<Intents>,
    pub(crate) generations: Arc<Generations>,
    /// Changes under way: shutdown waits for them, whether or not their clients do.
    pub(crate) tasks: TaskTracker,
    /// How long a change may wait for its turn.
    pub(crate) patience: Duration,
}

impl Registrar {
    /// Registers what a client wrote, in place of the key's earlier route. Repeating it changes
    /// nothing.
    ///
    /// # Errors
    ///
    /// When the instance keeps no objects of this kind, or is inside of this node and has no such
    /// object; when a queue that holds elements would move; when an engine or the registry fails.
    pub(crate) async fn register(&self, key: &Key, registration: Registration) -> Result<()> {
        let registered = key.clone();
        self.in_turn(key, |registrar, route| async move {
            registrar.replace(&registered, route, registration).await
        })
        .await
    }

    /// Removes what has the key, if `wanted` accepts its kind, with its data and its copies;
    /// whether there was one.
    ///
    /// # Errors
    ///
    /// When an engine or the registry fails.
    pub(crate) async fn delete(&self, key: &Key, wanted: fn(Kind) -> bool) -> Result<bool> {
        let deleted = key.clone();
        self.in_turn(key, move |registrar, route| async move {
            let Some(route) = route.filter(|route| wanted(route.kind)) else { return Ok(false) };
            let reader = &registrar.reader;
            reader.delete_data(&deleted, &route).await?;
            reader.registry.remove(&deleted, Some(route.generation)).await?;
            Ok(true)
        })
        .await
    }

    /// Runs `act` on a key's route when all that came before it has ended, and then to its end,
    /// whether or not somebody still waits for it.
    async fn in_turn<T, F>(
        &self,
        key: &Key,
        act: impl FnOnce(Self, Option<Route>) -> F + Send + 'static,
    ) -> Result<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + Send,
    {
        let place = self.order.enter(key);
        let (registrar, key) = (self.clone(), key.clone());
        let change = self.tasks.spawn(async move {
            let found = async {
                place.come().await;
                registrar.reader.route(&key).await
            };
            let found = tokio::time::timeout(registrar.patience, found).await;
            let route = found.map_err(|_| {
                let message = format!("`{key}` was not changed: its turn did not come in time");
                Error::new(ErrorKind::Timeout, message)
            })??;
            let done = act(registrar, route).await;
            drop(place);
            done
        });
        change.await.unwrap_or_else(|ended| {
            let message = "the node ended before the change did";
            Err(Error::new(ErrorKind::Unavailable, message).with_source(ended))
        })
    }

    /// Puts a registration in the place of `old`, and deletes what the key leaves behind.
    async fn replace(
        &self,
        key: &Key,
        old: Option<Route>,
        mut registration: Registration,
    ) -> Result<()> {
        if let Some(size) = self.check(key, &registration.place).await? {
            // Nobody but the node writes there.
            registration.size = Some(size);
            registration.rewritten = false;
        }
        for copy in registration.copies.iter().flatten() {
            self.check(key, copy).await?;
        }
        let arrived = match &old {
            Some(old) => self.arrived(key, old, &registration.place).await?,
            None => None,
        };
        let listed = registration.copies.clone().unwrap_or_default();
        let now = Route::millis(SystemTime::now());
        let Plan { mut route, left } =
            plan(old.as_ref(), registration, self.generation(old.as_ref()), now);
        if let Some(old) = &old
            && route.kind == Kind::Stream
            && route == (Route { generation: route.generation, ..old.clone() })
        {
            // Clients register a queue at every push.
            return Ok(());
        }
        let mut leaves = Vec::new();
        if old.is_some_and(|old| old.codec.is_none()) {
            // Of bytes that a codec changed, copies may be changed or as they were.
            leaves = self.stale_copies(key, &route, &listed, arrived.as_ref()).await;
            let is_stale = |copy: &Place| leaves.iter().any(|(stale, _)| stale == copy);
            let kept = route.copies.iter().filter(|copy| !is_stale(copy));
            route.copies = kept.cloned().collect();
        }
        let left = match left {
            Some(left) if left.kind == Kind::Stream => self.may_leave(key, left, &route).await?,
            left => left,
        };
        let instances = &self.reader.instances;
        let mut begun = None;
        if let Some(left) = &left {
            leaves.extend(left.copies.iter().map(|copy| (copy.clone(), Remains::Anything)));
            leaves.push((left.place(), instances.remains(key, &left.place()).await));
            begun = self.declare(key, &route, left).await?;
        }
        if let Err(error) = self.write(key, route.clone()).await {
            if let Some((declared, intent)) = begun {
                self.leave(declared, intent, &error).await;
            }
            return Err(error);
        }
        for (place, remains) in leaves {
            instances.leave(key, &place, remains, &route.framedb_id, arrived.as_ref()).await;
        }
        if let Some((declared, _)) = begun
            && let Err(error) = self.intents.settle(declared, []).await
        {
            tracing::warn!(error = error.chain(), "could not clear the intent to move a key");
        }
        Ok(())
    }

    /// Holds a place against the instances that the node knows: one that it does not know is
    /// its clients' affair. Answers the size of the object there where the instance is inside
    /// of this node.
    async fn check(&self, key: &Key, place: &Place) -> Result<Option<u64>> {
        let instances = &self.reader.instances;
        let Some(record) = instances.record(&place.framedb_id).await? else { return Ok(None) };
        instances.find(&place.framedb_id, place.kind).await?;
        if !record.is_embedded() || place.kind == Kind::Stream {
            return Ok(None);
        }
        let store = instances.store(&place.framedb_id).await?;
        let stored = store.get(std::slice::from_ref(key)).await.pop().transpose()?.flatten();
        let stored = stored.ok_or_else(|| {
            let id = &place.framedb_id;
            let message = format!("cannot register `{key}`: `{id}` has no such object");
            Error::new(ErrorKind::Invalid, message).with_hint(
                "the instance is inside of the node: store the object through the object service, \
                 which registers it too",
            )
        })?;
        Ok(Some(stored.len() as u64))
    }

    /// What an object has at the place that it is registered at. It must be there if it comes from
    /// elsewhere: else the only bytes of it would be deleted. Nothing where the instance cannot be
    /// asked, of which nobody here knows.
    async fn arrived(&self, key: &Key, old: &Route, place: &Place) -> Result<Option<Bytes>> {
        if old.kind == Kind::Stream || place.kind == Kind::Stream {
            return Ok(None);
        }
        let id = &place.framedb_id;
        let Ok(store) = self.reader.instances.store(id).await else { return Ok(None) };
        match store.get(std::slice::from_ref(key)).await.pop().transpose() {
            Ok(Some(None)) if *id != old.framedb_id => {
                let old = &old.framedb_id;
                let message = format!(
                    "cannot register `{key}`: `{id}` has no such object, which is registered at \
                     `{old}`"
                );
                Err(Error::new(ErrorKind::Invalid, message)
                    .with_hint("write the data first, then register it, or delete the object"))
            }
            Err(error) if error.kind() == ErrorKind::Conflict => Err(error),
            found => Ok(found.ok().flatten().flatten()),
        }
    }

    /// The copies of an object that are seen to have other bytes than it, but for those that the
    /// client has listed, and what they have.
    async fn stale_copies(
        &self,
        key: &Key,
        route: &Route,
        listed: &[Place],
        primary: Option<&Bytes>,
    ) -> Vec<(Place, Remains)> {
        let mut stale = Vec::new();
        for copy in route.copies.iter().filter(|copy| !listed.contains(copy)) {
            let Ok(store) = self.reader.instances.store(&copy.framedb_id).await else { continue };
            let found = store.get(std::slice::from_ref(key)).await.pop().transpose();
            if let (Some(primary), Ok(Some(Some(found)))) = (primary, found)
                && found != primary
            {
                stale.push((copy.clone(), Remains::Value(found)));
            }
        }
        stale
    }

    /// What there is to delete of a queue that the key leaves; an error when elements would be
    /// lost by that.
    async fn may_leave(&self, key: &Key, left: Route, new: &Route) -> Result<Option<Route>> {
        let instances = &self.reader.instances;
        if instances.objects(&left.framedb_id).await?.is_none() {
            return Ok(None);
        }
        if new.framedb_id == left.framedb_id
            && let Err(error) = instances.queue(&left.framedb_id).await?.length(key).await
        {
            // Objects and queues of a server share their names: the object took the queue's.
            return if error.kind() == ErrorKind::Conflict { Ok(None) } else { Err(error) };
        }
        if new.kind == Kind::Stream || new.framedb_id == left.framedb_id {
            check_empty(instances, key, &left).await?;
        }
        Ok(Some(left))
    }

    /// Writes down that a key moves, where what it leaves would outlive a crash.
    async fn declare(
        &self,
        key: &Key,
        route: &Route,
        left: &Route,
    ) -> Result<Option<(Declared, Intent)>> {
        let store = self.reader.instances.objects(&left.framedb_id).await;
        // Where it cannot be reached nothing will be deleted.
        if !store.is_ok_and(|store| store.is_some_and(|store| store.durable())) {
            return Ok(None);
        }
        // The bytes are the client's affair: none are taken for those of this change, so that
        // recovery finishes it only where its route was registered.
        let intent = Intent {
            key: key.clone(),
            route: route.clone(),
            stored_size: u64::MAX,
            crc32c: 0,
            previous: Some(left.clone()),
        };
        let declared = self.intents.write(std::slice::from_ref(&intent)).await?;
        Ok(Some((declared, intent)))
    }

    /// Ends a move whose route was not registered: where that may have happened all the same,
    /// recovery finds out.
    async fn leave(&self, declared: Declared, intent: Intent, error: &Error) {
        let unclear = error.is_temporary() && !error.is_untouched();
        if let Err(error) = self.intents.settle(declared, unclear.then_some(&intent)).await {
            tracing::warn!(error = error.chain(), "could not clear the intent to move a key");
        }
        if unclear {
            self.reader.recovery.hand_over(intent);
        }
    }

    /// A generation after that of the present route; another node's clock may be ahead of ours.
    fn generation(&self, old: Option<&Route>) -> u64 {
        if let Some(old) = old {
            self.generations.observe(old.generation);
        }
        self.generations.next(SystemTime::now())
    }

    async fn write(&self, key: &Key, route: Route) -> Result<()> {
        let registered = self.reader.registry.register(&[(key.clone(), route)]).await;
        registered.into_iter().next().unwrap_or(Ok(()))
    }
}
