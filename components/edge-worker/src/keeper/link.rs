//! `Link`: a Redis server, over one connection that is opened again when it breaks.

use super::{fault::Fault, wait::within};
use spin_sdk::redis::{Connection, Error, RedisParameter, RedisResult};
use std::{cell::RefCell, fmt, rc::Rc};

/// A Redis server. Commands of concurrent requests share its connection.
pub(super) struct Link {
    url: String,
    /// Held for a look, never across an await.
    connection: RefCell<Option<Rc<Connection>>>,
}

/// Whether a command may be sent twice where its connection broke before it was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Repeat {
    Safe,
    Never,
}

/// A script, and the hash that servers know it by.
pub(super) struct Script {
    source: &'static str,
    hash: String,
}

impl Script {
    pub(super) fn new(source: &'static str) -> Self {
        let hash = sha1_smol::Sha1::from(source).digest().to_string();
        Self { source, hash }
    }
}

impl Link {
    pub(super) fn new(url: String) -> Self {
        Self { url, connection: RefCell::default() }
    }

    /// Whether both lead to the same server and database.
    pub(super) fn is(&self, other: &Self) -> bool {
        self.url == other.url
    }

    /// Sends a command; its answer, in which lists are flat.
    pub(super) async fn ask(
        &self,
        command: &str,
        arguments: &[&[u8]],
        repeat: Repeat,
    ) -> Result<Vec<RedisResult>, Fault> {
        loop {
            let (connection, fresh) = self.connection().await?;
            let parameters: Vec<_> =
                arguments.iter().map(|bytes| RedisParameter::Binary(bytes.to_vec())).collect();
            let fault = match within(connection.execute(command, parameters)).await {
                Some(Ok(answer)) => return Ok(answer),
                Some(Err(error)) => fault(error),
                None => Fault::Late,
            };
            if fault.breaks() {
                self.forget(&connection);
            }
            // A connection that stood idle may have been closed meanwhile; a new one tells.
            if fresh || fault != Fault::Down || repeat == Repeat::Never {
                return Err(fault);
            }
        }
    }

    /// Runs a script, whose keys are in one slot.
    pub(super) async fn run(
        &self,
        script: &Script,
        keys: &[String],
        arguments: &[&[u8]],
        repeat: Repeat,
    ) -> Result<Vec<RedisResult>, Fault> {
        let count = keys.len().to_string();
        let mut words: Vec<&[u8]> = vec![script.hash.as_bytes(), count.as_bytes()];
        words.extend(keys.iter().map(String::as_bytes));
        words.extend(arguments);
        match self.ask("EVALSHA", &words, repeat).await {
            Err(Fault::Script) => {
                if let Some(first) = words.first_mut() {
                    *first = script.source.as_bytes();
                }
                self.ask("EVAL", &words, repeat).await
            }
            answer => answer,
        }
    }

    /// The connection, and whether it was opened just now.
    async fn connection(&self) -> Result<(Rc<Connection>, bool), Fault> {
        if let Some(open) = self.connection.borrow().clone() {
            return Ok((open, false));
        }
        let opened = match within(Connection::open(&self.url)).await {
            Some(Ok(opened)) => Rc::new(opened),
            Some(Err(error)) => return Err(fault(error)),
            None => return Err(Fault::Late),
        };
        // Of two requests that opened one at the same time, both go on with the first.
        let kept = self.connection.borrow_mut().get_or_insert(opened).clone();
        Ok((kept, true))
    }

    fn forget(&self, broken: &Rc<Connection>) {
        let mut kept = self.connection.borrow_mut();
        if kept.as_ref().is_some_and(|kept| Rc::ptr_eq(kept, broken)) {
            *kept = None;
        }
    }
}

fn fault(error: Error) -> Fault {
    match error {
        // Its form was checked before.
        Error::InvalidAddress => Fault::Address,
        Error::TooManyConnections => Fault::Crowded,
        Error::TypeError => Fault::Type,
        Error::Other(text) => Fault::of_redis(&text),
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The URL may hold a password.
        f.debug_struct("Link").field("open", &self.connection.borrow().is_some()).finish()
    }
}

/// Bytes of an answer, if they are.
pub(super) fn bytes(result: RedisResult) -> Result<Option<Vec<u8>>, Fault> {
    match result {
        RedisResult::Nil => Ok(None),
        RedisResult::Binary(bytes) => Ok(Some(bytes)),
        RedisResult::Status(text) => Ok(Some(text.into_bytes())),
        RedisResult::Int64(_) => Err(Fault::Foreign),
    }
}

/// A number of an answer.
pub(super) fn number(result: Option<RedisResult>) -> Result<u64, Fault> {
    match result {
        Some(RedisResult::Int64(number)) => u64::try_from(number).map_err(|_| Fault::Foreign),
        _ => Err(Fault::Foreign),
    }
}
