//! Lets other tasks of the runtime go first.

use std::{future::poll_fn, task::Poll};

/// Goes to the back of the line of tasks that are ready, where an idle thread of the runtime finds
/// it at once. Tokio's own `yield_now`, and the end of its budget, hide a task until its thread
/// has nothing else to do.
pub(crate) async fn step_aside() {
    let mut stepped = false;
    poll_fn(|cx| {
        if stepped {
            return Poll::Ready(());
        }
        stepped = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[cfg(test)]
mod tests {
    use super::step_aside;
    use std::sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    };

    #[tokio::test]
    async fn a_task_that_is_ready_goes_first() {
        let went = Arc::new(AtomicBool::new(false));
        let other = went.clone();
        tokio::spawn(async move { other.store(true, Ordering::Relaxed) });
        assert!(!went.load(Ordering::Relaxed));
        step_aside().await;
        assert!(went.load(Ordering::Relaxed));
    }
}
