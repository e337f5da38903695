//! `Groups`: writes that wait at the same time travel together.
//!
//! One task takes what is waiting as soon as the server has nothing to do, in several groups where
//! there is enough for them, and begins others beside those under way when it is worth one: a lone
//! writer never waits for company, and the more there is to do, the larger the groups.

use crate::{Error, ErrorKind, Result};
use async_trait::async_trait;
use std::sync::Arc;
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
};

/// Groups under way at once: one is on the server's disk while the next ones are on their way.
const MAX_GROUPS: usize = 4;

/// How often others get their turn before a group is closed: those who were answered together
/// send their next writes together.
const TURNS: usize = 2;

/// What writes groups.
#[async_trait]
pub(crate) trait GroupWriter: Send + Sync + 'static {
    /// One write.
    type Write: Clone + Send + 'static;

    /// How many writes a group may have.
    const MAX: usize;

    /// Writes that are worth a group beside others: with fewer, what a commit costs the server takes
    /// more from the writes than the company of another group gives.
    const BESIDE: usize;

    /// What is written, for the error of one that comes too late.
    const WHAT: &'static str;

    /// Writes a group, in the order in which it came; one answer per write, in order.
    async fn write(&self, group: Vec<Self::Write>) -> Vec<Result<()>>;
}

/// A write that somebody waits for.
struct Waiting<T> {
    write: T,
    answer: oneshot::Sender<Result<()>>,
}

/// The way into the groups; the task behind it ends with it.
pub(crate) struct Groups<W: GroupWriter>(mpsc::Sender<Waiting<W::Write>>);

impl<W: GroupWriter> Groups<W> {
    pub(crate) fn new(writer: Arc<W>) -> Self {
        // Further writes wait to be let in.
        let (sender, receiver) = mpsc::channel(4 * W::MAX);
        tokio::spawn(run(writer, receiver));
        Self(sender)
    }

    /// Writes together with those of others; one answer per write, in order.
    pub(crate) async fn write(&self, writes: &[W::Write]) -> Vec<Result<()>> {
        let mut waiting = Vec::with_capacity(writes.len());
        for write in writes {
            let (answer, answered) = oneshot::channel();
            // The task ends after us only, so that it takes everything.
            let _ = self.0.send(Waiting { write: write.clone(), answer }).await;
            waiting.push(answered);
        }
        let mut answers = Vec::with_capacity(writes.len());
        for answered in waiting {
            answers.push(answered.await.unwrap_or_else(|_| Err(stopped(W::WHAT))));
        }
        answers
    }
}

async fn run<W: GroupWriter>(writer: Arc<W>, mut waiting: mpsc::Receiver<Waiting<W::Write>>) {
    let mut under_way = JoinSet::new();
    let mut taken = Vec::with_capacity(W::MAX);
    let mut open = true;
    loop {
        let room = W::MAX.saturating_sub(taken.len());
        tokio::select! {
            // What has ended makes room first.
            biased;
            Some(_) = under_way.join_next() => {}
            received = waiting.recv_many(&mut taken, room), if open && room > 0 => {
                open = received > 0;
            }
            // The engine is closed, and everything that was given to it is written.
            else => return,
        }
        for _ in 0..TURNS {
            tokio::task::yield_now().await;
            while taken.len() < W::MAX
                && let Ok(write) = waiting.try_recv()
            {
                taken.push(write);
            }
        }
        while let free @ 1.. = MAX_GROUPS - under_way.len()
            && taken.len() >= if under_way.is_empty() { 1 } else { W::BESIDE }
        {
            // Several groups side by side, where there is enough for them: the server works on
            // one while another is on its disk, and those who wait do not all wait for the last.
            let groups = (taken.len() / W::BESIDE).clamp(1, free);
            let group = taken.drain(..taken.len().div_ceil(groups)).collect();
            let writer = writer.clone();
            under_way.spawn(async move { write(writer.as_ref(), group).await });
        }
    }
}

async fn write<W: GroupWriter>(writer: &W, group: Vec<Waiting<W::Write>>) {
    // What nobody waits for any more may have been sent anew, with other data.
    let waited_for = group.into_iter().filter(|waiting| !waiting.answer.is_closed());
    let (writes, waiting): (Vec<_>, Vec<_>) =
        waited_for.map(|waiting| (waiting.write, waiting.answer)).unzip();
    for (result, answer) in writer.write(writes).await.into_iter().zip(waiting) {
        let _ = answer.send(result);
    }
}

impl<W: GroupWriter> std::fmt::Debug for Groups<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Groups").field("of", &W::WHAT).finish_non_exhaustive()
    }
}

fn stopped(what: &str) -> Error {
    Error::new(ErrorKind::Unavailable, format!("cannot write {what}: the engine is closing"))
}
