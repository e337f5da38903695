//! Leaving: what a key had where it is no longer is deleted, if it is still that.
//!
//! Nodes that share a registry write the same servers. So what is to be deleted is read before the
//! key moves, and deleted only if it is still there: what another node, or a client, has written
//! meanwhile is theirs.

use super::{Instances, no_answer};
use crate::{Error, ErrorKind, Result, store::are_one};
use bytes::Bytes;
use framedb_core::{Key, Kind, Place};
use std::time::Duration;

/// How long the place that a key leaves may take. What is new waits for nobody.
const LEAVE_WITHIN: Duration = Duration::from_secs(5);

/// What a key has at a place that it is about to leave.
#[derive(Debug)]
pub(crate) enum Remains {
    /// Nothing.
    Nothing,
    /// A value.
    Value(Bytes),
    /// What nobody but this node writes, or what is deleted whatever it is.
    Anything,
    /// The place could not be asked, for a reason.
    Unknown(Error),
}

impl Instances {
    /// What a key has at a place, before it leaves that.
    pub(crate) async fn remains(&self, key: &Key, left: &Place) -> Remains {
        in_time(left, self.look_back(key, left)).await.unwrap_or_else(Remains::Unknown)
    }

    /// Deletes what a key had at a place that it has left for the instance `to`, where it may be
    /// `new` now. What cannot be deleted stays behind, which the log says: the place may be gone
    /// for good.
    pub(crate) async fn leave(
        &self,
        key: &Key,
        left: &Place,
        remains: Remains,
        to: &str,
        new: Option<&Bytes>,
    ) {
        let leaving = self.delete_left(key, left, remains, to, new);
        if let Err(error) = in_time(left, leaving).await {
            let (framedb_id, error) = (&*left.framedb_id, error.chain());
            tracing::warn!(%key, framedb_id, error, "what a key has left stays behind");
        }
    }

    async fn look_back(&self, key: &Key, left: &Place) -> Result<Remains> {
        let from = &*left.framedb_id;
        if self.record(from).await?.is_none() {
            return Err(Error::new(ErrorKind::NotFound, "there is no such instance any more"));
        }
        if left.kind == Kind::Stream {
            return Ok(Remains::Anything);
        }
        let store = self.store(from).await?;
        if store.domain().is_some() {
            return Ok(Remains::Anything);
        }
        let found = store.get(std::slice::from_ref(key)).await.pop().transpose()?.flatten();
        Ok(found.map_or(Remains::Nothing, Remains::Value))
    }

    async fn delete_left(
        &self,
        key: &Key,
        left: &Place,
        remains: Remains,
        to: &str,
        new: Option<&Bytes>,
    ) -> Result<()> {
        let from = &*left.framedb_id;
        let old = match remains {
            Remains::Nothing => return Ok(()),
            Remains::Unknown(error) => return Err(error),
            Remains::Anything if left.kind == Kind::Stream => {
                return self.queue(from).await?.purge(key).await.map(drop);
            }
            Remains::Anything => None,
            Remains::Value(old) => Some(old),
        };
        let store = self.store(from).await?;
        // Other bytes than the new ones tell two places apart, too.
        let may_be_one = from != to && (old.is_none() || old.as_ref() == new);
        if may_be_one && are_one(&*self.store(to).await?, &*store, key).await? {
            tracing::warn!(
                %key,
                from,
                to,
                "two instances lead to the same server: a key that moves between them has nothing \
                 to leave"
            );
            return Ok(());
        }
        match old {
            Some(old) => store.delete_unchanged(key, &old).await.map(drop),
            None => store.delete(std::slice::from_ref(key)).await.pop().transpose().map(drop),
        }
    }
}

/// What a place answers in its time.
async fn in_time<T>(place: &Place, answer: impl Future<Output = Result<T>>) -> Result<T> {
    let answered = tokio::time::timeout(LEAVE_WITHIN, Box::pin(answer)).await;
    answered.unwrap_or_else(|_| Err(no_answer(&place.framedb_id, LEAVE_WITHIN)))
}
