//! `framedb:objects`: objects by key.

use super::{Call, Guarded, GuestError, Told};
use crate::{
    grants::ObjectVerb,
    plugin::{
        caps::bindings::framedb::objects::objects as wit,
        framedb::{Listing, Put, Unserved},
        state::State,
    },
};
use framedb_core::{Kind, Route};
use std::time::Duration;
use wasmtime::component::{Accessor, HasSelf};

impl wit::Host for State {}

impl wit::HostWithStore<State> for HasSelf<State> {
    async fn get(
        accessor: &Accessor<State, Self>,
        key: String,
    ) -> wasmtime::Result<Result<Option<wit::Object>, wit::Error>> {
        let call = Call::begin("objects", accessor)?;
        let guard = call.access.grants().objects();
        let guarded = Guarded::new(0, |id: &str| guard.check(ObjectVerb::Get, id, &key));
        let served = async {
            let found = call.framedb()?.get(&call.caller(&guarded), &key).await?;
            let Some(found) = found else { return Ok(None) };
            guarded.received(found.data.len());
            Ok(Some(wit::Object {
                kind: kind(&found.route)?,
                data: found.data.into(),
                metadata: found.route.metadata.as_ref().into(),
                content_type: found.route.content_type.as_deref().map(Into::into),
                framedb_id: found.route.framedb_id.as_ref().into(),
            }))
        };
        Ok(call.told(served.await))
    }

    async fn put(
        accessor: &Accessor<State, Self>,
        key: String,
        data: Vec<u8>,
        options: wit::Options,
    ) -> wasmtime::Result<Result<(), wit::Error>> {
        let call = Call::begin("objects", accessor)?;
        let guard = call.access.grants().objects();
        let checked = key.clone();
        let guarded =
            Guarded::new(data.len(), |id: &str| guard.check(ObjectVerb::Put, id, &checked));
        let put = Put {
            key,
            data: data.into(),
            framedb_id: options.framedb_id,
            kind: match options.kind {
                wit::Kind::InMemory => Kind::InMemory,
                wit::Kind::Storage => Kind::Storage,
            },
            metadata: options.metadata,
            content_type: options.content_type,
            time_to_live: options.time_to_live.map(Duration::from_nanos),
        };
        let served = async { call.framedb()?.put(&call.caller(&guarded), put).await };
        Ok(call.told(served.await))
    }

    async fn delete(
        accessor: &Accessor<State, Self>,
        key: String,
    ) -> wasmtime::Result<Result<bool, wit::Error>> {
        let call = Call::begin("objects", accessor)?;
        let guard = call.access.grants().objects();
        let guarded = Guarded::new(0, |id: &str| guard.check(ObjectVerb::Delete, id, &key));
        let served = async { call.framedb()?.delete(&call.caller(&guarded), &key).await };
        Ok(call.told(served.await))
    }

    async fn list(
        accessor: &Accessor<State, Self>,
        prefix: String,
        after: Option<String>,
        limit: u32,
    ) -> wasmtime::Result<Result<wit::Page, wit::Error>> {
        let call = Call::begin("objects", accessor)?;
        let guard = call.access.grants().objects();
        let checked = prefix.clone();
        let guarded = Guarded::new(0, |id: &str| guard.check(ObjectVerb::List, id, &checked));
        let listing = Listing { prefix, after, limit };
        let served = async {
            let page = call.framedb()?.list(&call.caller(&guarded), listing).await?;
            guarded.received(page.entries.iter().map(|(key, _)| key.as_str().len()).sum());
            let entry = |(key, route): (framedb_core::Key, Route)| {
                Ok(wit::Entry {
                    kind: kind(&route)?,
                    key: key.into(),
                    framedb_id: route.framedb_id.as_ref().into(),
                    size: route.size,
                })
            };
            let entries = page.entries.into_iter().map(entry).collect::<Result<_, Unserved>>()?;
            Ok(wit::Page { entries, next: page.next.map(Into::into) })
        };
        Ok(call.told(served.await))
    }
}

/// How an object is kept; queues are not among them.
fn kind(route: &Route) -> Result<wit::Kind, Unserved> {
    match route.kind {
        Kind::InMemory => Ok(wit::Kind::InMemory),
        Kind::Storage => Ok(wit::Kind::Storage),
        Kind::Stream => Err(Unserved::Invalid("this is a queue".into())),
    }
}

impl GuestError for wit::Error {
    fn of(told: Told) -> Self {
        match told {
            Told::Denied(text) => Self::Denied(text),
            Told::Invalid(text) => Self::Invalid(text),
            Told::Busy(text) => Self::Busy(text),
            Told::Unavailable(text) => Self::Unavailable(text),
            Told::NotFound(text) | Told::Other(text) => Self::Other(text),
        }
    }
}
