//! How many CPUs there are to use.

use std::{sync::LazyLock, thread};

/// CPUs that this process may use, as it was when it started. The system reads several files to
/// answer that, which takes longer than many a batch.
pub(crate) fn cpus() -> usize {
    static CPUS: LazyLock<usize> =
        LazyLock::new(|| thread::available_parallelism().map_or(1, usize::from));
    *CPUS
}
