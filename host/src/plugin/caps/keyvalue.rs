//! `wasi:keyvalue`: buckets of a plugin's own state, with atomic and batched operations.

use super::{
    bindings::{
        atomics::wasi::keyvalue::atomics::{self, CasError, HostCas},
        wasi::keyvalue::{
            batch,
            store::{self, Error, HostBucket, KeyResponse},
        },
    },
    buckets::{Call, Open, Opened, TOO_MANY, Told},
};
use crate::{
    bucket::{Swapped, bounds::BATCH_BYTES},
    plugin::state::State,
};
use bytes::Bytes;
use tokio::sync::OwnedSemaphorePermit;
use wasmtime::component::Resource;

/// What a call answers to a guest.
type Answer<T> = wasmtime::Result<Result<T, Error>>;

/// A `cas` handle: the value that was under a key when the guest looked.
#[allow(unreachable_pub, reason = "generated code names it in public")]
pub struct Seen {
    bucket: Opened,
    key: String,
    value: Option<Bytes>,
    /// Room for the value among those that the guest's handles keep.
    _room: OwnedSemaphorePermit,
}

impl store::Host for State {
    async fn open(&mut self, identifier: String) -> Answer<Resource<Opened>> {
        Ok(match Opened::open(self, identifier)? {
            Open::Handle(handle) => Ok(handle),
            Open::Refused(why) => Err(Error::Other(why)),
            Open::TooMany => Err(Error::Other(TOO_MANY.into())),
        })
    }
}

impl HostBucket for State {
    async fn get(&mut self, bucket: Resource<Opened>, key: String) -> Answer<Option<Vec<u8>>> {
        let call = Call::begin(self, &bucket, key.len())?;
        Ok(call.get_one(key).await.map(|value| value.map(Vec::from)).map_err(Error::Other))
    }

    async fn set(&mut self, bucket: Resource<Opened>, key: String, value: Vec<u8>) -> Answer<()> {
        let call = Call::begin(self, &bucket, key.len() + value.len())?;
        Ok(call.set(vec![(key, value)]).await.map_err(Error::Other))
    }

    async fn delete(&mut self, bucket: Resource<Opened>, key: String) -> Answer<()> {
        let call = Call::begin(self, &bucket, key.len())?;
        Ok(call.delete(&[key]).await.map_err(Error::Other))
    }

    async fn exists(&mut self, bucket: Resource<Opened>, key: String) -> Answer<bool> {
        let call = Call::begin(self, &bucket, key.len())?;
        Ok(call.exists(&key).await.map_err(Error::Other))
    }

    async fn list_keys(
        &mut self,
        bucket: Resource<Opened>,
        cursor: Option<String>,
    ) -> Answer<KeyResponse> {
        let call = Call::begin(self, &bucket, cursor.as_ref().map_or(0, String::len))?;
        let page = call.keys(cursor.as_deref()).await.map_err(Error::Other);
        Ok(page.map(|page| KeyResponse { keys: page.keys, cursor: page.cursor }))
    }

    async fn drop(&mut self, bucket: Resource<Opened>) -> wasmtime::Result<()> {
        self.table.delete(bucket)?;
        Ok(())
    }
}

impl batch::Host for State {
    async fn get_many(
        &mut self,
        bucket: Resource<Opened>,
        keys: Vec<String>,
    ) -> Answer<Vec<(String, Option<Vec<u8>>)>> {
        let call = Call::begin(self, &bucket, keys.iter().map(String::len).sum())?;
        let values = call.get(&keys).await.map_err(Error::Other);
        let owned = |value: Option<Bytes>| value.map(Vec::from);
        Ok(values.map(|values| keys.into_iter().zip(values.into_iter().map(owned)).collect()))
    }

    async fn set_many(
        &mut self,
        bucket: Resource<Opened>,
        entries: Vec<(String, Vec<u8>)>,
    ) -> Answer<()> {
        let bytes = entries.iter().map(|(key, value)| key.len() + value.len()).sum();
        let call = Call::begin(self, &bucket, bytes)?;
        Ok(call.set(entries).await.map_err(Error::Other))
    }

    async fn delete_many(&mut self, bucket: Resource<Opened>, keys: Vec<String>) -> Answer<()> {
        let call = Call::begin(self, &bucket, keys.iter().map(String::len).sum())?;
        Ok(call.delete(&keys).await.map_err(Error::Other))
    }
}

impl atomics::Host for State {
    async fn increment(
        &mut self,
        bucket: Resource<Opened>,
        key: String,
        delta: i64,
    ) -> Answer<i64> {
        let call = Call::begin(self, &bucket, key.len())?;
        Ok(call.increment(&key, delta).await.map_err(Error::Other))
    }

    async fn swap(
        &mut self,
        cas: Resource<Seen>,
        value: Vec<u8>,
    ) -> wasmtime::Result<Result<(), CasError>> {
        let seen = self.table.delete(cas)?;
        let call = Call::begin_at(self, seen.bucket, seen.key.len() + value.len())?;
        let failed = |why| Ok(Err(CasError::StoreError(Error::Other(why))));
        match call.swap(&seen.key, seen.value, value).await {
            Ok(Swapped::Done) => Ok(Ok(())),
            Ok(Swapped::Changed(found)) => match keep(self, &call, seen.key, found) {
                Ok(handle) => Ok(Err(CasError::CasFailed(handle))),
                Err(why) => failed(why),
            },
            Err(why) => failed(why),
        }
    }
}

impl HostCas for State {
    async fn new(&mut self, bucket: Resource<Opened>, key: String) -> Answer<Resource<Seen>> {
        let call = Call::begin(self, &bucket, key.len())?;
        let value = call.get_one(key.clone()).await;
        Ok(value.and_then(|value| keep(self, &call, key, value)).map_err(Error::Other))
    }

    async fn current(&mut self, cas: Resource<Seen>) -> Answer<Option<Vec<u8>>> {
        self.begin()?;
        let seen = self.table.get(&cas)?;
        Ok(Ok(seen.value.as_ref().map(|value| value.to_vec())))
    }

    async fn drop(&mut self, cas: Resource<Seen>) -> wasmtime::Result<()> {
        self.table.delete(cas)?;
        Ok(())
    }
}

/// Makes a handle of a value. What all of a guest's handles keep is bounded.
fn keep(state: &mut State, call: &Call, key: String, value: Option<Bytes>) -> Told<Resource<Seen>> {
    let bytes = key.len() + value.as_ref().map_or(0, Bytes::len);
    let room = state.kept.clone().try_acquire_many_owned(u32::try_from(bytes).unwrap_or(u32::MAX));
    let room = room.map_err(|_| {
        format!("the values of `cas` handles have more than {BATCH_BYTES} bytes: close some")
    })?;
    let seen = Seen { bucket: call.opened().clone(), key, value, _room: room };
    state.table.push(seen).map_err(|_| TOO_MANY.to_owned())
}
