//! Queues: pushed to, leased from and counted for a plugin.

use super::{MAX_NAME, OwnFrameDb, because, check_name, checked, late, of_admission};
use crate::{
    Result,
    pipeline::{Admission, Permit, sink::Write},
    plugin::framedb::{Caller, Push, Settle, Unserved},
    reader::{Element, Reader},
    store::Leased,
};
use framedb_core::{Key, Kind, Route};
use std::{sync::Arc, time::Duration};
use tokio::{sync::oneshot, time::timeout_at};

/// The longest lease; a plugin that needs more extends it.
const LONGEST_LEASE: Duration = Duration::from_secs(24 * 60 * 60);

/// Room that a lease takes before the size of its element is known. Elements are small mostly;
/// one that is larger takes the rest when it is there, or goes back.
const USUAL_ELEMENT: u64 = 1 << 20;

impl OwnFrameDb {
    pub(super) async fn push_element(
        &self,
        caller: &Caller<'_>,
        push: Push,
    ) -> Result<(), Unserved> {
        let key = checked(&push.queue)?;
        check_name("id", &push.id)?;
        let default = self.shared.defaults.instance(Kind::Stream);
        let named: Arc<str> = push.framedb_id.as_deref().unwrap_or(default).into();
        check_name("instance's id", &named)?;
        let at = |route: &Option<Route>| route.as_ref().map_or(&named, |r| &r.framedb_id).clone();
        self.ask_anywhere(caller).await?;
        let route = self.route(caller.deadline, &key).await?;
        caller.permission.ask(&at(&route))?;
        let permit = self.room(push.data.len())?;
        let place = self.turn(caller, &key).await?;
        let route = self.route(caller.deadline, &key).await?;
        let framedb_id = at(&route);
        caller.permission.ask(&framedb_id)?;
        match &route {
            Some(route) => check_is_queue(&key, route)?,
            None => self.check_keeps(caller, &framedb_id, Kind::Stream).await?,
        }
        let unframed = route.as_ref().is_some_and(|route| route.unframed);
        let size = push.data.len() as u64;
        let data = if unframed { push.data } else { self.framed(Kind::Stream, push.data) };
        // What is known of a queue stays as it is.
        let write = Write {
            id: push.id.into(),
            key,
            framedb_id,
            kind: Kind::Stream,
            size,
            data,
            metadata: route.as_ref().map(|route| route.metadata.clone()).unwrap_or_default(),
            content_type: route.as_ref().and_then(|route| route.content_type.clone()),
            attributes: route.map(|route| route.attributes).unwrap_or_default(),
            codec: None,
            unframed,
            time_to_live: None,
            begun: None,
        };
        self.write(caller, write, place, permit).await
    }

    pub(super) async fn lease_element(
        &self,
        caller: &Caller<'_>,
        queue: &Key,
        period: Duration,
    ) -> Result<Option<Leased>, Unserved> {
        check_period(period)?;
        self.ask_for_queue(caller, queue).await?;
        let most = self.reads.max_object();
        let (reads, reader, name) = (self.reads.clone(), self.reader.clone(), queue.clone());
        let (mut answer, leased) = oneshot::channel();
        // In a task of its own, because a codec is a plugin, and a call into one cannot run
        // inside of another's; and to the end, because nobody else gives the element back.
        self.shared.tasks.spawn(async move {
            // Nothing is taken for a caller that has given up.
            let room = tokio::select! {
                room = reads.admit(USUAL_ELEMENT.min(most)) => room.map_err(of_admission),
                () = answer.closed() => return,
            };
            let leased = match room {
                Ok(room) => take(&reads, room, &reader, &name, period, most).await,
                Err(full) => Err(full),
            };
            if let Err(Ok(Some((element, _)))) = answer.send(leased)
                && let Err(error) = reader.nack(&name, &element.token).await
            {
                tracing::debug!(queue = %name, error = error.chain(), "an element is not given back");
            }
        });
        let leased = match timeout_at(caller.deadline, leased).await {
            Ok(Ok(leased)) => leased?,
            Ok(Err(_)) => return Err(Unserved::Other(format!("`{queue}` could not be read"))),
            Err(_) => return Err(late(queue)),
        };
        let Some((element, _room)) = leased else { return Ok(None) };
        let (data, token, deliveries) = (element.data, element.token, element.deliveries);
        Ok(Some(Leased { data, token, deliveries }))
    }

    pub(super) async fn settle_lease(
        &self,
        caller: &Caller<'_>,
        queue: &Key,
        token: &str,
        how: Settle,
    ) -> Result<bool, Unserved> {
        if let Settle::Extend(period) = how {
            check_period(period)?;
        }
        self.ask_for_queue(caller, queue).await?;
        if token.len() > MAX_NAME {
            // No engine's tokens are so long.
            return Ok(false);
        }
        let settled = async {
            match how {
                Settle::Ack => self.reader.ack(queue, token).await,
                Settle::Nack => self.reader.nack(queue, token).await,
                Settle::Extend(period) => self.reader.extend(queue, token, period).await,
            }
        };
        answered(caller, queue, settled).await
    }

    pub(super) async fn queue_length(
        &self,
        caller: &Caller<'_>,
        queue: &Key,
    ) -> Result<u64, Unserved> {
        self.ask_for_queue(caller, queue).await?;
        Ok(answered(caller, queue, self.reader.length(queue)).await?.ready)
    }

    /// Asks for the instance of a queue, which there must be.
    async fn ask_for_queue(&self, caller: &Caller<'_>, queue: &Key) -> Result<(), Unserved> {
        self.ask_anywhere(caller).await?;
        let Some(route) = self.route(caller.deadline, queue).await? else {
            return Err(Unserved::NotFound(format!("there is no queue `{queue}`")));
        };
        caller.permission.ask(&route.framedb_id)?;
        check_is_queue(queue, &route)
    }
}

/// Takes the oldest element, with room for it: what there is of it, and what is missing.
async fn take(
    reads: &Admission,
    mut room: Permit,
    reader: &Reader,
    queue: &Key,
    period: Duration,
    most: u64,
) -> Result<Option<(Element, Permit)>, Unserved> {
    let failed = |error| because(&error, queue.as_str());
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let Some(element) = reader.lease(queue, period, Some(most)).await.map_err(failed)? else {
        return Ok(None);
    };
    if let Err(full) = reads.try_grow(&mut room, element.data.len() as u64) {
        reader.nack(queue, &element.token).await.map_err(failed)?;
        return Err(of_admission(full));
    }
    Ok(Some((element, room)))
}

async fn answered<T>(
    caller: &Caller<'_>,
    queue: &Key,
    asked: impl Future<Output = Result<T>>,
) -> Result<T, Unserved> {
    match timeout_at(caller.deadline, asked).await {
        Ok(answer) => answer.map_err(|error| because(&error, queue.as_str())),
        Err(_) => Err(late(queue)),
    }
}

fn check_is_queue(key: &Key, route: &Route) -> Result<(), Unserved> {
    match route.kind {
        Kind::Stream => Ok(()),
        Kind::InMemory | Kind::Storage => {
            let text = format!("`{key}` is an object, which is the business of framedb:objects");
            Err(Unserved::Invalid(text))
        }
    }
}

fn check_period(period: Duration) -> Result<(), Unserved> {
    if period.is_zero() || period > LONGEST_LEASE {
        let text = "a lease is longer than nothing, and no longer than a day";
        return Err(Unserved::Invalid(text.into()));
    }
    Ok(())
}
