//! How long a future is at work, beside how long it takes.

use std::{
    future::poll_fn,
    pin::pin,
    time::{Duration, Instant},
};

/// What a future answers, with the time of its polls: without what it waits between them.
pub(super) async fn busy<F: Future>(future: F) -> (F::Output, Duration) {
    let mut future = pin!(future);
    let mut busy = Duration::ZERO;
    let output = poll_fn(|cx| {
        let started = Instant::now();
        let polled = future.as_mut().poll(cx);
        busy += started.elapsed();
        polled
    })
    .await;
    (output, busy)
}

#[cfg(test)]
mod tests {
    use super::busy;
    use std::time::{Duration, Instant};

    #[tokio::test(start_paused = true)]
    async fn waiting_is_not_work_and_computing_is() {
        let compute = || {
            let started = Instant::now();
            while started.elapsed() < Duration::from_millis(20) {}
        };
        let works = async {
            compute();
            tokio::time::sleep(Duration::from_secs(3600)).await;
            compute();
            7
        };
        let (answer, busy) = busy(works).await;
        assert_eq!(answer, 7);
        assert!(busy >= Duration::from_millis(40), "{busy:?}");
    }
}
