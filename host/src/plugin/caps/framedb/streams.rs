//! `framedb:streams`: queues by name.

use super::{Call, Guarded, GuestError, Told};
use crate::{
    grants::StreamVerb,
    plugin::{
        caps::bindings::framedb::streams::streams as wit,
        framedb::{Push, Settle},
        state::State,
    },
};
use std::time::Duration;
use wasmtime::component::{Accessor, HasSelf};

impl wit::Host for State {}

impl wit::HostWithStore<State> for HasSelf<State> {
    async fn push(
        accessor: &Accessor<State, Self>,
        queue: String,
        id: String,
        data: Vec<u8>,
        framedb_id: Option<String>,
    ) -> wasmtime::Result<Result<(), wit::Error>> {
        let call = Call::begin("streams", accessor)?;
        let guard = call.access.grants().streams();
        let checked = queue.clone();
        let guarded =
            Guarded::new(data.len(), |id: &str| guard.check(StreamVerb::Push, Some(id), &checked));
        let push = Push { queue, id, data: data.into(), framedb_id };
        let served = async { call.framedb()?.push(&call.caller(&guarded), push).await };
        Ok(call.told(served.await))
    }

    async fn lease(
        accessor: &Accessor<State, Self>,
        queue: String,
        period: u64,
    ) -> wasmtime::Result<Result<Option<wit::Leased>, wit::Error>> {
        let call = Call::begin("streams", accessor)?;
        let guard = call.access.grants().streams();
        let guarded = Guarded::new(0, |id: &str| guard.check(StreamVerb::Lease, Some(id), &queue));
        let period = Duration::from_nanos(period);
        let served = async {
            let leased = call.framedb()?.lease(&call.caller(&guarded), &queue, period).await?;
            Ok(leased.map(|leased| {
                guarded.received(leased.data.len());
                let (data, deliveries) = (leased.data.into(), leased.deliveries);
                wit::Leased { token: leased.token, data, deliveries }
            }))
        };
        Ok(call.told(served.await))
    }

    async fn ack(
        accessor: &Accessor<State, Self>,
        queue: String,
        token: String,
    ) -> wasmtime::Result<Result<bool, wit::Error>> {
        settle(accessor, &queue, &token, Settle::Ack).await
    }

    async fn nack(
        accessor: &Accessor<State, Self>,
        queue: String,
        token: String,
    ) -> wasmtime::Result<Result<bool, wit::Error>> {
        settle(accessor, &queue, &token, Settle::Nack).await
    }

    async fn extend(
        accessor: &Accessor<State, Self>,
        queue: String,
        token: String,
        period: u64,
    ) -> wasmtime::Result<Result<bool, wit::Error>> {
        let how = Settle::Extend(Duration::from_nanos(period));
        settle(accessor, &queue, &token, how).await
    }

    async fn length(
        accessor: &Accessor<State, Self>,
        queue: String,
    ) -> wasmtime::Result<Result<u64, wit::Error>> {
        let call = Call::begin("streams", accessor)?;
        let guard = call.access.grants().streams();
        let guarded = Guarded::new(0, |id: &str| guard.check(StreamVerb::Length, Some(id), &queue));
        let served = async { call.framedb()?.length(&call.caller(&guarded), &queue).await };
        Ok(call.told(served.await))
    }
}

async fn settle(
    accessor: &Accessor<State, HasSelf<State>>,
    queue: &str,
    token: &str,
    how: Settle,
) -> wasmtime::Result<Result<bool, wit::Error>> {
    let call = Call::begin("streams", accessor)?;
    let guard = call.access.grants().streams();
    let guarded = Guarded::new(0, |id: &str| guard.check(StreamVerb::Lease, Some(id), queue));
    let served = async { call.framedb()?.settle(&call.caller(&guarded), queue, token, how).await };
    Ok(call.told(served.await))
}

impl GuestError for wit::Error {
    fn of(told: Told) -> Self {
        match told {
            Told::Denied(text) => Self::Denied(text),
            Told::Invalid(text) => Self::Invalid(text),
            Told::NotFound(text) => Self::NotFound(text),
            Told::Busy(text) => Self::Busy(text),
            Told::Unavailable(text) => Self::Unavailable(text),
            Told::Other(text) => Self::Other(text),
        }
    }
}
