//! `Writes`: routes, written in transactions that compare what was there before.
//!
//! Routes that are registered at the same time share transactions. One succeeds or fails as a
//! whole, and a failed one says what all its keys have: those that somebody else changed go on
//! by themselves, so that they do not hold up the others again.

use super::{
    contended,
    held::Held,
    read::{Reads, StaleTime},
};
use crate::{
    Error, ErrorKind, Result,
    driver::{
        GroupWriter,
        etcd::{Again, Failure, Fault, RequestOp, TxnRequest, delete, found, get, is_at, put},
        older, repeat,
        tables::encode_route,
    },
};
use async_trait::async_trait;
use bytes::Bytes;
use framedb_core::{Key, Route};
use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};
use tokio::time::Instant;

/// Routes that are written together: as many as one transaction takes at best.
const MAX_GROUP: usize = 128;

/// Bytes that a transaction may have. Servers take 1.5 MiB by default, with all that is around.
const MAX_BYTES: usize = 1 << 20;

/// How long routes are tried again that others change at the same time.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often a key may be changed by others while it is written.
const MAX_LOST: u32 = 64;

/// The way to write a registry.
#[derive(Debug)]
pub(super) struct Writes {
    reads: Arc<Reads>,
}

/// A route that is being written.
struct Pending {
    /// Whose answer it is.
    slot: usize,
    key: Key,
    route: Route,
    encoded: Bytes,
    /// What the key has, so far as is known.
    held: Held,
    /// Whether the cluster said so in answer to this write.
    asked: bool,
    /// How often somebody else was quicker.
    lost: u32,
}

/// What became of a transaction.
enum Committed {
    /// All is written, in this revision.
    Yes(i64),
    /// Nothing is written; this is what the keys have.
    No(Vec<Held>),
}

#[async_trait]
impl GroupWriter for Writes {
    type Write = (Key, Route);

    const MAX: usize = MAX_GROUP;

    // Transactions follow each other there: halves of one take longer than the whole.
    const BESIDE: usize = MAX_GROUP;

    const WHAT: &'static str = "routes";

    async fn write(&self, group: Vec<(Key, Route)>) -> Vec<Result<()>> {
        let mut answers: Vec<Option<Result<()>>> = group.iter().map(|_| None).collect();
        // A transaction writes a key once: of the same key twice, the second one has its turn
        // after the first.
        let mut turns: Vec<Vec<Pending>> = Vec::new();
        let mut times: HashMap<Key, usize> = HashMap::new();
        for (slot, (key, route)) in group.into_iter().enumerate() {
            let encoded = match encode_route(&key, &route) {
                Ok(encoded) => encoded.into(),
                Err(error) => {
                    put_answer(&mut answers, slot, Err(error));
                    continue;
                }
            };
            let turn = times.entry(key.clone()).or_default();
            if turns.len() <= *turn {
                turns.push(Vec::new());
            }
            let held = Held::default();
            if let Some(pending) = turns.get_mut(*turn) {
                pending.push(Pending { slot, key, route, encoded, held, asked: false, lost: 0 });
            }
            *turn += 1;
        }
        for mut turn in turns {
            for pending in &mut turn {
                // What is not known is taken for new: the transaction tells otherwise.
                pending.held = self.reads.followed.cache.get(&pending.key).unwrap_or_default();
            }
            self.settle(turn, &mut answers).await;
        }
        let missing = || Error::new(ErrorKind::Unavailable, "a route was left without an answer");
        answers.into_iter().map(|answer| answer.unwrap_or_else(|| Err(missing()))).collect()
    }
}

impl Writes {
    pub(super) fn new(reads: Arc<Reads>) -> Self {
        Self { reads }
    }

    /// Writes routes of different keys, and answers each.
    async fn settle(&self, routes: Vec<Pending>, answers: &mut [Option<Result<()>>]) {
        let deadline = Instant::now() + PATIENCE;
        let mut groups = VecDeque::from([routes]);
        while let Some(group) = groups.pop_front() {
            let mut group = self.decide(group, answers).await;
            let rest = group.split_off(self.fitting(&group));
            if !rest.is_empty() {
                groups.push_front(rest);
            }
            if group.is_empty() {
                continue;
            }
            match self.commit(&group).await {
                Ok(Committed::Yes(revision)) => {
                    for Pending { slot, key, route, .. } in group {
                        let route = Some(Arc::new(route));
                        let held = Held { written: revision, as_of: revision, route };
                        self.reads.followed.cache.keep(&key, revision, held);
                        put_answer(answers, slot, Ok(()));
                    }
                }
                Ok(Committed::No(found)) => {
                    let (contested, rest) = refresh(group, found);
                    if !rest.is_empty() {
                        groups.push_back(rest);
                    }
                    for pending in contested {
                        if pending.lost > MAX_LOST || Instant::now() > deadline {
                            put_answer(answers, pending.slot, Err(contended(&pending.key)));
                            continue;
                        }
                        if pending.lost > 1 {
                            // Those who write the same key step aside for different times.
                            let most = 1 << pending.lost.min(6);
                            let aside = Duration::from_millis(fastrand::u64(0..most));
                            tokio::time::sleep(aside).await;
                        }
                        groups.push_back(vec![pending]);
                    }
                }
                Err(failure) => {
                    let operations = group.iter().map(|p| self.operations(p).len()).sum();
                    let smaller = match failure.fault() {
                        Fault::TooManyOperations => {
                            group.len() > 1 && self.reads.fewer_operations(operations)
                        }
                        Fault::TooLarge => group.len() > 1,
                        _ => false,
                    };
                    if smaller {
                        let half = group.split_off(group.len() / 2);
                        groups.push_front(half);
                        groups.push_front(group);
                        continue;
                    }
                    let attempt = match group.as_slice() {
                        [one] => format!("register {}", one.key),
                        _ => "register routes".to_owned(),
                    };
                    let error = self.reads.failed(&attempt, failure);
                    for (pending, answer) in group.iter().zip(repeat(&error, group.len())) {
                        put_answer(answers, pending.slot, answer);
                    }
                }
            }
        }
    }

    /// Answers those routes that are older than what the cluster has; the others are to write.
    async fn decide(
        &self,
        mut group: Vec<Pending>,
        answers: &mut [Option<Result<()>>],
    ) -> Vec<Pending> {
        // What memory says of a newer route is asked for, before a write is refused.
        let doubtful: Vec<Key> =
            group.iter().filter(|p| p.loses() && !p.asked).map(|p| p.key.clone()).collect();
        if !doubtful.is_empty() {
            match self.reads.current(&doubtful).await {
                Ok(current) => {
                    let mut current: HashMap<Key, Held> =
                        doubtful.into_iter().zip(current).collect();
                    for pending in &mut group {
                        if let Some(held) = current.remove(&pending.key) {
                            (pending.held, pending.asked) = (held, true);
                        }
                    }
                }
                Err(error) => {
                    let failed = doubtful.len();
                    let mut errors = repeat(&error, failed).into_iter();
                    group.retain(|pending| {
                        let failed = doubtful.contains(&pending.key);
                        if failed {
                            let error = errors.next().unwrap_or(Ok(()));
                            put_answer(answers, pending.slot, error);
                        }
                        !failed
                    });
                }
            }
        }
        group.retain(|pending| {
            if let Some(found) = pending.held.generation().filter(|_| pending.loses()) {
                let error = older(&pending.key, pending.route.generation, found);
                put_answer(answers, pending.slot, Err(error));
            }
            !pending.loses()
        });
        group
    }

    /// How many of the first routes fit into a transaction; one always does.
    fn fitting(&self, group: &[Pending]) -> usize {
        let most = self.reads.operations();
        let (mut operations, mut bytes) = (0, 0);
        let fits = group.iter().take_while(|pending| {
            operations += self.operations(pending).len();
            // The key is in the comparison, in the write and in the read.
            bytes += pending.encoded.len() + 3 * (pending.key.as_str().len() + 64);
            operations <= most && bytes <= MAX_BYTES
        });
        fits.count().max(1).min(group.len())
    }

    /// What writes a route over what its key has.
    fn operations(&self, pending: &Pending) -> Vec<RequestOp> {
        let layout = &self.reads.layout;
        let key = pending.key.as_str();
        let mut operations = vec![put(&layout.route(key), pending.encoded.clone())];
        let (old, new) = (pending.held.expires_at(), pending.route.expires_at);
        if old != new {
            operations.extend(old.map(|at| delete(&layout.time(at, key))));
            operations.extend(new.map(|at| put(&layout.time(at, key), Bytes::new())));
        }
        operations
    }

    async fn commit(&self, group: &[Pending]) -> Result<Committed, Failure> {
        let layout = &self.reads.layout;
        let keys: Vec<_> = group.iter().map(|p| layout.route(p.key.as_str())).collect();
        let compare = keys.iter().zip(group).map(|(key, p)| is_at(key, p.held.written));
        let request = TxnRequest {
            compare: compare.collect(),
            success: group.iter().flat_map(|pending| self.operations(pending)).collect(),
            failure: keys.iter().map(|key| get(key)).collect(),
        };
        // To write the same route of the same generation twice changes nothing.
        let answer = self.reads.client.txn(Again::Yes, request).await?;
        let revision = answer.header.unwrap_or_default().revision;
        if answer.succeeded {
            return Ok(Committed::Yes(revision));
        }
        let held = answer.responses.into_iter().zip(group).map(|(answer, pending)| {
            let found = found(answer);
            let written = found.as_ref().map_or(0, |found| found.mod_revision);
            // What is no route is written over.
            let unreadable = Held { written, as_of: revision, route: None };
            Held::read(&pending.key, found, revision).unwrap_or(unreadable)
        });
        Ok(Committed::No(held.collect()))
    }

    /// Removes a key's route, if its generation is the given one; whether there was one.
    pub(super) async fn remove(&self, key: &Key, generation: Option<u64>) -> Result<bool> {
        let layout = &self.reads.layout;
        let keys = std::slice::from_ref(key);
        let deadline = Instant::now() + PATIENCE;
        let mut held = self.reads.followed.cache.get(key);
        let mut asked = false;
        for _ in 0..MAX_LOST {
            let current = match held.take() {
                Some(held) => held,
                None => {
                    asked = true;
                    self.reads.current(keys).await?.pop().unwrap_or_default()
                }
            };
            let removable = current
                .generation()
                .is_some_and(|found| generation.is_none_or(|wanted| wanted == found));
            if !removable {
                // What memory says is asked for, before it is an answer.
                if asked {
                    return Ok(false);
                }
                continue;
            }
            let route = layout.route(key.as_str());
            let mut success = vec![delete(&route)];
            success.extend(current.expires_at().map(|at| delete(&layout.time(at, key.as_str()))));
            let compare = vec![is_at(&route, current.written)];
            let request = TxnRequest { compare, success, failure: Vec::new() };
            let answer = self.reads.client.txn(Again::Yes, request).await.map_err(|failure| {
                self.reads.failed(&format!("remove the route of {key}"), failure)
            })?;
            if answer.succeeded {
                let as_of = answer.header.unwrap_or_default().revision;
                self.reads.followed.cache.keep(key, as_of, Held::default());
                return Ok(true);
            }
            if Instant::now() > deadline {
                break;
            }
        }
        Err(contended(key))
    }

    /// Removes entries of times that no route has; those whose keys were written meanwhile are
    /// left to the next look.
    pub(super) async fn remove_times(&self, stale: Vec<StaleTime>) {
        for some in stale.chunks(self.reads.operations()) {
            let layout = &self.reads.layout;
            let compare = some.iter().map(|s| is_at(&layout.route(s.key.as_str()), s.written));
            let request = TxnRequest {
                compare: compare.collect(),
                success: some.iter().map(|stale| delete(&stale.entry)).collect(),
                failure: Vec::new(),
            };
            if let Err(failure) = self.reads.client.txn(Again::Yes, request).await {
                let error = self.reads.failed("remove entries without routes", failure);
                tracing::debug!(error = error.chain(), "entries of expired routes stay behind");
                return;
            }
        }
    }
}

impl Pending {
    /// Whether the key has a newer route, so far as is known.
    fn loses(&self) -> bool {
        self.held.generation().is_some_and(|found| found > self.route.generation)
    }
}

/// Notes what the keys of a transaction have: those that somebody else changed after the
/// cluster was asked, and the rest.
fn refresh(group: Vec<Pending>, found: Vec<Held>) -> (Vec<Pending>, Vec<Pending>) {
    let (mut contested, mut rest) = (Vec::new(), Vec::new());
    for (pending, held) in group.into_iter().zip(found) {
        let lost = pending.asked && held.written != pending.held.written;
        let refreshed =
            Pending { held, asked: true, lost: pending.lost + u32::from(lost), ..pending };
        if lost { &mut contested } else { &mut rest }.push(refreshed);
    }
    (contested, rest)
}

fn put_answer(answers: &mut [Option<Result<()>>], slot: usize, answer: Result<()>) {
    if let Some(place) = answers.get_mut(slot) {
        *place = Some(answer);
    }
}
