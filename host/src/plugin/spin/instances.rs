//! How long instances live, and what each may be asked: much as Spin 4 does unless it is told
//! otherwise.

use crate::{
    cpus::cpus,
    plugin::{budget::Budget, failure::Broken, state::Guest, state::State},
};
use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};
use tokio::time::{Sleep, sleep, sleep_until};
use wasmtime::{
    Store, StoreContextMut,
    component::{GuestTaskId, InstancePre},
};
use wasmtime_wasi_http::{
    WasiHttpView as _,
    handler::{
        HandlerState, Instance, Proxy, ShouldAccept, WorkerExpiration, WorkerState, WorkerStatus,
    },
    p3::bindings::ServicePre,
};

/// Requests that an instance answers before another one takes its place.
const REQUESTS: usize = 128;

/// Requests that an instance answers at once on a machine with one CPU. An instance computes on
/// one, and another one starts only when no request can go to those there are: so that all CPUs
/// have something to do, they share this number.
const AT_ONCE: usize = 16;

/// How long an instance waits for another request.
const IDLE: Duration = Duration::from_secs(1);

/// How long a request may take. Spin sets no bound; one that is stuck shall end here.
const REQUEST_WITHIN: Duration = Duration::from_secs(60);

/// What a request may use: as good as anything, because Spin counts none of it.
const BUDGET: Budget = Budget {
    time: REQUEST_WITHIN,
    cpu: Duration::from_secs(u32::MAX as u64),
    output: 128 << 20,
    host_calls: 1 << 32,
    log: 1 << 40,
};

/// Makes instances of a component.
pub(super) struct Instances {
    pub(super) guest: Guest,
    pub(super) linked: ServicePre<State>,
}

impl Instances {
    pub(super) fn new(guest: Guest, linked: InstancePre<State>) -> wasmtime::Result<Self> {
        Ok(Self { guest, linked: ServicePre::new(linked)? })
    }
}

impl HandlerState for Instances {
    type StoreData = State;
    type WorkerExpiration = Expiration;
    type WorkerState = Life;

    async fn instantiate(&self) -> wasmtime::Result<Instance<State, Expiration, Life>> {
        let mut store = Store::new(self.linked.engine(), State::of(&self.guest, None));
        store.limiter(State::limiter);
        store.epoch_deadline_callback(|mut cx| cx.data_mut().tick());
        store.set_epoch_deadline(1);
        store.data_mut().arm(BUDGET);
        let started = self.linked.instantiate_async(&mut store);
        let service = tokio::time::timeout(REQUEST_WITHIN, started).await??;
        Ok(Instance {
            store,
            proxy: Proxy::P3(service),
            view: State::http,
            expiration: Expiration::default(),
            state: Life { name: self.guest.name.clone() },
        })
    }
}

/// What an instance is asked.
pub(super) struct Life {
    name: Arc<str>,
}

impl WorkerState for Life {
    type StoreData = State;
    type RequestData = ();

    fn should_accept_request(&self, concurrent_count: usize, total_count: usize) -> ShouldAccept {
        if total_count >= REQUESTS {
            ShouldAccept::Never
        } else if concurrent_count >= AT_ONCE.div_ceil(cpus()) {
            ShouldAccept::No
        } else {
            ShouldAccept::Yes
        }
    }

    fn on_request_start(
        &self,
        mut store: StoreContextMut<'_, State>,
        (): (),
        _task: GuestTaskId,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + Sync>> {
        store.data_mut().join(BUDGET, false);
        Box::pin(sleep(REQUEST_WITHIN))
    }

    fn drop(&self, store: Store<State>, result: wasmtime::Result<()>) {
        store.data().abandon();
        if let Err(error) = result {
            let line = store.data().take_last_line();
            let broken = Broken::classify(error, BUDGET.output, line);
            let component = &*self.name;
            tracing::error!(component, error = %broken, "an instance failed");
        }
    }
}

/// When an instance ends from outside.
#[derive(Default)]
pub(super) struct Expiration {
    /// What is waited for at present: since when, how long, and the timer.
    waiting: Option<(Instant, Duration, Pin<Box<Sleep>>)>,
}

impl WorkerExpiration for Expiration {
    fn poll(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        status: WorkerStatus,
        start: Instant,
    ) -> Poll<()> {
        let patience = match status {
            WorkerStatus::Idle => IDLE,
            // The request ends by itself before that, unless the guest never waits.
            WorkerStatus::Requests | WorkerStatus::PostReturn => REQUEST_WITHIN + IDLE,
        };
        match &self.waiting {
            Some((since, how_long, _)) if (*since, *how_long) == (start, patience) => {}
            _ => {
                let timer = Box::pin(sleep_until((start + patience).into()));
                self.waiting = Some((start, patience, timer));
            }
        }
        match &mut self.waiting {
            Some((_, _, timer)) => timer.as_mut().poll(cx),
            None => Poll::Pending,
        }
    }
}
