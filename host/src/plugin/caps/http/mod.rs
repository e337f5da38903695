//! `wasi:http` outgoing, 0.2 and 0.3: requests over the node's own connections.
//!
//! The crate keeps requests, answers and their headers; what is sent, where and for how long is
//! decided here, by [`Hooks`]. Both versions count their calls before anything else.

mod body;
mod errors;
mod hooks;
mod taped;

pub(crate) use body::Outgoing;
pub(crate) use hooks::Hooks;

use crate::plugin::state::State;
use wasmtime::{
    AsContextMut as _, StoreContextMut,
    component::{Accessor, HasData, Linker, Resource},
};
use wasmtime_wasi::TrappableError;
use wasmtime_wasi_http::{
    RequestOptions, WasiHttp, WasiHttpCtxView, WasiHttpView as _,
    p2::{
        self,
        bindings::http::{outgoing_handler::Host as _, types as p2_types},
        types::{HostFutureIncomingResponse, HostOutgoingRequest},
    },
    p3::{
        self,
        bindings::http::{client, types as p3_types},
    },
};

/// The name of the capability in events and metrics.
const CAPABILITY: &str = "http";

/// Bytes of the headers of one request or answer, with what it takes to keep them: as much as
/// servers commonly read, because a plugin may hold many of them.
pub(crate) const HEADER_BYTES: usize = 16 << 10;

/// Links both versions.
pub(crate) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    client::add_to_linker::<_, Sending>(linker, State::http)?;
    p3_types::add_to_linker::<_, WasiHttp>(linker, State::http)?;
    let options = p2::bindings::LinkOptions::default();
    p2_types::add_to_linker::<_, WasiHttp>(linker, &(&options).into(), State::http)?;
    add_handler(linker)
}

/// `wasi:http/client`, counted.
struct Sending;

impl HasData for Sending {
    type Data<'a> = WasiHttpCtxView<'a>;
}

impl client::HostWithStore<State> for Sending {
    async fn send(
        accessor: &Accessor<State, Self>,
        request: Resource<p3::Request>,
    ) -> Result<Resource<p3::Response>, TrappableError<p3_types::ErrorCode>> {
        accessor
            .with(|mut access| access.as_context_mut().data_mut().begin())
            .map_err(TrappableError::trap)?;
        let accessor = accessor.with_getter::<WasiHttp>(State::http);
        <WasiHttp as client::HostWithStore<State>>::send(&accessor, request).await
    }
}

/// What `outgoing-handler.handle` is called with, and what it answers.
type Handle = (Resource<HostOutgoingRequest>, Option<Resource<RequestOptions>>);
type Handled = Result<Resource<HostFutureIncomingResponse>, p2_types::ErrorCode>;

/// `wasi:http/outgoing-handler`, counted. Its generated trait would have all of `wasi:http/types`
/// implemented anew, so its one function is linked by hand.
fn add_handler(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.instance("wasi:http/outgoing-handler@0.2.12")?.func_wrap(
        "handle",
        |mut cx: StoreContextMut<'_, State>, (request, options): Handle| {
            let state = cx.data_mut();
            state.begin()?;
            let handled: Handled = match state.http().handle(request, options) {
                Ok(response) => Ok(response),
                Err(error) => Err(error.downcast()?),
            };
            Ok((handled,))
        },
    )
}
