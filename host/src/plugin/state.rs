//! `State`: what a store holds beside the guest: what the plugin may reach, and what its
//! present call has used.

use super::{
    access::Access,
    budget::Budget,
    caps::{
        http::{HEADER_BYTES, Hooks},
        stdio::Lines,
    },
    clocks::{MonotonicClock, WallClock},
    component::Plugin,
    config::Limits,
    engine::Epochs,
    failure::Exceeded,
    secrets::Secrets,
    settings::Settings,
    tape::Tape,
    turn::Turn,
    usage::{CpuLimit, HostCallLimit, MemoryLimit},
};
use framedb_core::Key;
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::{sync::Semaphore, time::Instant};
use wasmtime::{ResourceLimiter, UpdateDeadline, component::ResourceTable};
use wasmtime_wasi::{Rng as _, WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

/// How long a call into a capability may wait where the guest's own time has no end.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// Commands to Redis that an instance waits for at once. More wait for their turn: few of them
/// fill a connection, and what their answers may take together stays bounded.
const ASKING: usize = 64;

/// Whose state it is.
pub(super) struct Guest {
    pub(super) name: Arc<str>,
    pub(super) secrets: Arc<Secrets>,
    pub(super) settings: Arc<BTreeMap<String, String>>,
    pub(super) access: Arc<Access>,
    pub(super) limits: Limits,
    /// Bytes of the headers of one request or answer.
    pub(super) headers: usize,
    pub(super) epochs: Epochs,
}

/// What a store holds beside the guest.
pub(crate) struct State {
    wasi: WasiCtx,
    http: WasiHttpCtx,
    hooks: Hooks,
    /// What the guest has handles of.
    pub(crate) table: ResourceTable,
    most_handles: usize,
    pub(crate) settings: Settings,
    pub(crate) access: Arc<Access>,
    /// What the guest is told passes it, if there is one.
    pub(crate) tape: Option<Arc<Tape>>,
    /// Keys that are written after the present call, if the plugin could write them, too.
    pub(crate) judging: Arc<[Key]>,
    lines: Lines,
    memory: MemoryLimit,
    cpu: CpuLimit,
    turn: Turn,
    host_calls: HostCallLimit,
    /// Bytes of values that handles of the guest may keep.
    pub(crate) kept: Arc<Semaphore>,
    /// Bytes of rows that wait for the guest to take them.
    pub(crate) rows: Arc<Semaphore>,
    /// Answers of Redis that are on their way at once: each may be as large as one may be.
    pub(crate) asking: Arc<Semaphore>,
    /// When calls into capabilities are given up.
    wait_until: Instant,
}

impl State {
    pub(super) fn new(plugin: &Plugin, tape: Option<Arc<Tape>>) -> Self {
        let guest = Guest {
            name: plugin.shared_name(),
            secrets: plugin.secrets().clone(),
            settings: plugin.settings(),
            access: plugin.access().clone(),
            limits: plugin.limits().clone(),
            headers: HEADER_BYTES,
            epochs: plugin.epochs(),
        };
        Self::of(&guest, tape)
    }

    /// The state of any guest.
    pub(super) fn of(guest: &Guest, tape: Option<Arc<Tape>>) -> Self {
        let Guest { name, secrets, settings, access, limits, headers, epochs } = guest;
        let lines = Lines::new(name.clone(), secrets.clone(), access.output());
        let mut table = ResourceTable::new();
        table.set_max_capacity(limits.handles);
        let mut http = WasiHttpCtx::new();
        http.set_field_size_limit(*headers);
        Self {
            http,
            hooks: Hooks::new(access.clone(), tape.clone()),
            wasi: wasi(&lines, tape.as_ref()),
            table,
            most_handles: limits.handles,
            settings: Settings::new(settings.clone()),
            access: access.clone(),
            tape,
            judging: Arc::default(),
            lines,
            memory: MemoryLimit::new(limits.memory.as_u64(), limits.table_elements),
            cpu: CpuLimit::default(),
            turn: Turn::new(epochs.clone()),
            host_calls: HostCallLimit::default(),
            kept: Arc::new(Semaphore::new(crate::bucket::bounds::BATCH_BYTES)),
            rows: Arc::new(Semaphore::new(crate::driver::mysql::MAX_BYTES)),
            asking: Arc::new(Semaphore::new(ASKING)),
            wait_until: Instant::now(),
        }
    }

    /// Counts a call into a capability, before it does anything.
    ///
    /// # Errors
    ///
    /// When the present call has made too many: then it ends.
    pub(crate) fn begin(&mut self) -> wasmtime::Result<()> {
        self.host_calls.count()
    }

    /// Until when a call into a capability may wait: early enough for the guest to read what
    /// failed, and to answer, before its own time is up.
    pub(crate) fn wait_until(&self) -> Instant {
        self.wait_until
    }

    /// Begins another call with a budget of its own.
    pub(super) fn arm(&mut self, budget: Budget) {
        self.cpu = CpuLimit::new(budget.cpu);
        self.host_calls = HostCallLimit::new(budget.host_calls);
        self.lines.arm(budget.log);
        self.wait_until = wait_until(budget);
        self.hooks.arm(self.wait_until);
    }

    /// Begins a call beside those that run, `alone` where none does: what is counted for the
    /// store as a whole may be used by all of them together.
    pub(super) fn join(&mut self, budget: Budget, alone: bool) {
        if alone {
            return self.arm(budget);
        }
        self.host_calls.widen(budget.host_calls);
        self.lines.widen(budget.log);
        self.wait_until = self.wait_until.max(wait_until(budget));
        self.hooks.arm(self.wait_until);
    }

    /// Says that the guest is gone, before what it holds is dropped: what it has half sent is
    /// taken back.
    pub(super) fn abandon(&self) {
        self.hooks.abandon();
    }

    /// Counts an epoch that ended while the guest computed.
    ///
    /// # Errors
    ///
    /// When that was the last one of the present call.
    pub(super) fn tick(&mut self) -> wasmtime::Result<UpdateDeadline> {
        self.turn.tick(|| self.cpu.tick())
    }

    /// When the guest computes.
    pub(super) fn turn(&self) -> Turn {
        self.turn.clone()
    }

    pub(super) fn limiter(&mut self) -> &mut dyn ResourceLimiter {
        &mut self.memory
    }

    /// Handles that the guest may hold.
    pub(super) fn most_handles(&self) -> usize {
        self.most_handles
    }

    /// Bytes of all linear memories.
    pub(super) fn memory(&self) -> usize {
        self.memory.bytes
    }

    /// The last line that the guest wrote in the present call.
    pub(super) fn take_last_line(&self) -> Option<String> {
        self.lines.take_last()
    }

    /// The limit of the log, when the present call wrote more than that.
    pub(super) fn logged_too_much(&self) -> Option<Exceeded> {
        self.lines.exceeded()
    }
}

/// Three quarters of a call's time from now.
fn wait_until(budget: Budget) -> Instant {
    let now = Instant::now();
    now.checked_add(budget.time / 4 * 3).unwrap_or(now + LONGEST_WAIT)
}

/// WASI as a guest has it. With a tape, time and chance pass that, too.
fn wasi(lines: &Lines, tape: Option<&Arc<Tape>>) -> WasiCtx {
    let mut wasi = WasiCtx::builder();
    wasi.stdout(lines.clone()).stderr(lines.clone());
    if let Some(tape) = tape {
        let mut seed = tape.random("insecure seed");
        let seed = (u128::from(seed.next_u64()) << 64) | u128::from(seed.next_u64());
        wasi.wall_clock(WallClock(tape.clone()))
            .monotonic_clock(MonotonicClock::new(tape.clone()))
            .secure_random(tape.random("secure"))
            .insecure_random(tape.random("insecure"))
            .insecure_random_seed(seed);
    }
    wasi.build()
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { hooks: &mut self.hooks, table: &mut self.table, ctx: &mut self.http }
    }
}
