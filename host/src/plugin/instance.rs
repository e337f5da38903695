//! `Instance`: one wasmtime store with one instance of a plugin, leased to one call at a time.

use super::{
    bindings as wit,
    budget::Budget,
    component::Plugin,
    failure::{Broken, Exceeded},
    live::Live,
    settings::Settings,
    state::State,
    tape::Tape,
    turn::Turn,
};
use framedb_core::Key;
use std::{
    future::poll_fn,
    sync::Arc,
    task::Poll,
    time::{Duration, Instant},
};
use wasmtime::{
    Store,
    component::{ResourceTableError, TypedFunc},
};

/// One instance of a plugin in a store of its own.
///
/// A call that fails leaves the store in a state that is no good for another: dropping the
/// instance then frees the guest and everything it was waiting for.
pub(crate) struct Instance {
    store: Store<State>,
    exports: Exports,
    calls: u32,
    born: Instant,
}

/// The functions of the stages that the plugin exports.
#[derive(Default)]
pub(crate) struct Exports {
    pub(crate) ingest: Option<IngestExports>,
    pub(crate) resolve: Option<ResolveExports>,
    pub(crate) serialize: Option<SerializeExports>,
}

pub(crate) type Describe<T> = TypedFunc<(), (Result<T, String>,)>;
pub(crate) type Judge<I, O> = TypedFunc<(I,), (Vec<O>,)>;

#[derive(Clone, Copy)]
pub(crate) struct IngestExports {
    pub(crate) describe: Describe<wit::Description>,
    pub(crate) process: Judge<wit::Objects, wit::IngestVerdict>,
}

#[derive(Clone, Copy)]
pub(crate) struct ResolveExports {
    pub(crate) describe: Describe<wit::Description>,
    pub(crate) place: Judge<wit::Envelopes, wit::ResolveVerdict>,
}

#[derive(Clone, Copy)]
pub(crate) struct SerializeExports {
    pub(crate) describe: Describe<(wit::Description, wit::Formats)>,
    pub(crate) encode: Judge<wit::Objects, wit::SerializeVerdict>,
    pub(crate) decode: Judge<Vec<wit::Stored>, wit::DecodedRecord>,
}

impl Instance {
    /// A fresh instance, whose tape, if it has one, everything passes that the guest is told.
    ///
    /// # Errors
    ///
    /// As a call into the guest: its start code runs here.
    pub(crate) async fn new(
        plugin: &Plugin,
        budget: Budget,
        tape: Option<Arc<Tape>>,
    ) -> Result<Self, Broken> {
        let born = Instant::now();
        let mut store = Store::new(plugin.engine(), State::new(plugin, tape));
        store.limiter(State::limiter);
        store.epoch_deadline_callback(|mut cx| cx.data_mut().tick());
        Self::arm(&mut store, budget);
        let turn = store.data().turn();
        let started = turn.each(async {
            let instance = plugin.linked().instantiate_async(&mut store).await?;
            plugin.exports(&mut store, &instance)
        });
        let started = tokio::time::timeout(budget.time, started).await;
        match started {
            Ok(Ok(exports)) => Ok(Self { store, exports, calls: 0, born }),
            Ok(Err(error)) => Err(broken(&mut store, error, budget)),
            Err(_) => Err(late(budget)),
        }
    }

    /// Hands out its parts, to make many calls in it at once; epochs are counted for the call
    /// that computes, and `cpu` bounds what is left of calls that have ended.
    pub(super) fn share(&mut self, live: Live, cpu: Duration) -> (&mut Store<State>, &Exports) {
        let turn = self.turn();
        self.store.epoch_deadline_callback(move |mut cx| {
            let call = cx.async_call_stack()?.last();
            turn.tick(|| live.tick(call, cpu))
        });
        (&mut self.store, &self.exports)
    }

    /// When the guest computes.
    pub(super) fn turn(&self) -> Turn {
        self.store.data().turn()
    }

    /// Says which keys are written after the next call.
    pub(crate) fn judges(&mut self, keys: Arc<[Key]>) {
        self.store.data_mut().judging = keys;
    }

    /// Calls a function of the guest, within its budget.
    ///
    /// # Errors
    ///
    /// The instance must not be used again after one.
    pub(crate) async fn call<P, R>(
        &mut self,
        function: impl FnOnce(&Exports) -> Option<TypedFunc<P, R>>,
        params: P,
        budget: Budget,
    ) -> Result<R, Broken>
    where
        P: wasmtime::component::ComponentNamedList
            + wasmtime::component::Lower
            + Send
            + Sync
            + 'static,
        R: wasmtime::component::ComponentNamedList
            + wasmtime::component::Lift
            + Send
            + Sync
            + 'static,
    {
        let Some(function) = function(&self.exports) else {
            return Err(Broken::trap("it does not export this stage"));
        };
        self.calls = self.calls.saturating_add(1);
        Self::arm(&mut self.store, budget);
        let turn = self.turn();
        let call = self.store.run_concurrent(async |accessor| {
            let result = function.call_concurrent(accessor, params).await?;
            // Work that the guest left behind would stand still until the next call and then
            // mix with it.
            let idle = poll_fn(|cx| Poll::Ready(accessor.poll_no_interesting_tasks(cx))).await;
            wasmtime::Result::Ok((result, idle.is_ready()))
        });
        match tokio::time::timeout(budget.time, turn.each(call)).await {
            Ok(Ok(Ok((result, idle)))) => {
                if let Some(exceeded) = self.store.data().logged_too_much() {
                    return Err(Broken::limit(exceeded));
                }
                if !idle {
                    self.calls = u32::MAX;
                }
                Ok(result)
            }
            Ok(Ok(Err(error)) | Err(error)) => Err(broken(&mut self.store, error, budget)),
            Err(_) => Err(late(budget)),
        }
    }

    /// Why the instance should not be used again, if so; the cause is a label of metrics.
    pub(crate) fn worn(&self, max_calls: u32, max_age: Duration) -> Option<&'static str> {
        if self.calls == u32::MAX {
            Some("unfinished-work")
        } else if self.calls >= max_calls {
            Some("calls")
        } else if self.born.elapsed() >= max_age {
            Some("age")
        } else if self.store.data().memory() > framedb_core::MAX_RETAINED_MEMORY {
            Some("memory")
        } else {
            None
        }
    }

    /// When it was made.
    pub(crate) fn born(&self) -> Instant {
        self.born
    }

    pub(crate) fn exports(&self) -> &Exports {
        &self.exports
    }

    /// The plugin's settings, with what the instance asked for.
    pub(super) fn settings(&self) -> &Settings {
        &self.store.data().settings
    }

    fn arm(store: &mut Store<State>, budget: Budget) {
        // Lists of many small elements are larger in the host than in the guest; the slack
        // keeps a full batch of empty answers from counting as output.
        let fuel = budget.output.saturating_add(4 << 20);
        store.set_hostcall_fuel(usize::try_from(fuel).unwrap_or(usize::MAX));
        store.data_mut().arm(budget);
        store.set_epoch_deadline(1);
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.store.data().abandon();
    }
}

/// Why a call ended, of the error that it ended with.
pub(super) fn broken(store: &mut Store<State>, error: wasmtime::Error, budget: Budget) -> Broken {
    // WASI's own functions have no other word for a guest that holds too many.
    if let Some(ResourceTableError::Full) = error.downcast_ref() {
        let value = store.data().most_handles().to_string();
        return Broken::limit(Exceeded { setting: "handles", value });
    }
    Broken::classify(error, budget.output, store.data().take_last_line())
}

/// The call used up its time.
pub(super) fn late(budget: Budget) -> Broken {
    let value = humantime::format_duration(budget.time).to_string();
    Broken::limit(Exceeded { setting: "time", value })
}
