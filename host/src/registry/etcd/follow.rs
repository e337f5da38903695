//! What the watch keeps current: all documents, and the routes that were read.
//!
//! Everything is loaded at one revision, and the watch reports what is behind it. When the watch
//! breaks, nothing is answered from memory until another one follows a new load: what a server
//! has compacted meanwhile is then never missed.

use super::{
    cache::Cache,
    layout::Subject,
    mirror::{Loaded, Mirror},
    read::{Reads, behind},
};
use crate::driver::etcd::{EventType, Failure, WatchResponse, end_of, scan};
use parking_lot::RwLock;
use std::{
    convert::Infallible,
    sync::Arc,
    time::{Duration, Instant},
};

/// How long a cluster that cannot be followed is left alone, at first and at most.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Documents that are loaded in one answer.
const PAGE: usize = 500;

/// What is known without asking.
#[derive(Debug)]
pub(super) struct Followed {
    pub(super) cache: Cache,
    /// Written by the follower, and by writes of this node, which it reads at once.
    pub(super) mirror: RwLock<Mirror>,
}

impl Followed {
    /// Nothing, until a watch follows; then up to so many routes.
    pub(super) fn new(routes: u64) -> Self {
        Self { cache: Cache::new(routes), mirror: RwLock::default() }
    }

    fn stop(&self) {
        self.cache.stop();
        self.mirror.write().stop();
    }
}

/// Follows the cluster for as long as it is polled.
pub(super) async fn run(reads: Arc<Reads>) {
    let mut pause = FIRST_PAUSE;
    loop {
        let started = Instant::now();
        let Err(failure) = follow(&reads).await;
        let followed = reads.followed.cache.follows();
        reads.followed.stop();
        let error = reads.failed("follow changes", failure);
        if followed {
            tracing::warn!(error = error.chain(), "the registry is asked for everything");
        } else {
            tracing::debug!(error = error.chain(), "the registry is still asked for everything");
        }
        // A cluster that was followed for a while is tried again at once.
        pause = if started.elapsed() > LONGEST_PAUSE {
            FIRST_PAUSE
        } else {
            (pause * 2).min(LONGEST_PAUSE)
        };
        tokio::time::sleep(pause.mul_f64(0.5 + fastrand::f64() / 2.0)).await;
    }
}

async fn follow(reads: &Reads) -> Result<Infallible, Failure> {
    let (documents, revision) = load(reads).await?;
    let (start, end) = reads.layout.watched();
    let mut watch = reads.client.watch(start, end, revision + 1).await?;
    reads.followed.cache.follow(revision);
    reads.followed.mirror.write().start(number(revision), documents);
    tracing::debug!(revision, "the registry is followed");
    loop {
        note(reads, watch.next().await?);
    }
}

/// Every document as of one revision.
async fn load(reads: &Reads) -> Result<(Vec<Loaded>, i64), Failure> {
    let prefix = reads.layout.documents();
    let (mut start, end) = (prefix.to_vec(), end_of(prefix));
    let (mut documents, mut revision) = (Vec::new(), 0);
    loop {
        let mut request = scan(start, end.clone(), PAGE);
        request.revision = revision;
        let page = reads.client.range(request).await?;
        if revision == 0 {
            revision = page.header.unwrap_or_default().revision;
        }
        let next = page.kvs.last().filter(|_| page.more).map(|last| behind(&last.key));
        for found in page.kvs {
            if let Some(Subject::Document(table, id)) = reads.layout.subject(&found.key) {
                documents.push((table, id, number(found.mod_revision), found.value));
            }
        }
        match next {
            Some(next) => start = next,
            None => return Ok((documents, revision)),
        }
    }
}

/// Notes what the watch reported.
fn note(reads: &Reads, answer: WatchResponse) {
    let mut reported = 0;
    for event in answer.events {
        let deleted = event.r#type() == EventType::Delete;
        let Some(found) = event.kv else { continue };
        reported = found.mod_revision;
        match reads.layout.subject(&found.key) {
            Some(Subject::Route(key)) => reads.followed.cache.report(&key, found.mod_revision),
            Some(Subject::Document(table, id)) => {
                let body = (!deleted).then_some(&*found.value);
                reads.followed.mirror.write().note(table, &id, number(reported), body);
            }
            None => {}
        }
    }
    // The rest of the last revision may be in the next answer.
    reads.followed.mirror.write().forget_deleted(number(reported).saturating_sub(1));
}

/// Revisions are never negative.
pub(super) fn number(revision: i64) -> u64 {
    u64::try_from(revision).unwrap_or_default()
}
