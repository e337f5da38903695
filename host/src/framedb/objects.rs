//! Objects: read, written, deleted and listed for a plugin.

use super::{OwnFrameDb, because, check_name, checked, late, of_admission};
use crate::{
    pipeline::sink::Write,
    plugin::framedb::{Caller, Listing, Object, Page, Put, Unserved},
    registry::Query,
};
use framedb_core::{Key, Kind, Route, check_metadata, declared};
use std::{sync::Arc, time::SystemTime};
use tokio::time::timeout_at;
use tokio_util::task::AbortOnDropHandle;

/// Objects on a page at most.
const LONGEST_PAGE: usize = 1000;

impl OwnFrameDb {
    pub(super) async fn get_object(
        &self,
        caller: &Caller<'_>,
        key: &Key,
    ) -> Result<Option<Object>, Unserved> {
        self.ask_anywhere(caller).await?;
        let Some(route) = self.route(caller.deadline, key).await? else { return Ok(None) };
        caller.permission.ask(&route.framedb_id)?;
        check_is_object(key, &route)?;
        let size = route.size.unwrap_or(self.reads.max_object());
        let (reads, reader, wanted) = (self.reads.clone(), self.reader.clone(), key.clone());
        // In a task of its own, because a codec is a plugin, and a call into one cannot run
        // inside of another's.
        let read = AbortOnDropHandle::new(tokio::spawn(async move {
            let room = reads.admit(size).await.map_err(of_admission)?;
            let found = reader.get(&wanted).await;
            let found = found.map_err(|error| because(&error, wanted.as_str()))?;
            Ok::<_, Unserved>(found.map(|found| (found, room)))
        }));
        let read = match timeout_at(caller.deadline, read).await {
            Ok(Ok(read)) => read?,
            Ok(Err(_)) => return Err(Unserved::Other(format!("`{key}` could not be read"))),
            Err(_) => return Err(late(key)),
        };
        let Some((found, _room)) = read else { return Ok(None) };
        // It may have moved meanwhile.
        caller.permission.ask(&found.route.framedb_id)?;
        check_is_object(key, &found.route)?;
        Ok(Some(Object { data: found.data, route: found.route }))
    }

    pub(super) async fn put_object(&self, caller: &Caller<'_>, put: Put) -> Result<(), Unserved> {
        let key = checked(&put.key)?;
        check_name("instance's id", &put.framedb_id)?;
        if let Some(content_type) = &put.content_type {
            check_name("content type", content_type)?;
        }
        check_metadata(put.metadata.as_bytes())
            .map_err(|error| Unserved::Invalid(error.to_string()))?;
        caller.permission.ask(&put.framedb_id)?;
        let permit = self.room(put.data.len())?;
        self.check_keeps(caller, &put.framedb_id, put.kind).await?;
        let place = self.turn(caller, &key).await?;
        // A write deletes what its key had elsewhere.
        if let Some(route) = self.route(caller.deadline, &key).await? {
            check_is_object(&key, &route)?;
            Self::ask_everywhere(caller, &route)?;
        }
        let write = Write {
            id: uuid::Uuid::new_v4().to_string().into(),
            key,
            framedb_id: put.framedb_id.into(),
            kind: put.kind,
            size: put.data.len() as u64,
            data: self.framed(put.kind, put.data),
            metadata: put.metadata.into(),
            content_type: put.content_type.as_deref().and_then(declared).map(Into::into),
            attributes: Arc::default(),
            codec: None,
            unframed: false,
            time_to_live: put.time_to_live,
            begun: None,
        };
        self.write(caller, write, place, permit).await
    }

    pub(super) async fn delete_object(
        &self,
        caller: &Caller<'_>,
        key: &Key,
    ) -> Result<bool, Unserved> {
        self.ask_anywhere(caller).await?;
        if let Some(route) = self.route(caller.deadline, key).await? {
            Self::ask_everywhere(caller, &route)?;
        }
        let permit = self.room(0)?;
        let place = self.turn(caller, key).await?;
        let Some(route) = self.route(caller.deadline, key).await? else { return Ok(false) };
        Self::ask_everywhere(caller, &route)?;
        check_is_object(key, &route)?;
        let (reader, deleted) = (self.reader.clone(), key.clone());
        let delete = async move { reader.delete_route(&deleted, &route).await };
        self.change(caller, key, delete, (place, permit)).await?;
        Ok(true)
    }

    pub(super) async fn list_objects(
        &self,
        caller: &Caller<'_>,
        listing: Listing,
    ) -> Result<Page, Unserved> {
        let Listing { prefix, after, limit } = listing;
        if limit == 0 {
            return Err(Unserved::Invalid("a limit of 0 would be a page without objects".into()));
        }
        for text in [Some(&prefix), after.as_ref()].into_iter().flatten() {
            if !text.is_empty() {
                check_name("beginning of a listing", text)?;
            }
        }
        let granted = self.granted(caller, false).await?;
        let limit = usize::try_from(limit).unwrap_or(LONGEST_PAGE).min(LONGEST_PAGE);
        let only = match granted.as_slice() {
            [only] => Some(only.to_string()),
            _ => None,
        };
        let mut query = Query { prefix, after, limit: LONGEST_PAGE, kind: None, framedb_id: only };
        let now = SystemTime::now();
        let mut entries: Vec<(Key, Route)> = Vec::new();
        loop {
            let page = self.shared.sink.registry.list(&query).await;
            let page = page.map_err(|error| because(&error, &query.prefix))?;
            let last = page.last().map(|(key, _)| key.to_string());
            let is_last = page.len() < query.limit;
            let shown = page.into_iter().filter(|(_, route)| {
                route.kind != Kind::Stream
                    && !route.expired(now)
                    && granted.contains(&route.framedb_id)
            });
            entries.extend(shown.take(limit - entries.len()));
            if entries.len() == limit {
                let next = entries.last().map(|(key, _)| key.clone());
                return Ok(Page { entries, next });
            }
            if is_last {
                return Ok(Page { entries, next: None });
            }
            query.after = last;
        }
    }
}

fn check_is_object(key: &Key, route: &Route) -> Result<(), Unserved> {
    match route.kind {
        Kind::Stream => {
            let text = format!("`{key}` is a queue, which is the business of framedb:streams");
            Err(Unserved::Invalid(text))
        }
        Kind::InMemory | Kind::Storage => Ok(()),
    }
}
