//! `Server`: one primary; the line that all share, and those on which writes wait for replicas.
//!
//! `WAIT` holds up what comes behind it on its connection, and speaks of what came before it
//! there. So a pipeline whose writes are to be on replicas has a line to itself until it is
//! answered, with its `WAIT` at its end, and reads go past on the shared one.

use super::{
    Fault,
    connection::{REPLICA_TIMEOUT, TIMEOUT},
    line::{Answer, Line, Seek},
};
use parking_lot::Mutex;
use redis::{Pipeline, from_redis_value};
use tokio::{sync::Semaphore, time::timeout};

/// How many pipelines of a node may hold a connection to one primary for themselves at once, to
/// wait for its replicas or for what a command waits for.
const WAITING: usize = 8;

/// Who must have a write before it counts as done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ack {
    /// The primary.
    Primary,
    /// As many replicas as the instance wants.
    Replicas,
}

/// One primary.
#[derive(Debug)]
pub(crate) struct Server {
    shared: Line,
    seek: Seek,
    /// How many replicas must have a write.
    replicas: u32,
    turns: Semaphore,
    /// The lines that nobody waits on, the last used on top. Held for one push or pop.
    idle: Mutex<Vec<Line>>,
}

impl Server {
    /// A server that is connected to when it is first used.
    pub(super) fn new(seek: Seek, replicas: u32) -> Self {
        Self {
            shared: Line::new(seek.clone()),
            seek,
            replicas,
            turns: Semaphore::new(WAITING),
            idle: Mutex::default(),
        }
    }

    /// Sends commands in one go, without making them one step; the answer of each. With
    /// [`Ack::Replicas`], what enough replicas did not acknowledge in time has failed.
    pub(super) async fn send(
        &self,
        pipeline: &mut Pipeline,
        ack: Ack,
    ) -> Result<Vec<Answer>, Fault> {
        if ack == Ack::Primary || self.replicas == 0 {
            return self.shared.exchange(pipeline).await;
        }
        let turn = timeout(TIMEOUT, self.turns.acquire()).await;
        let _turn = turn.map_err(|_| Fault::timeout().unsent())?;
        let popped = self.idle.lock().pop();
        let line = popped.unwrap_or_else(|| Line::new(self.seek.clone()));
        let answers = self.wait(&line, pipeline).await;
        self.idle.lock().push(line);
        answers
    }

    /// Sends one command on a line of its own, which ends with the answer: it may hold up what
    /// comes behind it, or change what its connection is.
    pub(super) async fn send_alone(&self, pipeline: &mut Pipeline) -> Answer {
        let turn = timeout(TIMEOUT, self.turns.acquire()).await;
        let _turn = turn.map_err(|_| Fault::timeout().unsent())?;
        let line = Line::new(self.seek.clone());
        line.exchange(pipeline).await?.pop().unwrap_or_else(|| Err(Fault::timeout()))
    }

    /// Sends commands and the question how many replicas have them.
    async fn wait(&self, line: &Line, pipeline: &mut Pipeline) -> Result<Vec<Answer>, Fault> {
        let limit = u64::try_from(REPLICA_TIMEOUT.as_millis()).unwrap_or(u64::MAX);
        pipeline.cmd("WAIT").arg(self.replicas).arg(limit);
        let mut answers = line.exchange(pipeline).await?;
        let fault = match answers.pop().ok_or_else(Fault::timeout)? {
            Ok(acknowledged) => {
                let acknowledged = from_redis_value(acknowledged)?;
                let wanted = self.replicas;
                (acknowledged < wanted).then_some(Fault::FewReplicas { acknowledged, wanted })
            }
            Err(fault) => Some(fault),
        };
        if let Some(fault) = fault {
            for answer in &mut answers {
                // What the primary refused has its own reason.
                if answer.is_ok() {
                    *answer = Err(fault.clone());
                }
            }
        }
        Ok(answers)
    }

    /// Looks for the server again when it is next used.
    pub(super) async fn reopen(&self) {
        self.shared.reopen().await;
    }

    /// How many replicas must have a write.
    pub(super) fn replicas(&self) -> u32 {
        self.replicas
    }
}
