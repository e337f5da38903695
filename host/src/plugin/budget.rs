//! `Budget`: what one call into a plugin may use, of the limits that count per call.

use super::config::Limits;
use framedb_core::allowance;
use std::time::Duration;

/// More objects than a batch ever has.
const WHOLE: usize = 1 << 20;

/// What one call may use.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Budget {
    pub(crate) time: Duration,
    pub(crate) cpu: Duration,
    pub(crate) output: u64,
    /// Calls into capabilities.
    pub(crate) host_calls: u64,
    /// Bytes of lines for the log.
    pub(crate) log: u64,
}

impl Budget {
    /// What a call over `group` objects of a batch of `batch` may use, on a node that takes
    /// objects of `max_object` bytes.
    pub(super) fn of(limits: &Limits, max_object: u64, group: usize, batch: usize) -> Self {
        let time = |per_object: Duration, per_batch: Duration| {
            let nanos = |d: Duration| u64::try_from(d.as_nanos()).unwrap_or(u64::MAX);
            Duration::from_nanos(allowance(nanos(per_object), nanos(per_batch), group, batch))
        };
        let output = limits.output_for(max_object);
        Self {
            time: time(limits.time, limits.batch_time),
            cpu: time(limits.cpu, limits.batch_cpu),
            output: allowance(output, output.saturating_mul(2), group, batch),
            host_calls: allowance(limits.host_calls, limits.batch_host_calls, group, batch),
            log: allowance(limits.log.as_u64(), limits.batch_log.as_u64(), group, batch),
        }
    }

    /// What a call over any batch may use.
    pub(super) fn whole(limits: &Limits, max_object: u64) -> Self {
        Self::of(limits, max_object, WHOLE, WHOLE)
    }
}
