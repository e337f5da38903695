//! `Step`: one call into a capability, as the tape of its plugin has it.

use crate::plugin::{
    packed::unpack,
    record::{Answer, HostCall},
    state::State,
    tape::Heard,
};
use serde::{Serialize, de::DeserializeOwned};
use std::{
    collections::VecDeque,
    mem,
    pin::Pin,
    task::{Context, Poll},
};
use wasmtime::{
    StoreContextMut,
    component::{Destination, Lower, Resource, StreamProducer, StreamResult, VecBuffer},
};

/// One call into a capability.
pub(super) enum Step {
    /// The node answers it, and that may be taken down.
    Live(Heard),
    /// A record answers it.
    Told(Box<HostCall>),
}

impl Step {
    /// Begins a call.
    ///
    /// # Errors
    ///
    /// When a record answers the plugin, and says that it made another call here, or none: then
    /// its own call ends.
    pub(super) fn begin(
        state: &mut State,
        interface: &str,
        function: &str,
        arguments: &impl Serialize,
    ) -> wasmtime::Result<Self> {
        let Some(tape) = state.tape.clone() else { return Ok(Self::Live(Heard::default())) };
        if tape.answers() {
            // Counted here, because what would count it is not asked.
            state.begin()?;
            let told = tape.answer(interface, function, arguments);
            return Ok(Self::Told(Box::new(told.map_err(wasmtime::Error::new)?)));
        }
        Ok(Self::Live(tape.begin(interface, function, arguments)))
    }

    /// The answer: what the node says, or what a record has.
    pub(super) async fn answer<T: Serialize + DeserializeOwned>(
        self,
        live: impl Future<Output = wasmtime::Result<T>>,
    ) -> wasmtime::Result<T> {
        match self {
            Self::Live(heard) => {
                let answer = live.await.inspect_err(|error| heard.failed(error))?;
                heard.given(&answer);
                Ok(answer)
            }
            Self::Told(call) => call.answer.told().await,
        }
    }

    /// As [`Step::answer`], where that is a handle. One from a record has nothing behind it: the
    /// calls on it are answered from the record, too.
    pub(super) async fn handle<T: 'static, E: Serialize + DeserializeOwned>(
        self,
        live: impl Future<Output = wasmtime::Result<Result<Resource<T>, E>>>,
    ) -> wasmtime::Result<Result<Resource<T>, E>> {
        match self {
            Self::Live(heard) => {
                let answer = live.await.inspect_err(|error| heard.failed(error))?;
                heard.given(&answer.as_ref().map(Resource::rep));
                Ok(answer)
            }
            Self::Told(call) => {
                let answer: Result<u32, E> = call.answer.told().await?;
                Ok(answer.map(Resource::new_own))
            }
        }
    }
}

/// A stream from a record. One of which the plugin had not seen the end stays open.
pub(super) struct Replayed<T> {
    items: VecDeque<T>,
    ends: bool,
}

impl<T: DeserializeOwned> Replayed<T> {
    /// # Errors
    ///
    /// When the record has items of another form.
    pub(super) fn new(call: &mut HostCall) -> wasmtime::Result<Self> {
        let items = mem::take(&mut call.items).into_iter().map(unpack).collect::<Result<_, _>>();
        let ends = matches!(call.end, Answer::Given(_) | Answer::Failed(_));
        Ok(Self { items: items?, ends })
    }
}

impl<T> StreamProducer<State> for Replayed<T>
where
    T: Lower + Send + Sync + Unpin + 'static,
{
    type Item = T;
    type Buffer = VecBuffer<T>;

    fn poll_produce<'a>(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        mut store: StoreContextMut<'a, State>,
        mut destination: Destination<'a, T, VecBuffer<T>>,
        finish: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        if destination.remaining(&mut store) == Some(0) {
            return Poll::Ready(Ok(StreamResult::Completed));
        }
        let items: Vec<T> = mem::take(&mut self.items).into();
        if !items.is_empty() {
            destination.set_buffer(items.into());
            return Poll::Ready(Ok(StreamResult::Completed));
        }
        match (self.ends, finish) {
            (true, _) => Poll::Ready(Ok(StreamResult::Dropped)),
            (false, true) => Poll::Ready(Ok(StreamResult::Cancelled)),
            // Whoever waits for more waited when this was recorded, too.
            (false, false) => Poll::Pending,
        }
    }
}
