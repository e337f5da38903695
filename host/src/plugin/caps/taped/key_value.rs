//! `wasi:keyvalue` and `spin:key-value` with a tape.

use super::{
    Taped, TapedState, concurrent, dropped, plain,
    step::{Replayed, Step},
};
use crate::plugin::{
    caps::{
        bindings::{
            atomics::wasi::keyvalue::atomics::{self, CasError},
            spin::key_value::key_value::{self as spin, HostStoreWithStore},
            wasi::keyvalue::{
                batch,
                store::{self, KeyResponse},
            },
        },
        buckets::Opened,
        keyvalue::Seen,
        spin_key_value::{Keys, get_keys},
    },
    record::Answer,
    state::State,
};
use serde::{Deserialize, Serialize};
use wasmtime::component::{Accessor, FutureReader, HasSelf, Resource, StreamReader};

const ATOMICS: &str = "wasi:keyvalue/atomics@0.2.0-draft2";
const SPIN: &str = "spin:key-value/key-value@3.0.0";

impl store::Host for TapedState<'_> {
    plain! { store::Host, "wasi:keyvalue/store@0.2.0-draft2";
        handle fn open(identifier: String) -> Result<Resource<Opened>, store::Error>;
    }
}

impl store::HostBucket for TapedState<'_> {
    plain! { store::HostBucket, "wasi:keyvalue/store@0.2.0-draft2";
        answer fn get(@bucket: Opened, key: String) -> Result<Option<Vec<u8>>, store::Error>;
        answer fn set(@bucket: Opened, key: String, value: Vec<u8>) -> Result<(), store::Error>;
        answer fn delete(@bucket: Opened, key: String) -> Result<(), store::Error>;
        answer fn exists(@bucket: Opened, key: String) -> Result<bool, store::Error>;
        answer fn list_keys(
            @bucket: Opened, cursor: Option<String>
        ) -> Result<KeyResponse, store::Error>;
    }

    dropped!(store::HostBucket, Opened);
}

impl batch::Host for TapedState<'_> {
    plain! { batch::Host, "wasi:keyvalue/batch@0.2.0-draft2";
        answer fn get_many(
            @bucket: Opened, keys: Vec<String>
        ) -> Result<Vec<(String, Option<Vec<u8>>)>, store::Error>;
        answer fn set_many(
            @bucket: Opened, entries: Vec<(String, Vec<u8>)>
        ) -> Result<(), store::Error>;
        answer fn delete_many(@bucket: Opened, keys: Vec<String>) -> Result<(), store::Error>;
    }
}

impl atomics::Host for TapedState<'_> {
    plain! { atomics::Host, "wasi:keyvalue/atomics@0.2.0-draft2";
        answer fn increment(
            @bucket: Opened, key: String, delta: i64
        ) -> Result<i64, store::Error>;
    }

    async fn swap(
        &mut self,
        cas: Resource<Seen>,
        value: Vec<u8>,
    ) -> wasmtime::Result<Result<(), CasError>> {
        let step = Step::begin(self.0, ATOMICS, "swap", &(cas.rep(), &value))?;
        let live = async {
            let answer = atomics::Host::swap(self.0, cas, value).await?;
            Ok(answer.map_err(Swapped::from))
        };
        Ok(step.answer(live).await?.map_err(CasError::from))
    }
}

impl atomics::HostCas for TapedState<'_> {
    plain! { atomics::HostCas, "wasi:keyvalue/atomics@0.2.0-draft2";
        handle fn new(@bucket: Opened, key: String) -> Result<Resource<Seen>, store::Error>;
        answer fn current(@cas: Seen,) -> Result<Option<Vec<u8>>, store::Error>;
    }

    dropped!(atomics::HostCas, Seen);
}

/// A `cas-error` with the number of its handle in place of the handle.
#[derive(Serialize, Deserialize)]
enum Swapped {
    StoreError(store::Error),
    CasFailed(u32),
}

impl From<CasError> for Swapped {
    fn from(error: CasError) -> Self {
        match error {
            CasError::StoreError(error) => Self::StoreError(error),
            CasError::CasFailed(cas) => Self::CasFailed(cas.rep()),
        }
    }
}

impl From<Swapped> for CasError {
    fn from(error: Swapped) -> Self {
        match error {
            Swapped::StoreError(error) => Self::StoreError(error),
            Swapped::CasFailed(rep) => Self::CasFailed(Resource::new_own(rep)),
        }
    }
}

impl spin::Host for TapedState<'_> {}

impl spin::HostStore for TapedState<'_> {
    dropped!(spin::HostStore, Opened);
}

impl HostStoreWithStore<State> for Taped {
    concurrent! { HostStoreWithStore<State>, "spin:key-value/key-value@3.0.0";
        handle fn open(label: String) -> Result<Resource<Opened>, spin::Error>;
        answer fn get(@store: Opened, key: String) -> Result<Option<Vec<u8>>, spin::Error>;
        answer fn set(@store: Opened, key: String, value: Vec<u8>) -> Result<(), spin::Error>;
        answer fn delete(@store: Opened, key: String) -> Result<(), spin::Error>;
        answer fn exists(@store: Opened, key: String) -> Result<bool, spin::Error>;
    }

    async fn get_keys(
        accessor: &Accessor<State, Self>,
        store: Resource<Opened>,
    ) -> wasmtime::Result<Keys> {
        let step = accessor
            .with(|mut access| Step::begin(access.get().0, SPIN, "get-keys", &(store.rep(),)))?;
        let mut call = match step {
            Step::Live(heard) => {
                let live = accessor.with_getter::<HasSelf<State>>(|state| state);
                return get_keys(&live, &store, heard);
            }
            Step::Told(call) => call,
        };
        let keys = Replayed::<String>::new(&mut call)?;
        let end: Answer = call.end;
        let end = async move { end.told::<Result<(), spin::Error>>().await };
        accessor.with(|mut access| {
            let keys = StreamReader::new(&mut access, keys)?;
            Ok((keys, FutureReader::new(&mut access, end)?))
        })
    }
}
