//! `Line`: one socket to a server for all who use it, opened again when it breaks.

use super::{Fault, endpoint::Endpoint, sentinel::Sentinels, socket::Socket};
use redis::{Pipeline, RedisResult, Value};
use std::{fmt, sync::Arc, time::Instant};
use tokio::sync::Mutex;

/// How a line finds its server, each time it is opened.
#[derive(Debug, Clone)]
pub(super) enum Seek {
    /// It is always this one.
    Fixed(Box<Endpoint>),
    /// Sentinels name it.
    Master(Arc<Sentinels>),
}

/// The answer to one command.
pub(crate) type Answer = Result<Value, Fault>;

/// A connection to one server. Tasks share it: their commands travel behind one another, and
/// nobody waits for another's answer.
pub(super) struct Line {
    seek: Seek,
    /// Held while a connection is opened, so that one task does it for all.
    current: Mutex<Current>,
}

#[derive(Default)]
struct Current {
    open: Option<Open>,
    /// Counts connections, so that a failure closes the one it happened on.
    number: u64,
    /// When opening failed last, and why: the answer for those who waited meanwhile.
    failed: Option<(Instant, Fault)>,
}

#[derive(Clone)]
struct Open {
    socket: Socket,
    /// Where it leads, when sentinels said so.
    place: Option<Arc<str>>,
}

impl Line {
    /// A line that opens when it is first used.
    pub(super) fn new(seek: Seek) -> Self {
        Self { seek, current: Mutex::default() }
    }

    /// Sends commands in one go, without making them one step; the answer of each.
    pub(super) async fn exchange(&self, pipeline: &mut Pipeline) -> Result<Vec<Answer>, Fault> {
        let (number, mut open) = self.open().await?;
        let answers: RedisResult<Vec<RedisResult<Value>>> =
            pipeline.ignore_errors().query_async(&mut open.socket.connection).await;
        let located = |cause| match &open.place {
            Some(place) => Fault::from(cause).at(place),
            None => Fault::from(cause),
        };
        let answers = answers.map_err(located).map(|answers| {
            let answer = |answer| match open.socket.too_large(&answer) {
                Some(most) => Err(Fault::TooLarge { most }),
                None => answer.map_err(located),
            };
            answers.into_iter().map(answer).collect::<Vec<_>>()
        });
        let ended = match &answers {
            Ok(answers) => answers.iter().any(|a| a.as_ref().is_err_and(Fault::ends_connection)),
            Err(fault) => fault.ends_connection(),
        };
        // Nobody else waits behind the rest of an answer that was too large.
        if ended || open.socket.overran() {
            self.close(number).await;
        }
        answers
    }

    /// Looks for the server again when it is next used: it was made a replica.
    pub(super) async fn reopen(&self) {
        self.current.lock().await.open = None;
    }

    /// The open connection, or a new one.
    async fn open(&self) -> Result<(u64, Open), Fault> {
        let asked = Instant::now();
        let mut current = self.current.lock().await;
        if let Some(open) = &current.open {
            return Ok((current.number, open.clone()));
        }
        if let Some((at, fault)) = &current.failed
            && *at >= asked
        {
            return Err(fault.clone());
        }
        let found = match &self.seek {
            Seek::Fixed(endpoint) => {
                let opened = endpoint.connect().await;
                opened.map(|socket| Open { socket, place: None }).map_err(Fault::from)
            }
            Seek::Master(sentinels) => {
                let found = sentinels.master().await;
                found.map(|(socket, node)| Open {
                    socket,
                    place: Some(format!("the server {node}").into()),
                })
            }
        };
        match found {
            Ok(open) => {
                current.number += 1;
                current.open = Some(open.clone());
                current.failed = None;
                Ok((current.number, open))
            }
            Err(fault) => {
                let fault = fault.unsent();
                current.failed = Some((Instant::now(), fault.clone()));
                Err(fault)
            }
        }
    }

    /// Closes the connection of this number, unless another one took its place.
    async fn close(&self, number: u64) {
        let mut current = self.current.lock().await;
        if current.number == number {
            current.open = None;
        }
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Line").field("seek", &self.seek).finish_non_exhaustive()
    }
}
