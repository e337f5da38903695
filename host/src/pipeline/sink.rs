//! `Sink`: bytes to their engine and routes to the registry, so that success means stored and
//! findable.
//!
//! Where data and route share a transaction that is all. Elsewhere an intent is written first,
//! and cleared when both are in place or the write is refused for certain. A write whose outcome
//! is unclear keeps its intent: the next attempt goes on with it, and when there is none, recovery
//! finishes or forgets what is half done, in the running node as after a crash. A key that moves
//! to another instance or kind is registered there first; then its old copy is deleted, where it
//! can be: it keeps nobody from what is new.

use super::{
    attempt::{Attempt, Unwritten, not_begun},
    item::Written,
};
use crate::{
    Error, ErrorKind, Result,
    driver::repeat,
    instances::{Instances, Remains},
    registry::{Declared, Generations, Intent, Intents, Recovery, Registry},
    store::{Element, ObjectStore, Pushed, Queue, Record, Stores as _, are_one},
};
use bytes::Bytes;
use framedb_core::{Attribute, Codec, CodecRecord, Key, Kind, Route, Stage, StageTimes};
use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

/// One thing to store.
#[derive(Debug, Clone)]
pub(crate) struct Write {
    /// The object's id, which makes a push idempotent.
    pub(crate) id: Arc<str>,
    pub(crate) key: Key,
    pub(crate) framedb_id: Arc<str>,
    pub(crate) kind: Kind,
    /// Bytes of the payload before serialization.
    pub(crate) size: u64,
    /// The bytes to store; of a queue element with its frame.
    pub(crate) data: Bytes,
    pub(crate) metadata: Arc<str>,
    pub(crate) content_type: Option<Arc<str>>,
    pub(crate) attributes: Arc<[Attribute]>,
    /// Who wrote the bytes, when they are not the sender's.
    pub(crate) codec: Option<Codec>,
    pub(crate) unframed: bool,
    pub(crate) time_to_live: Option<Duration>,
    /// The intent of an earlier attempt whose outcome is unclear.
    pub(crate) begun: Option<Box<Intent>>,
}

/// Writes that have begun: their places in the group, and their intents.
#[derive(Debug, Default)]
struct Begun {
    declared: Declared,
    places: Vec<usize>,
    intents: Vec<Intent>,
}

/// A queue that elements are pushed to.
struct Target {
    queue: Arc<dyn Queue>,
    synced: bool,
    route: Route,
    /// What there is to do when they are.
    registration: Option<Registration>,
}

/// How a queue's route comes to the registry.
enum Registration {
    /// It was registered for these elements: until they are in it there is no such queue.
    First,
    /// It takes the place of what the key has, once one of them is in it.
    After { old: Box<Route>, remains: Remains },
}

/// The way to the engines and the registry.
#[derive(Debug)]
pub(crate) struct Sink {
    pub(crate) instances: Arc<Instances>,
    pub(crate) registry: Arc<dyn Registry>,
    pub(crate) intents: Arc<Intents>,
    pub(crate) generations: Arc<Generations>,
    pub(crate) recovery: Arc<Recovery>,
}

impl Sink {
    /// Writes objects of one instance, or successive elements of one queue; one answer each, in
    /// order, and the time that data and routes took. No key may be held by recovery.
    pub(super) async fn write(
        &self,
        writes: Vec<Write>,
    ) -> (Vec<Result<Written, Unwritten>>, StageTimes) {
        let mut times = StageTimes::default();
        let results = match writes.first() {
            None => Vec::new(),
            Some(first) if first.kind == Kind::Stream => {
                let pushed = self.push(first, &writes, &mut times).await;
                let unwritten = |error| Unwritten { error, unclear: None };
                pushed.into_iter().map(|result| result.map_err(unwritten)).collect()
            }
            Some(first) => {
                let framedb_id = first.framedb_id.clone();
                self.put(&framedb_id, writes, &mut times).await
            }
        };
        (results, times)
    }

    /// Writes what nobody tries again, in the turn of its key. A write of unclear outcome is
    /// recovery's when this answers.
    ///
    /// # Errors
    ///
    /// When it is not known to be stored.
    pub(crate) async fn write_alone(&self, write: Write) -> Result<()> {
        let (mut results, _) = self.write(vec![write]).await;
        match results.pop() {
            Some(Err(Unwritten { error, unclear })) => {
                if let Some(unclear) = unclear {
                    self.recovery.hand_over(*unclear);
                }
                Err(error)
            }
            Some(Ok(_)) | None => Ok(()),
        }
    }

    async fn put(
        &self,
        framedb_id: &str,
        mut writes: Vec<Write>,
        times: &mut StageTimes,
    ) -> Vec<Result<Written, Unwritten>> {
        let begun: Vec<_> = writes.iter_mut().map(|write| write.begun.take()).collect();
        let keys: Vec<_> = writes.iter().map(|write| write.key.clone()).collect();
        let (store, previous) = match self.look(framedb_id, &keys).await {
            Ok(found) => found,
            Err(error) => return not_begun(&error, begun),
        };
        let now = SystemTime::now();
        let mut pairs = Vec::with_capacity(writes.len());
        let mut attempts = Vec::with_capacity(writes.len());
        for ((write, previous), begun) in writes.into_iter().zip(&previous).zip(begun) {
            let attempt = Attempt::new(&write, previous.as_ref(), begun);
            let (record, mut route) = self.pair(write, now);
            if let Some(resumed) = &attempt.resumed {
                // Both attempts have one intent.
                route.generation = resumed.route.generation;
            }
            pairs.push((record, route));
            attempts.push(attempt);
        }
        let mut remains = Vec::with_capacity(pairs.len());
        for (((record, route), attempt), previous) in pairs.iter().zip(&attempts).zip(&previous) {
            let old = attempt.before(previous.as_ref()).filter(|old| route.moves_from(old));
            remains.push(match old {
                Some(old) => self.instances.remains(&record.key, &old.place()).await,
                None => Remains::Nothing,
            });
        }
        let shared = store.domain().is_some_and(|domain| self.registry.shares(&domain));
        let begun = match self
            .declare(framedb_id, store.as_ref(), &pairs, &attempts, &previous, shared)
            .await
        {
            Ok(begun) => begun,
            Err(error) => {
                let earlier = |attempt: Attempt| attempt.resumed.or(attempt.overtaken);
                return not_begun(&error, attempts.into_iter().map(earlier));
            }
        };
        let (results, pairs) = if shared {
            let started = Instant::now();
            let results = store.put_with_routes(&pairs).await;
            times.add(Stage::Sink, started.elapsed());
            (results, pairs)
        } else {
            self.put_then_register(store.as_ref(), pairs, &previous, times).await
        };
        let synced = store.synced();
        self.leave_moved(&pairs, &attempts, &previous, remains, &results).await;
        let unclear = self.settle(begun, attempts, &results).await;
        results
            .into_iter()
            .zip(unclear)
            .zip(pairs)
            .map(|((result, unclear), (record, _))| match result {
                Ok(()) => Ok(Written { size: record.data.len() as u64, synced }),
                Err(error) => Err(Unwritten { error, unclear }),
            })
            .collect()
    }

    /// The store of an instance, and the routes that the keys have.
    async fn look(
        &self,
        framedb_id: &str,
        keys: &[Key],
    ) -> Result<(Arc<dyn ObjectStore>, Vec<Option<Route>>)> {
        let store = self.instances.store(framedb_id).await?;
        let previous = self.registry.lookup(keys).await?;
        // Another node's clock may be ahead of ours.
        for previous in previous.iter().flatten() {
            self.generations.observe(previous.generation);
        }
        Ok((store, previous))
    }

    /// Data first, then routes, for engines that share no transaction with the registry. Gives
    /// back what it was given.
    async fn put_then_register(
        &self,
        store: &dyn ObjectStore,
        pairs: Vec<(Record, Route)>,
        previous: &[Option<Route>],
        times: &mut StageTimes,
    ) -> (Vec<Result<()>>, Vec<(Record, Route)>) {
        let started = Instant::now();
        // A reader between the two writes finds new bytes under the old route: it is told of
        // both codecs beforehand.
        let announced: Vec<_> = pairs
            .iter()
            .zip(previous)
            .filter_map(|((record, route), previous)| {
                let old = previous.as_ref()?;
                let recoded = old.codec.is_some() || route.codec.is_some();
                (recoded && !route.moves_from(old)).then(|| {
                    let announced = Route { next: route.codec.clone(), ..old.clone() };
                    (record.key.clone(), announced)
                })
            })
            .collect();
        if !announced.is_empty()
            && let Some(Err(error)) =
                self.registry.register(&announced).await.into_iter().find(Result::is_err)
        {
            return (repeat(&error.with_untouched(true), pairs.len()), pairs);
        }
        times.add(Stage::Registration, started.elapsed());
        let started = Instant::now();
        let (records, routes): (Vec<_>, Vec<_>) = pairs
            .into_iter()
            .map(|(record, route)| {
                let key = record.key.clone();
                (record, (key, route))
            })
            .unzip();
        let mut results = store.put(&records).await;
        for result in &mut results {
            // A full engine has not taken it.
            *result = std::mem::replace(result, Ok(())).map_err(|error| {
                let full = error.kind() == ErrorKind::Full;
                if full { error.with_untouched(true) } else { error }
            });
        }
        times.add(Stage::Sink, started.elapsed());
        let started = Instant::now();
        let stored =
            |(route, result): (&(Key, Route), &Result<()>)| result.is_ok().then(|| route.clone());
        let registered = match results.iter().all(Result::is_ok) {
            true => self.registry.register(&routes).await,
            false => {
                let stored: Vec<_> = routes.iter().zip(&results).filter_map(stored).collect();
                self.registry.register(&stored).await
            }
        };
        let mut registered = registered.into_iter();
        for result in results.iter_mut().filter(|result| result.is_ok()) {
            *result = registered.next().unwrap_or(Ok(())).map_err(after_write);
        }
        times.add(Stage::Registration, started.elapsed());
        let pairs = records.into_iter().zip(routes).map(|(record, (_, route))| (record, route));
        (results, pairs.collect())
    }

    async fn push(
        &self,
        first: &Write,
        writes: &[Write],
        times: &mut StageTimes,
    ) -> Vec<Result<Written>> {
        let started = Instant::now();
        let prepared = self.prepare_queue(first, writes).await;
        times.add(Stage::Registration, started.elapsed());
        let prepared = match prepared {
            Ok(prepared) => prepared,
            Err(error) => return repeat(&error.with_untouched(true), writes.len()),
        };
        let started = Instant::now();
        let elements: Vec<_> = writes
            .iter()
            .map(|write| Element { id: (*write.id).to_owned(), data: write.data.clone() })
            .collect();
        let Target { queue, registration, .. } = &prepared;
        let results = match registration {
            Some(Registration::After { old, .. }) if old.kind != Kind::Stream => {
                match self.shares_name(&first.key, old, &prepared.route).await {
                    true => queue.push_over(&first.key, &elements).await,
                    false => queue.push(&first.key, &elements).await,
                }
            }
            _ => queue.push(&first.key, &elements).await,
        };
        times.add(Stage::Sink, started.elapsed());
        let started = Instant::now();
        let synced = prepared.synced;
        let registered = self.end_push(&first.key, prepared, &results).await;
        times.add(Stage::Registration, started.elapsed());
        let written = |(result, write): (Result<_>, &Write)| match &registered {
            Err(error) if result.is_ok() => Err(after_write(error.again())),
            _ => result.map(|_| Written { size: write.data.len() as u64, synced }),
        };
        results.into_iter().zip(writes).map(written).collect()
    }

    /// Finds a queue, and registers its route before its first push, and whenever what it says
    /// changes. A key that has something else keeps its route until the push has succeeded.
    async fn prepare_queue(&self, first: &Write, writes: &[Write]) -> Result<Target> {
        let instance = self.instances.get(&first.framedb_id).await?;
        let queue = self.instances.queue(&first.framedb_id).await?;
        let previous =
            self.registry.lookup(std::slice::from_ref(&first.key)).await?.pop().flatten();
        if let Some(previous) = &previous {
            self.generations.observe(previous.generation);
        }
        let last = writes.last().unwrap_or(first);
        let mut route = self.route(last.clone(), SystemTime::now());
        route.size = Some(0);
        let registration = match previous {
            Some(old) if route.moves_from(&old) => {
                if old.kind == Kind::Stream {
                    check_empty(&self.instances, &first.key, &old).await?;
                }
                let remains = self.instances.remains(&first.key, &old.place()).await;
                Some(Registration::After { old: old.into(), remains })
            }
            Some(old) if route.says_no_more_than(&old) => None,
            previous => {
                self.register(&first.key, &route).await?;
                previous.is_none().then_some(Registration::First)
            }
        };
        Ok(Target { queue, synced: instance.objects.synced(), route, registration })
    }

    /// Registers a queue in the place of what its key had, once an element is in it; or takes
    /// back the route of a new one that has refused its first elements.
    async fn end_push(&self, key: &Key, target: Target, results: &[Result<Pushed>]) -> Result<()> {
        let Target { route, registration, .. } = target;
        let pushed = results.iter().any(Result::is_ok);
        match registration {
            Some(Registration::After { old, remains }) if pushed => {
                self.register(key, &route).await?;
                self.leave(key, &old, remains, &route, None).await;
                Ok(())
            }
            Some(Registration::First) if results.iter().all(is_refused) => {
                self.registry.remove(key, Some(route.generation)).await.map(drop)
            }
            _ => Ok(()),
        }
    }

    /// Whether a queue would have the name that an object, or a copy of it, has on its server. In
    /// one Redis, objects and queues share their keys (contract 3). Where that cannot be found out
    /// the push tells.
    async fn shares_name(&self, key: &Key, old: &Route, queue: &Route) -> bool {
        let Ok(own) = self.instances.store(&queue.framedb_id).await else { return false };
        for place in old.copies.iter().chain([&old.place()]) {
            if place.framedb_id == queue.framedb_id {
                return true;
            }
            if let Ok(Some(store)) = self.instances.objects(&place.framedb_id).await
                && are_one(&*own, &*store, key).await.unwrap_or_default()
            {
                return true;
            }
        }
        false
    }

    async fn register(&self, key: &Key, route: &Route) -> Result<()> {
        let registered = self.registry.register(&[(key.clone(), route.clone())]).await;
        registered.into_iter().next().unwrap_or(Ok(()))
    }

    fn pair(&self, write: Write, now: SystemTime) -> (Record, Route) {
        let expires_at = write.time_to_live.map(|period| now + period);
        let record = Record { key: write.key.clone(), data: write.data.clone(), expires_at };
        (record, self.route(write, now))
    }

    fn route(&self, write: Write, now: SystemTime) -> Route {
        let record = |codec: Codec| CodecRecord::of(codec, &write.data);
        Route {
            framedb_id: write.framedb_id,
            kind: write.kind,
            size: Some(write.size),
            metadata: write.metadata,
            metadata_is_json: false,
            copies: Arc::default(),
            content_type: write.content_type,
            attributes: write.attributes,
            // Queue elements carry their codec themselves, and where routes keep none so do objects.
            codec: write
                .codec
                .filter(|_| write.kind != Kind::Stream && self.registry.keeps_codecs())
                .map(record),
            next: None,
            unframed: write.unframed,
            generation: self.generations.next(now),
            expires_at: write.time_to_live.map(|period| Route::millis(now + period)),
            stored_at: Route::millis(now),
        }
    }

    /// Writes intents where a crash could leave something half done: where data and route share
    /// no transaction, and where a key moves away from a durable place. What is volatile ends
    /// with the process, so that nothing half done outlives it.
    async fn declare(
        &self,
        framedb_id: &str,
        store: &dyn ObjectStore,
        pairs: &[(Record, Route)],
        attempts: &[Attempt],
        previous: &[Option<Route>],
        shared: bool,
    ) -> Result<Begun> {
        let mut begun = Begun::default();
        if !store.durable() {
            return Ok(begun);
        }
        let writes = pairs.iter().zip(attempts).zip(previous).enumerate();
        for (n, (((record, route), attempt), previous)) in writes {
            if attempt.resumed.is_some() {
                continue;
            }
            let moved = match previous {
                Some(old) if route.moves_from(old) => {
                    let old = self.instances.store(&old.framedb_id).await;
                    old.is_ok_and(|store| store.durable())
                }
                _ => false,
            };
            if !shared || moved {
                let (key, data) = (record.key.clone(), &record.data);
                begun.places.push(n);
                begun.intents.push(Intent::new(key, route.clone(), data, previous.clone()));
            }
        }
        if !begun.places.is_empty() {
            self.recovery.check_room(framedb_id)?;
            begun.declared = self.intents.write(&begun.intents).await?;
        }
        Ok(begun)
    }

    /// Clears the intents of what is in place, or was refused for good; answers those of writes
    /// that may have happened.
    async fn settle(
        &self,
        begun: Begun,
        attempts: Vec<Attempt>,
        results: &[Result<()>],
    ) -> Vec<Option<Box<Intent>>> {
        let Begun { mut declared, places, intents } = begun;
        let failed = |n: usize| results.get(n).and_then(|result| result.as_ref().err());
        let mut unclear: Vec<Option<Box<Intent>>> = Vec::with_capacity(attempts.len());
        for (n, Attempt { resumed, overtaken, .. }) in attempts.into_iter().enumerate() {
            for earlier in resumed.iter().chain(&overtaken) {
                declared.include(earlier);
            }
            // The first attempt may have stored it, whatever became of this one.
            unclear.push(resumed.or(overtaken).filter(|_| failed(n).is_some()));
        }
        for (n, intent) in places.into_iter().zip(intents) {
            let may_be =
                failed(n).is_some_and(|error| error.is_temporary() && !error.is_untouched());
            if may_be && let Some(slot) = unclear.get_mut(n) {
                *slot = Some(Box::new(intent));
            }
        }
        let left = unclear.iter().flatten().map(AsRef::as_ref);
        if !declared.is_empty()
            && let Err(error) = self.intents.settle(declared, left).await
        {
            // They are looked at again at the next start, and found to be in place.
            tracing::warn!(error = error.chain(), "could not clear write intents");
        }
        unclear
    }

    /// Deletes what keys had at other places before: where they moved from, and copies of bytes
    /// that are no longer theirs.
    async fn leave_moved(
        &self,
        pairs: &[(Record, Route)],
        attempts: &[Attempt],
        previous: &[Option<Route>],
        remains: Vec<Remains>,
        results: &[Result<()>],
    ) {
        // Of a key that is twice in a group, both have the same previous place.
        let mut done = HashSet::new();
        let writes = pairs.iter().zip(attempts).zip(previous).zip(remains).zip(results);
        for (((((record, route), attempt), previous), remains), result) in writes {
            let old = attempt.before(previous.as_ref());
            if let Some(old) = old.filter(|_| result.is_ok() && done.insert(&record.key)) {
                self.leave(&record.key, old, remains, route, Some(&record.data)).await;
            }
        }
    }

    /// Deletes what a key had under an old route, where its new one leads elsewhere. The routes
    /// that volatile instances keep themselves go, too.
    async fn leave(
        &self,
        key: &Key,
        old: &Route,
        remains: Remains,
        new: &Route,
        data: Option<&Bytes>,
    ) {
        let to = &new.framedb_id;
        for copy in old.copies.iter().filter(|copy| **copy != new.place()) {
            self.instances.leave(key, copy, Remains::Anything, to, data).await;
            self.forget(key, &copy.framedb_id, None).await;
        }
        if new.moves_from(old) {
            tracing::debug!(%key, from = %old.framedb_id, %to, "moved");
            // A queue that moves is empty, and what is sent to it directly is its own.
            let is_left = old.kind != Kind::Stream || new.kind != Kind::Stream;
            if is_left && !self.is_back(key, &old.framedb_id, new).await {
                self.instances.leave(key, &old.place(), remains, to, data).await;
            }
            self.forget(key, &old.framedb_id, Some(old.generation)).await;
        }
    }

    /// Whether another node has brought a key back to an instance since it was registered.
    async fn is_back(&self, key: &Key, framedb_id: &str, registered: &Route) -> bool {
        let found = self.registry.lookup(std::slice::from_ref(key)).await;
        let found = found.ok().and_then(|mut found| found.pop().flatten());
        found.is_some_and(|route| {
            route.generation != registered.generation && *route.framedb_id == *framedb_id
        })
    }

    /// Forgets a place of a key, and there its route of this generation.
    async fn forget(&self, key: &Key, framedb_id: &str, generation: Option<u64>) {
        let forgotten = async {
            if generation.is_some() {
                self.registry.remove(key, generation).await?;
            }
            self.registry.forget_copy(key, framedb_id).await
        };
        if let Err(error) = forgotten.await {
            tracing::warn!(%key, framedb_id, error = error.chain(), "an old place stays registered");
        }
    }
}

/// Whether an element is certainly not in its queue.
fn is_refused(result: &Result<Pushed>) -> bool {
    result.as_ref().is_err_and(|error| error.is_untouched() || !error.is_temporary())
}

/// What fails after the data was written, in whatever place, does not leave it as it was.
fn after_write(error: Error) -> Error {
    error.with_untouched(false)
}

/// Refuses to leave a queue that holds elements: they would be lost. Those of an instance that
/// there is no more are.
pub(crate) async fn check_empty(instances: &Instances, key: &Key, old: &Route) -> Result<()> {
    if instances.record(&old.framedb_id).await?.is_none() {
        return Ok(());
    }
    let length = instances.queue(&old.framedb_id).await?.length(key).await?;
    let elements = length.ready + length.leased;
    if elements == 0 {
        return Ok(());
    }
    let message = format!(
        "the queue `{key}` holds {elements} elements on `{}` and does not move",
        old.framedb_id
    );
    Err(Error::new(ErrorKind::Invalid, message)
        .with_hint("push to that instance, or take the elements out first"))
}
