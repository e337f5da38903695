//! `Groups`: writes that wait at the same time travel together.
//!
//! One task takes what is waiting as soon as a group may begin: nobody waits for company, and
//! the more there is to do, the larger the groups.

use crate::{Error, ErrorKind, Result};
use async_trait::async_trait;
use std::sync::Arc;
use tokio::sync::{Semaphore, mpsc, oneshot};

/// Groups under way at once: one is on the server's disk while the next ones are on their way.
const MAX_GROUPS: usize = 4;

/// What writes groups.
#[async_trait]
pub(crate) trait GroupWriter: Send + Sync + 'static {
    /// One write.
    type Write: Clone + Send + 'static;

    /// How many writes a group may have.
    const MAX: usize;

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
    let slots = Arc::new(Semaphore::new(MAX_GROUPS));
    let mut taken = Vec::with_capacity(W::MAX);
    while let Ok(slot) = slots.clone().acquire_owned().await {
        if waiting.recv_many(&mut taken, W::MAX).await == 0 {
            return;
        }
        let (writer, group) = (writer.clone(), std::mem::take(&mut taken));
        tokio::spawn(async move {
            write(writer.as_ref(), group).await;
            drop(slot);
        });
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
