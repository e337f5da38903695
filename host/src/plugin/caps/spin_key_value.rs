//! `spin:key-value`: the same buckets under the names that Spin has for them.

use super::{
    bindings::spin::key_value::key_value::{Error, Host, HostStore, HostStoreWithStore},
    buckets::{Call, Open, Opened},
    key_stream::KeyStream,
};
use crate::plugin::{state::State, tape::Heard};
use tokio::sync::oneshot;
use wasmtime::component::{Accessor, FutureReader, HasSelf, Resource, StreamReader};

/// What a call answers to a guest.
type Answer<T> = wasmtime::Result<Result<T, Error>>;

/// A stream of keys, and whether it ended at the last one.
pub(super) type Keys = (StreamReader<String>, FutureReader<Result<(), Error>>);

impl Host for State {}

impl HostStore for State {
    async fn drop(&mut self, store: Resource<Opened>) -> wasmtime::Result<()> {
        self.table.delete(store)?;
        Ok(())
    }
}

impl HostStoreWithStore<State> for HasSelf<State> {
    async fn open(accessor: &Accessor<State, Self>, label: String) -> Answer<Resource<Opened>> {
        Ok(match accessor.with(|mut access| Opened::open(access.get(), label))? {
            Open::Handle(handle) => Ok(handle),
            Open::Refused(why) => Err(Error::Other(why)),
            Open::TooMany => Err(Error::StoreTableFull),
        })
    }

    async fn get(
        accessor: &Accessor<State, Self>,
        store: Resource<Opened>,
        key: String,
    ) -> Answer<Option<Vec<u8>>> {
        let call = begin(accessor, &store, key.len())?;
        Ok(call.get_one(key).await.map(|value| value.map(Vec::from)).map_err(Error::Other))
    }

    async fn set(
        accessor: &Accessor<State, Self>,
        store: Resource<Opened>,
        key: String,
        value: Vec<u8>,
    ) -> Answer<()> {
        let call = begin(accessor, &store, key.len() + value.len())?;
        Ok(call.set(vec![(key, value)]).await.map_err(Error::Other))
    }

    async fn delete(
        accessor: &Accessor<State, Self>,
        store: Resource<Opened>,
        key: String,
    ) -> Answer<()> {
        let call = begin(accessor, &store, key.len())?;
        Ok(call.delete(&[key]).await.map_err(Error::Other))
    }

    async fn exists(
        accessor: &Accessor<State, Self>,
        store: Resource<Opened>,
        key: String,
    ) -> Answer<bool> {
        let call = begin(accessor, &store, key.len())?;
        Ok(call.exists(&key).await.map_err(Error::Other))
    }

    async fn get_keys(
        accessor: &Accessor<State, Self>,
        store: Resource<Opened>,
    ) -> wasmtime::Result<Keys> {
        get_keys(accessor, &store, Heard::default())
    }
}

/// The keys of a store, of which those that the guest takes are heard of.
pub(super) fn get_keys(
    accessor: &Accessor<State, HasSelf<State>>,
    store: &Resource<Opened>,
    heard: Heard,
) -> wasmtime::Result<Keys> {
    accessor.with(|mut access| {
        let state = access.get();
        state.begin()?;
        let opened = state.table.get(store)?.clone();
        heard.given(&());
        let (end, ended) = oneshot::channel();
        let keys = StreamReader::new(&mut access, KeyStream::new(opened, end, heard))?;
        Ok((keys, FutureReader::new(&mut access, ended)?))
    })
}

fn begin(
    accessor: &Accessor<State, HasSelf<State>>,
    store: &Resource<Opened>,
    bytes: usize,
) -> wasmtime::Result<Call> {
    accessor.with(|mut access| Call::begin(access.get(), store, bytes))
}
