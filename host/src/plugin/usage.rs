//! Limits that are counted while a guest runs: memory and tables over the whole store, CPU time
//! and calls into capabilities over the present call.

use super::{engine::TICK, failure::Exceeded};
use bytesize::ByteSize;
use std::time::Duration;
use wasmtime::{ResourceLimiter, UpdateDeadline};

/// Counts memory and tables over the whole store, and ends the call that exceeds its limit with
/// a typed error, which says more than the guest's own out-of-memory abort would.
pub(super) struct MemoryLimit {
    pub(super) bytes: usize,
    max_bytes: usize,
    elements: usize,
    max_elements: usize,
}

impl MemoryLimit {
    pub(super) fn new(max_bytes: u64, max_elements: usize) -> Self {
        let max_bytes = usize::try_from(max_bytes).unwrap_or(usize::MAX);
        Self { bytes: 0, max_bytes, elements: 0, max_elements }
    }
}

impl ResourceLimiter for MemoryLimit {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let bytes = self.bytes.saturating_add(desired.saturating_sub(current));
        if bytes > self.max_bytes {
            let value = ByteSize::b(self.max_bytes as u64).to_string();
            return Err(wasmtime::Error::new(Exceeded { setting: "memory", value }));
        }
        self.bytes = bytes;
        Ok(true)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let elements = self.elements.saturating_add(desired.saturating_sub(current));
        if elements > self.max_elements {
            let value = self.max_elements.to_string();
            return Err(wasmtime::Error::new(Exceeded { setting: "table-elements", value }));
        }
        self.elements = elements;
        Ok(true)
    }
}

/// Counts the epochs in which the guest was computing, for the present call.
#[derive(Default)]
pub(super) struct CpuLimit {
    ticks: u128,
    max_ticks: u128,
    value: Duration,
}

impl CpuLimit {
    pub(super) fn new(value: Duration) -> Self {
        // One more, because the first tick may come at once.
        Self { ticks: 0, max_ticks: value.as_nanos().div_ceil(TICK.as_nanos()) + 1, value }
    }

    pub(super) fn tick(&mut self) -> wasmtime::Result<UpdateDeadline> {
        self.ticks += 1;
        if self.ticks > self.max_ticks {
            let value = humantime::format_duration(self.value).to_string();
            return Err(wasmtime::Error::new(Exceeded { setting: "cpu", value }));
        }
        Ok(UpdateDeadline::Yield(1))
    }
}

/// Counts calls into capabilities, for the present call.
#[derive(Default)]
pub(super) struct HostCallLimit {
    calls: u64,
    max_calls: u64,
}

impl HostCallLimit {
    pub(super) fn new(max_calls: u64) -> Self {
        Self { calls: 0, max_calls }
    }

    /// Makes room for another call's.
    pub(super) fn widen(&mut self, calls: u64) {
        self.max_calls = self.max_calls.saturating_add(calls);
    }

    pub(super) fn count(&mut self) -> wasmtime::Result<()> {
        self.calls += 1;
        if self.calls > self.max_calls {
            let value = self.max_calls.to_string();
            return Err(wasmtime::Error::new(Exceeded { setting: "host-calls", value }));
        }
        Ok(())
    }
}
