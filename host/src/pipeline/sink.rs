//! `Sink`: bytes to their engine and routes to the registry, so that success means stored and
//! findable.
//!
//! Where data and route share a transaction that is all. Elsewhere an intent is written first,
//! and cleared when both are in place: what a crash leaves half done is finished or forgotten by
//! recovery. A key that moves to another instance or kind is registered there first; then its
//! old copy is deleted.

use super::item::Written;
use crate::{
    Error, ErrorKind, Result,
    driver::repeat,
    instances::Instances,
    registry::{Declared, Generations, Intent, Intents, Recovery, Registry},
    store::{Element, ObjectStore, Record},
};
use bytes::Bytes;
use framedb_core::{Attribute, Codec, CodecRecord, Key, Kind, Place, Route, Stage, StageTimes};
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
}

/// Writes that have begun: their places in the group, and their intents.
#[derive(Debug, Default)]
struct Begun {
    places: Vec<usize>,
    intents: Vec<Intent>,
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
    /// order, and the time that data and routes took.
    pub(crate) async fn write(&self, writes: Vec<Write>) -> (Vec<Result<Written>>, StageTimes) {
        let mut times = StageTimes::default();
        for write in &writes {
            self.recovery.wait(&write.key).await;
        }
        let results = match writes.first() {
            None => Vec::new(),
            Some(first) if first.kind == Kind::Stream => {
                self.push(first, &writes, &mut times).await
            }
            Some(first) => {
                let framedb_id = first.framedb_id.clone();
                self.put(&framedb_id, writes, &mut times).await
            }
        };
        (results, times)
    }

    async fn put(
        &self,
        framedb_id: &str,
        writes: Vec<Write>,
        times: &mut StageTimes,
    ) -> Vec<Result<Written>> {
        let store = match self.instances.store(framedb_id).await {
            Ok(store) => store,
            Err(error) => return repeat(&error.with_untouched(true), writes.len()),
        };
        let keys: Vec<_> = writes.iter().map(|write| write.key.clone()).collect();
        let previous = match self.registry.lookup(&keys).await {
            Ok(previous) => previous,
            Err(error) => return repeat(&error.with_untouched(true), writes.len()),
        };
        // Another node's clock may be ahead of ours.
        for previous in previous.iter().flatten() {
            self.generations.observe(previous.generation);
        }
        let now = SystemTime::now();
        let pairs: Vec<_> = writes.into_iter().map(|write| self.pair(write, now)).collect();
        let shared = store.domain().is_some_and(|domain| self.registry.shares(&domain));
        let declared = match self.declare(store.as_ref(), &pairs, &previous, shared).await {
            Ok(declared) => declared,
            Err(error) => return repeat(&error.with_untouched(true), pairs.len()),
        };
        let results = if shared {
            let started = Instant::now();
            let results = store.put_with_routes(&pairs).await;
            times.add(Stage::Sink, started.elapsed());
            results
        } else {
            self.put_then_register(store.as_ref(), &pairs, &previous, times).await
        };
        let synced = store.synced();
        let moved = self.delete_moved(&pairs, &previous, &results).await;
        if let Some((declared, intents)) = declared {
            self.settle(declared, intents, &results).await;
        }
        results
            .into_iter()
            .zip(pairs)
            .zip(moved)
            .map(|((result, (record, _)), moved)| {
                result.and(moved.map_err(after_write))?;
                Ok(Written { size: record.data.len() as u64, synced })
            })
            .collect()
    }

    /// Data first, then routes, for engines that share no transaction with the registry.
    async fn put_then_register(
        &self,
        store: &dyn ObjectStore,
        pairs: &[(Record, Route)],
        previous: &[Option<Route>],
        times: &mut StageTimes,
    ) -> Vec<Result<()>> {
        let started = Instant::now();
        // A reader between the two writes finds new bytes under the old route: it is told of
        // both codecs beforehand.
        let announced: Vec<_> = pairs
            .iter()
            .zip(previous)
            .filter_map(|((record, route), previous)| {
                let mut old = previous.clone()?;
                let recoded = old.codec.is_some() || route.codec.is_some();
                (recoded && old.framedb_id == route.framedb_id && old.kind == route.kind).then(
                    || {
                        old.next = route.codec.clone();
                        (record.key.clone(), old)
                    },
                )
            })
            .collect();
        if !announced.is_empty()
            && let Some(Err(error)) =
                self.registry.register(&announced).await.into_iter().find(Result::is_err)
        {
            return repeat(&error, pairs.len());
        }
        times.add(Stage::Registration, started.elapsed());
        let started = Instant::now();
        let records: Vec<_> = pairs.iter().map(|(record, _)| record.clone()).collect();
        let mut results = store.put(&records).await;
        times.add(Stage::Sink, started.elapsed());
        let started = Instant::now();
        let stored: Vec<_> = pairs
            .iter()
            .zip(&results)
            .filter(|(_, result)| result.is_ok())
            .map(|((record, route), _)| (record.key.clone(), route.clone()))
            .collect();
        let mut registered = self.registry.register(&stored).await.into_iter();
        for result in results.iter_mut().filter(|result| result.is_ok()) {
            *result = registered.next().unwrap_or(Ok(())).map_err(after_write);
        }
        times.add(Stage::Registration, started.elapsed());
        results
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
        let (queue, synced, moved_from) = match prepared {
            Ok(prepared) => prepared,
            Err(error) => return repeat(&error.with_untouched(true), writes.len()),
        };
        let started = Instant::now();
        let elements: Vec<_> = writes
            .iter()
            .map(|write| Element { id: (*write.id).to_owned(), data: write.data.clone() })
            .collect();
        let results = queue.push(&first.key, &elements).await;
        times.add(Stage::Sink, started.elapsed());
        if let Some(old) = moved_from
            && results.iter().any(Result::is_ok)
            && let Err(error) = self.delete_copy(&first.key, &old).await
        {
            return repeat(&after_write(error), writes.len());
        }
        let written = |(result, write): (Result<_>, &Write)| {
            result.map(|_| Written { size: write.data.len() as u64, synced })
        };
        results.into_iter().zip(writes).map(written).collect()
    }

    /// Registers a queue's route before its first push, and whenever what it says changes;
    /// answers the queue and the place that the key moves away from.
    async fn prepare_queue(
        &self,
        first: &Write,
        writes: &[Write],
    ) -> Result<(Arc<dyn crate::store::Queue>, bool, Option<Route>)> {
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
        let moved = previous.as_ref().is_some_and(|old| moves(old, &route));
        if moved && let Some(old) = previous.as_ref().filter(|old| old.kind == Kind::Stream) {
            check_empty(&self.instances, &first.key, old).await?;
        }
        // In one Redis, objects and queues share their keys (contract 3): no element can be pushed
        // while the object is there.
        let in_the_way = previous
            .as_ref()
            .filter(|old| old.kind != Kind::Stream && old.framedb_id == route.framedb_id);
        if let Some(old) = in_the_way {
            self.delete_copy(&first.key, old).await?;
        }
        let moved_away = moved && in_the_way.is_none();
        let same = previous.as_ref().is_some_and(|old| {
            !moved
                && old.metadata == route.metadata
                && old.content_type == route.content_type
                && old.attributes == route.attributes
                && old.unframed == route.unframed
                && route.expires_at.is_none()
        });
        if !same {
            let mut registered = self.registry.register(&[(first.key.clone(), route)]).await;
            registered.pop().unwrap_or(Ok(()))?;
        }
        Ok((queue, instance.objects.synced(), previous.filter(|_| moved_away)))
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
            generation: self.generations.next(),
            expires_at: write.time_to_live.map(|period| Route::millis(now + period)),
            stored_at: Route::millis(now),
        }
    }

    /// Writes intents where a crash could leave something half done: where data and route share
    /// no transaction, and where a key moves away from a durable place. What is volatile ends
    /// with the process, so that nothing half done outlives it.
    async fn declare(
        &self,
        store: &dyn ObjectStore,
        pairs: &[(Record, Route)],
        previous: &[Option<Route>],
        shared: bool,
    ) -> Result<Option<(Declared, Begun)>> {
        if !store.durable() {
            return Ok(None);
        }
        let mut begun = Begun::default();
        for (n, ((record, route), previous)) in pairs.iter().zip(previous).enumerate() {
            let moved = match previous {
                Some(old) if moves(old, route) => {
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
        if begun.places.is_empty() {
            return Ok(None);
        }
        let declared = self.intents.write(&begun.intents).await?;
        Ok(Some((declared, begun)))
    }

    /// Clears the intents of what is in place, or was refused for good. One whose write may
    /// have happened stays for recovery.
    async fn settle(&self, declared: Declared, begun: Begun, results: &[Result<()>]) {
        let Begun { places, intents } = begun;
        let unclear = |n: usize| {
            let unclear = |error: &Error| error.is_temporary() && !error.is_untouched();
            results.get(n).is_none_or(|result| result.as_ref().is_err_and(unclear))
        };
        let left = places.into_iter().zip(intents).filter(|(n, _)| unclear(*n));
        let left: Vec<_> = left.map(|(_, intent)| intent).collect();
        if let Err(error) = self.intents.settle(declared, &left).await {
            // They are looked at again at the next start, and found to be in place.
            tracing::warn!(error = error.chain(), "could not clear write intents");
        }
    }

    /// Deletes what keys had at other places before: where they moved from, and copies of bytes
    /// that are no longer theirs.
    async fn delete_moved(
        &self,
        pairs: &[(Record, Route)],
        previous: &[Option<Route>],
        results: &[Result<()>],
    ) -> Vec<Result<()>> {
        let mut outcome = Vec::with_capacity(pairs.len());
        // Of a key that is twice in a group, both have the same previous place.
        let mut done = HashSet::new();
        for (((record, route), previous), result) in pairs.iter().zip(previous).zip(results) {
            let old = previous.as_ref().filter(|_| result.is_ok() && done.insert(&record.key));
            let Some(old) = old else {
                outcome.push(Ok(()));
                continue;
            };
            for copy in old.copies.iter().filter(|copy| **copy != route.place()) {
                self.delete_stale(&record.key, copy).await;
            }
            outcome.push(if moves(old, route) {
                tracing::debug!(key = %record.key, from = %old.framedb_id, to = %route.framedb_id, "moved");
                self.delete_copy(&record.key, old).await
            } else {
                Ok(())
            });
        }
        outcome
    }

    /// Deletes a copy that no route leads to any more.
    async fn delete_stale(&self, key: &Key, copy: &Place) {
        let keys = std::slice::from_ref(key);
        let deleted = async {
            let store = self.instances.store(&copy.framedb_id).await?;
            store.delete(keys).await.pop().transpose()?;
            self.registry.forget_copy(key, &copy.framedb_id).await
        };
        if let Err(error) = deleted.await {
            let (framedb_id, error) = (&*copy.framedb_id, error.chain());
            tracing::warn!(%key, framedb_id, error, "an old copy stays behind");
        }
    }

    async fn delete_copy(&self, key: &Key, old: &Route) -> Result<()> {
        if old.kind == Kind::Stream {
            self.instances.queue(&old.framedb_id).await?.purge(key).await?;
        } else {
            let keys = std::slice::from_ref(key);
            let mut deleted = self.instances.store(&old.framedb_id).await?.delete(keys).await;
            deleted.pop().transpose()?;
        }
        self.registry.remove(key, Some(old.generation)).await?;
        self.registry.forget_copy(key, &old.framedb_id).await
    }
}

/// What fails after the data was written, in whatever place, does not leave it as it was.
fn after_write(error: Error) -> Error {
    error.with_untouched(false)
}

/// Refuses to leave a queue that holds elements: they would be lost.
pub(crate) async fn check_empty(instances: &Instances, key: &Key, old: &Route) -> Result<()> {
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

/// Whether storing `new` moves its key away from `old`.
fn moves(old: &Route, new: &Route) -> bool {
    old.framedb_id != new.framedb_id || old.kind != new.kind
}
