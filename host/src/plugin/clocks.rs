//! Clocks of a plugin whose readings are recorded, or come from a record.

use super::tape::{Clock, Tape};
use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
use wasmtime_wasi::{HostMonotonicClock, HostWallClock};

/// What both clocks say of their resolution.
const RESOLUTION: Duration = Duration::from_nanos(1);

/// The time of day.
pub(super) struct WallClock(pub(super) Arc<Tape>);

/// Time since the instance was made.
pub(super) struct MonotonicClock {
    tape: Arc<Tape>,
    started: Instant,
}

impl MonotonicClock {
    pub(super) fn new(tape: Arc<Tape>) -> Self {
        Self { tape, started: Instant::now() }
    }
}

impl HostWallClock for WallClock {
    fn resolution(&self) -> Duration {
        RESOLUTION
    }

    fn now(&self) -> Duration {
        let now = || nanos(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default());
        Duration::from_nanos(self.0.read(Clock::Wall, now))
    }
}

impl HostMonotonicClock for MonotonicClock {
    fn resolution(&self) -> u64 {
        nanos(RESOLUTION)
    }

    fn now(&self) -> u64 {
        self.tape.read(Clock::Monotonic, || nanos(self.started.elapsed()))
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
