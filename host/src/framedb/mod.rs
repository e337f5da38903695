//! `OwnFrameDb`: FrameDB as the node's own plugins use it.
//!
//! Reads come through the reader, decoded by the codec that wrote; writes end where those of
//! pipelines do, in the line of their key, and skip the stages. A plugin that waits for a write
//! may hold up what that write waits for: so room is taken at once or not at all, and turns are
//! waited for shortly.

mod lookups;
mod objects;
mod streams;
mod unserved;

use crate::{
    Result,
    pipeline::{Admission, Permit, Shared, order::Turn, sink::Write},
    plugin::framedb::{
        Caller, Condition, FrameDb, Listing, Object, Page, Push, Put, Settle, Target, Unserved,
    },
    reader::Reader,
    sources::Sources,
    store::Leased,
};
use async_trait::async_trait;
use bytes::Bytes;
use framedb_core::{Key, Kind, Route, framed};
use std::{fmt, sync::Arc, time::Duration};
use tokio::time::{Instant, timeout_at};
use unserved::{because, late, of_admission};

/// How long a write waits for those of its key that came before it. They take much less, unless
/// one of them waits for the plugin itself, and that should not cost the call its time.
const TURN_WITHIN: Duration = Duration::from_millis(250);

/// Bytes that a name of a guest may have.
const MAX_NAME: usize = 255;

/// FrameDB for plugins, over a node's parts.
pub(crate) struct OwnFrameDb {
    pub(crate) shared: Arc<Shared>,
    pub(crate) reader: Reader,
    pub(crate) sources: Sources,
    /// Room for what plugins are writing; taken at once, or the write is refused.
    pub(crate) writes: Admission,
    /// Room for what plugins are reading; reads wait for it.
    pub(crate) reads: Admission,
}

#[async_trait]
impl FrameDb for OwnFrameDb {
    async fn get(&self, caller: &Caller<'_>, key: &str) -> Result<Option<Object>, Unserved> {
        self.get_object(caller, &checked(key)?).await
    }

    async fn put(&self, caller: &Caller<'_>, put: Put) -> Result<(), Unserved> {
        self.put_object(caller, put).await
    }

    async fn delete(&self, caller: &Caller<'_>, key: &str) -> Result<bool, Unserved> {
        self.delete_object(caller, &checked(key)?).await
    }

    async fn list(&self, caller: &Caller<'_>, listing: Listing) -> Result<Page, Unserved> {
        let listed = timeout_at(caller.deadline, self.list_objects(caller, listing));
        listed.await.unwrap_or_else(|_| Err(late("the registry")))
    }

    async fn push(&self, caller: &Caller<'_>, push: Push) -> Result<(), Unserved> {
        self.push_element(caller, push).await
    }

    async fn lease(
        &self,
        caller: &Caller<'_>,
        queue: &str,
        period: Duration,
    ) -> Result<Option<Leased>, Unserved> {
        self.lease_element(caller, &checked(queue)?, period).await
    }

    async fn settle(
        &self,
        caller: &Caller<'_>,
        queue: &str,
        token: &str,
        how: Settle,
    ) -> Result<bool, Unserved> {
        self.settle_lease(caller, &checked(queue)?, token, how).await
    }

    async fn length(&self, caller: &Caller<'_>, queue: &str) -> Result<u64, Unserved> {
        self.queue_length(caller, &checked(queue)?).await
    }

    async fn lookup(&self, deadline: Instant, key: &str) -> Result<Option<Route>, Unserved> {
        self.route(deadline, &checked(key)?).await
    }

    async fn sources(&self, deadline: Instant, source: &str) -> Result<Vec<Target>, Unserved> {
        self.targets(deadline, source).await
    }

    async fn instances(
        &self,
        deadline: Instant,
    ) -> Result<Vec<Arc<crate::InstanceRecord>>, Unserved> {
        self.records(deadline).await
    }

    async fn health(&self, deadline: Instant, framedb_id: &str) -> Result<Condition, Unserved> {
        self.condition(deadline, framedb_id).await
    }
}

impl OwnFrameDb {
    /// The route of a key that is not gone.
    async fn route(&self, deadline: Instant, key: &Key) -> Result<Option<Route>, Unserved> {
        match timeout_at(deadline, self.reader.route(key)).await {
            Ok(route) => route.map_err(|error| because(&error, key.as_str())),
            Err(_) => Err(late(key)),
        }
    }

    /// Lets a caller pass who may use at least one instance.
    async fn ask_anywhere(&self, caller: &Caller<'_>) -> Result<(), Unserved> {
        self.granted(caller, true).await.map(drop)
    }

    /// The instances that a caller may use, or the first of them.
    async fn granted(
        &self,
        caller: &Caller<'_>,
        first_only: bool,
    ) -> Result<Vec<Arc<str>>, Unserved> {
        use crate::grants::{Refusal, RefusalKind::TooFast};
        let instances = &self.shared.instances;
        let mut granted = Vec::new();
        let mut refused: Option<Refusal> = None;
        let mut ask = |id: &Arc<str>| {
            match caller.permission.ask(id) {
                Ok(()) => granted.push(id.clone()),
                Err(refusal) if matches!(refusal.kind(), TooFast(_)) => return Err(refusal.into()),
                // Of all instances, the one that a rule names is most likely meant.
                Err(refusal)
                    if refused.as_ref().is_none_or(|r| refusal.is_near() && !r.is_near()) =>
                {
                    refused = Some(refusal);
                }
                Err(_) => {}
            }
            Ok::<_, Unserved>(first_only && !granted.is_empty())
        };
        for id in instances.ids() {
            if ask(id)? {
                return Ok(granted);
            }
        }
        for record in self.records(caller.deadline).await? {
            if !instances.is_configured(&record.framedb_id) && ask(&record.framedb_id)? {
                return Ok(granted);
            }
        }
        match refused {
            Some(refusal) if granted.is_empty() => Err(refusal.into()),
            _ => Ok(granted),
        }
    }

    /// Asks for all places that hold an object.
    fn ask_everywhere(caller: &Caller<'_>, route: &Route) -> Result<(), Unserved> {
        let copies = route.copies.iter().map(|copy| &copy.framedb_id);
        for framedb_id in [&route.framedb_id].into_iter().chain(copies) {
            caller.permission.ask(framedb_id)?;
        }
        Ok(())
    }

    /// Room for a write of so many bytes.
    fn room(&self, bytes: usize) -> Result<Permit, Unserved> {
        self.writes.try_admit(bytes as u64).map_err(of_admission)
    }

    /// Waits shortly for the turn of a key.
    async fn turn(&self, caller: &Caller<'_>, key: &Key) -> Result<Turn, Unserved> {
        if caller.judging.contains(key) {
            return Err(Unserved::Invalid(format!(
                "`{key}` is the key of an object that the plugin is called with: it is written \
                 after the call, and the plugin's write would wait for that"
            )));
        }
        let place = self.shared.order.enter(key);
        let waited = async {
            place.come().await;
            self.shared.sink.recovery.wait(key).await;
        };
        match timeout_at(caller.deadline.min(Instant::now() + TURN_WITHIN), waited).await {
            Ok(()) => Ok(place),
            Err(_) => Err(Unserved::Busy(format!("an earlier write of `{key}` is not done yet"))),
        }
    }

    /// Writes in the turn of a key, to the end, whether or not somebody still waits for it.
    async fn write(
        &self,
        caller: &Caller<'_>,
        write: Write,
        place: Turn,
        permit: Permit,
    ) -> Result<(), Unserved> {
        let key = write.key.clone();
        let shared = self.shared.clone();
        let done = async move { shared.sink.write_alone(write).await };
        self.change(caller, &key, done, (place, permit)).await
    }

    /// Runs a change to its end, and holds what it needs until then.
    async fn change<T: Send + 'static>(
        &self,
        caller: &Caller<'_>,
        key: &Key,
        change: impl Future<Output = Result<T>> + Send + 'static,
        held: impl Send + 'static,
    ) -> Result<T, Unserved> {
        let change = self.shared.tasks.spawn(async move {
            let done = change.await;
            drop(held);
            done
        });
        match timeout_at(caller.deadline, change).await {
            Ok(Ok(done)) => done.map_err(|error| because(&error, key.as_str())),
            Ok(Err(_)) => Err(Unserved::Other(format!("the change of `{key}` did not end"))),
            Err(_) => Err(Unserved::Unavailable(format!(
                "it is not known yet what became of the change of `{key}`: its instance has not \
                 answered; doing it again is safe"
            ))),
        }
    }

    /// Bytes as they are kept where no route says who wrote them: framed, if they begin as a
    /// frame does.
    fn framed(&self, kind: Kind, data: Bytes) -> Bytes {
        let routed = kind != Kind::Stream && self.shared.sink.registry.keeps_codecs();
        if routed { data } else { framed(None, &data) }
    }

    /// Holds a kind against what an instance keeps.
    async fn check_keeps(
        &self,
        caller: &Caller<'_>,
        framedb_id: &str,
        kind: Kind,
    ) -> Result<(), Unserved> {
        let known = async {
            let instances = &self.shared.instances;
            match instances.record(framedb_id).await {
                Ok(Some(_)) => {}
                Ok(None) => {
                    return Err(Unserved::Invalid(format!("there is no instance `{framedb_id}`")));
                }
                Err(error) => return Err(because(&error, framedb_id)),
            }
            instances.find(framedb_id, kind).await.map_err(|error| match error.is_temporary() {
                true => because(&error, framedb_id),
                false => Unserved::Invalid(format!("`{framedb_id}` keeps no {kind} objects")),
            })
        };
        timeout_at(caller.deadline, known).await.unwrap_or_else(|_| Err(late(framedb_id)))
    }
}

/// A key that a guest named.
fn checked(key: &str) -> Result<Key, Unserved> {
    Key::new(key).map_err(|error| Unserved::Invalid(error.to_string()))
}

/// A name that a guest gave.
fn check_name(what: &str, name: &str) -> Result<(), Unserved> {
    if name.is_empty() || name.len() > MAX_NAME || name.contains(char::is_control) {
        return Err(Unserved::Invalid(format!(
            "the {what} is not a text of 1 to {MAX_NAME} bytes without control characters"
        )));
    }
    Ok(())
}

impl fmt::Debug for OwnFrameDb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnFrameDb").finish_non_exhaustive()
    }
}
