//! Senders: tasks that each send one thing after the other, and what they reach together.

use super::failed;
use crate::Result;
use framedb_core::Key;
use std::{
    future::Future,
    time::{Duration, Instant},
};
use tokio::task::JoinSet;

/// How much so many senders together send in a second. `send` is told which one of them sends,
/// and what number of its things.
///
/// # Errors
///
/// The first one of a sender.
pub(super) async fn rate<S>(
    senders: usize,
    period: Duration,
    send: impl Fn(usize, u32) -> S + Clone + Send + 'static,
) -> Result<f64>
where
    S: Future<Output = Result<()>> + Send,
{
    let started = Instant::now();
    let mut tasks = JoinSet::new();
    for sender in 0..senders {
        let send = send.clone();
        tasks.spawn(async move {
            let mut sent: u32 = 0;
            while started.elapsed() < period {
                send(sender, sent).await?;
                sent += 1;
            }
            Ok(sent)
        });
    }
    let mut all = 0.0;
    while let Some(sent) = tasks.join_next().await {
        let sent: Result<u32> =
            sent.map_err(|source| failed("wait for a sender").with_source(source))?;
        all += f64::from(sent?);
    }
    Ok(all / started.elapsed().as_secs_f64())
}

/// A key by its name.
pub(super) fn key(name: &str) -> Result<Key> {
    Key::new(name).map_err(|source| failed("make a key").with_source(source))
}
