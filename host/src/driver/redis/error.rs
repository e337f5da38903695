//! `Fault`: what went wrong at which server, and what that means to a store.

use super::{
    Address,
    connection::{REPLICA_TIMEOUT, TIMEOUT},
};
use crate::{Error, ErrorKind};
use redis::{ErrorKind as Cause, ParsingError, RedisError, ServerErrorKind};
use std::{io, sync::Arc};

/// What servers say before a command, or a script, has changed anything.
const REFUSALS: [&str; 7] =
    ["READONLY", "MOVED", "NOREPLICAS", "LOADING", "MASTERDOWN", "OOM", "CLUSTERDOWN"];

/// Why a command has no answer. Names commands and hosts, never credentials.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    /// The client or a server says so.
    Server {
        /// Which server, in words, where the address has several.
        node: Option<Arc<str>>,
        /// What they say.
        cause: RedisError,
        /// Whether the command may have got as far as the server: not where no connection opened.
        sent: bool,
    },
    /// No sentinel answers; the last one's reason.
    NoSentinel(RedisError),
    /// The sentinels watch others.
    UnknownMaster {
        /// What they watch.
        known: Vec<String>,
    },
    /// The sentinels watch the master, and find it down.
    NoMaster,
    /// The server that sentinels name says that it is not the master.
    NotMaster(String),
    /// No server of the cluster has this slot.
    Uncovered(u16),
    /// The cluster says that it does not work.
    ClusterDown,
    /// A write is on the primary, but not on as many replicas as the instance wants.
    FewReplicas {
        /// How many have it.
        acknowledged: u32,
        /// How many should.
        wanted: u32,
    },
    /// The answer is larger than is taken.
    TooLarge {
        /// Bytes that are.
        most: u64,
    },
}

impl Fault {
    /// A wait that was given up.
    pub(super) fn timeout() -> Self {
        RedisError::from(io::Error::from(io::ErrorKind::TimedOut)).into()
    }

    /// The same fault, at this server of several: "the server host:port".
    pub(super) fn at(self, server: &str) -> Self {
        match self {
            Self::Server { node: None, cause, sent } => {
                Self::Server { node: Some(server.into()), cause, sent }
            }
            other => other,
        }
    }

    /// The same fault, before anything was sent.
    pub(super) fn unsent(self) -> Self {
        match self {
            Self::Server { node, cause, .. } => Self::Server { node, cause, sent: false },
            other => other,
        }
    }

    /// Whether the connection that it happened on is of no more use, or leads to a server that
    /// was made a replica: its name may be another one's by now.
    pub(crate) fn ends_connection(&self) -> bool {
        let Self::Server { cause, .. } = self else { return false };
        cause.is_io_error() || cause.is_unrecoverable_error() || self.says("READONLY")
    }

    /// Whether an open connection was closed before the answer came.
    pub(super) fn broke(&self) -> bool {
        matches!(self, Self::Server { cause, sent: true, .. } if cause.is_connection_dropped())
    }

    /// Whether the server answered, and it is the command that it does not take.
    pub(crate) fn is_of_the_command(&self) -> bool {
        match self {
            Self::Server { cause, .. } => cause.code().is_some() && !self.refuses_login(),
            Self::FewReplicas { .. } | Self::TooLarge { .. } => true,
            _ => false,
        }
    }

    /// Whether the server refuses the login.
    pub(super) fn refuses_login(&self) -> bool {
        let Self::Server { cause, .. } = self else { return false };
        let failed = cause.kind() == Cause::AuthenticationFailed;
        failed || self.says("NOAUTH") || self.says("WRONGPASS")
    }

    /// Whether the server says this code. Older ones pass the errors of a script's commands on
    /// as text.
    pub(crate) fn says(&self, code: &str) -> bool {
        let Self::Server { cause, .. } = self else { return false };
        cause.code() == Some(code) || cause.to_string().contains(code)
    }
}

impl From<RedisError> for Fault {
    fn from(cause: RedisError) -> Self {
        Self::Server { node: None, cause, sent: true }
    }
}

impl From<ParsingError> for Fault {
    fn from(cause: ParsingError) -> Self {
        RedisError::from(cause).into()
    }
}

/// An error that says what was attempted where, with its kind, its hint and whether it may
/// pass, by its fault.
pub(crate) fn failed(attempt: &str, address: &Address, fault: Fault) -> Error {
    let at = |kind, why: &str| {
        Error::new(kind, format!("cannot {attempt} in Redis at {address}: {why}"))
    };
    let seconds = REPLICA_TIMEOUT.as_secs();
    match fault {
        Fault::Server { ref node, ref cause, sent } => {
            let server = node.as_deref().unwrap_or("the server");
            let untouched = !sent || REFUSALS.iter().any(|code| fault.says(code));
            let error = said(at, server, address, &fault, cause).with_untouched(untouched);
            // A parser that reads another protocol has nothing to tell, nor has the line of a script.
            match speaks_another(cause) || fault.says("WRONGTYPE") {
                true => error,
                false => error.with_source(cause.clone()),
            }
        }
        Fault::NoSentinel(cause) => at(ErrorKind::Unavailable, "none of its sentinels answers")
            .with_source(cause)
            .with_untouched(true),
        Fault::UnknownMaster { known } => {
            let known = match known.as_slice() {
                [] => "none".to_owned(),
                names => format!("`{}`", names.join("`, `")),
            };
            at(ErrorKind::Config, "its sentinels watch no master of this name")
                .with_hint(format!("the masters that they watch: {known}"))
        }
        Fault::NoMaster => {
            at(ErrorKind::Unavailable, "its sentinels find the master down, and have no other yet")
                .with_untouched(true)
        }
        Fault::NotMaster(node) => at(
            ErrorKind::Unavailable,
            &format!("its sentinels name {node}, which is not the master (yet)"),
        )
        .with_untouched(true),
        Fault::Uncovered(slot) => at(
            ErrorKind::Unavailable,
            &format!("the cluster is down in part: no server has the slot {slot}"),
        )
        .with_untouched(true)
        .with_hint("see `CLUSTER INFO` and `CLUSTER NODES`"),
        Fault::ClusterDown => at(ErrorKind::Unavailable, "the cluster is down")
            .with_hint("see `CLUSTER INFO` and `CLUSTER NODES`"),
        Fault::FewReplicas { acknowledged, wanted } => at(
            ErrorKind::Unavailable,
            &format!(
                "stored on the primary, but acknowledged by {acknowledged} of {wanted} replicas \
                 within {seconds} s"
            ),
        )
        .with_hint("see `INFO replication`, or lower the instance's `wait-replicas`"),
        Fault::TooLarge { most } => {
            at(ErrorKind::TooLarge, &format!("the answer has more than {most} bytes"))
        }
    }
}

/// Whether what answers speaks another protocol.
fn speaks_another(cause: &RedisError) -> bool {
    cause.kind() == Cause::Parse || without_tls(cause)
}

/// Whether a server that should speak TLS does not.
fn without_tls(cause: &RedisError) -> bool {
    cause.to_string().contains("InvalidContentType")
}

/// What the answer of a server means.
fn said(
    at: impl Fn(ErrorKind, &str) -> Error,
    server: &str,
    address: &Address,
    fault: &Fault,
    cause: &RedisError,
) -> Error {
    let is = |code: &str| fault.says(code);
    if speaks_another(cause) {
        let hint = match without_tls(cause) {
            true => "write `redis` in place of `rediss`, or name the port that has TLS",
            false => "check host and port in its URL; a server with TLS needs `rediss`",
        };
        let what = if without_tls(cause) { "with TLS" } else { "as a Redis server" };
        at(ErrorKind::Config, &format!("{server} does not answer {what}")).with_hint(hint)
    } else if fault.refuses_login() {
        at(ErrorKind::Config, &format!("{server} refuses the password, or wants one"))
            .with_hint("check user and password in its URL")
    } else if is("DB index is out of range") {
        at(ErrorKind::Config, &format!("it has no database {}", address.database()))
            .with_hint("correct the number at the end of its URL, or raise `databases`")
    } else if is("SELECT is not allowed in cluster mode") {
        at(ErrorKind::Config, "a cluster has no database but 0")
            .with_hint("remove the number at the end of its URL")
    } else if is("cluster support disabled") {
        at(ErrorKind::Config, &format!("{server} is not part of a cluster"))
            .with_hint("write `redis://` for a single server")
    } else if is("unknown command") && is("SENTINEL") {
        at(ErrorKind::Config, &format!("{server} is no sentinel"))
            .with_hint("name sentinels in `redis-sentinel://`, whose port is 26379 by default")
    } else if is("NOPERM") && is("access a key") {
        at(ErrorKind::Denied, "its access list does not let the user use the key")
            .with_hint("grant keys that match it to the user with `ACL SETUSER`")
    } else if is("NOPERM") {
        at(ErrorKind::Denied, "its access list does not let the user run a command")
            .with_hint("grant it to the user with `ACL SETUSER`")
    } else if is("WRONGTYPE") {
        at(ErrorKind::Conflict, "the key holds another type")
            .with_hint("objects and queues of an instance share their names: remove the other one")
    } else if is("OOM") {
        at(ErrorKind::Full, "its memory is full")
            .with_temporary(true)
            .with_hint("raise `maxmemory`, or let the server evict")
    } else if is("NOREPLICAS") {
        at(ErrorKind::Unavailable, "it has fewer replicas than its `min-replicas-to-write`")
    } else if is("READONLY") {
        at(ErrorKind::Unavailable, "it is a read-only replica")
            .with_hint("use the address of the primary")
    } else if is("CLUSTERDOWN") {
        at(ErrorKind::Unavailable, "the cluster is down")
            .with_hint("see `CLUSTER INFO` and `CLUSTER NODES`")
    } else if is("MOVED") {
        // A cluster's own connection follows; a plain one does not, and neither do readers.
        at(ErrorKind::Unavailable, "the key is with another server of a cluster")
            .with_hint("write `redis-cluster://` instead of `redis://`")
    } else if cause.is_timeout() {
        let seconds = TIMEOUT.as_secs();
        let why = format!("no answer from {server} within {seconds} seconds");
        let error = at(ErrorKind::Timeout, &why);
        match address.wants_tls() {
            // Redis waits for the end of a line that no handshake has.
            true => error.with_hint(
                "a port without TLS is silent, too: if it has none, write `redis` in place of \
                 `rediss`",
            ),
            false => error,
        }
    } else if cause.to_string().contains("certificate") {
        at(ErrorKind::Unavailable, "its certificate is not trusted")
            .with_temporary(false)
            .with_hint(
                "name a file of authorities in the URL's `?ssl-ca=` or in `SSL_CERT_FILE`, or add \
             them to the system's",
            )
    } else if cause.is_io_error() {
        let error = at(ErrorKind::Unavailable, &format!("{server} cannot be reached"));
        let hangs_up = fault.broke() && !is("refused") && !is("No such file");
        match hangs_up && !address.wants_tls() {
            true => error.with_hint("a port with TLS hangs up: if it has TLS, write `rediss`"),
            false => error,
        }
    } else if is("max number of clients reached") {
        at(ErrorKind::Unavailable, "it has as many clients as it takes")
            .with_hint("raise `maxclients`")
    } else {
        // Loading, failing over, a script that runs too long: servers say so and recover.
        let temporary = !matches!(
            cause.kind(),
            Cause::Server(ServerErrorKind::ResponseError | ServerErrorKind::CrossSlot)
                | Cause::InvalidClientConfig
                | Cause::UnexpectedReturnType
        );
        at(ErrorKind::Unavailable, &format!("{server} refuses")).with_temporary(temporary)
    }
}
