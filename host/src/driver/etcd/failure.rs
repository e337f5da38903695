//! `Failure`: what went wrong with a call, so far as callers act on it.

use super::{Address, client::TIMEOUT};
use crate::{Error, ErrorKind};
use std::error::Error as _;
use tonic::{Code, ConnectError, Status};

/// What went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// No connection came about: nothing was sent.
    Unreachable,
    /// The member's certificate is not trusted: nothing was sent.
    Untrusted,
    /// The connection broke; what was sent may have been done.
    Broken,
    /// No answer in time; what was sent may have been done.
    Silent,
    /// The member cannot answer now: it is starting, stopping, or has no leader.
    NotNow,
    /// It does not know the user, or the password is wrong.
    Credentials,
    /// It wants a user and a password.
    NoUser,
    /// The token is not valid any more.
    Token,
    /// It has no users, so that it gives out no tokens.
    NoUsers,
    /// The user may not do this.
    Denied,
    /// Its space is used up, and it takes no writes.
    NoSpace,
    /// A transaction has more operations than it takes.
    TooManyOperations,
    /// A request is larger than it takes.
    TooLarge,
    /// The revision is too old to be asked for.
    Compacted,
    /// Anything else that it refuses.
    Refused,
}

/// A call that failed.
#[derive(Debug)]
pub(crate) struct Failure {
    fault: Fault,
    cause: Option<Status>,
}

impl Failure {
    pub(crate) fn new(fault: Fault) -> Self {
        Self { fault, cause: None }
    }

    /// What went wrong.
    pub(crate) fn fault(&self) -> Fault {
        self.fault
    }

    /// Whether another member may do better.
    pub(super) fn moves_on(&self) -> bool {
        use Fault::{Broken, NotNow, Silent, Unreachable, Untrusted};
        matches!(self.fault, Unreachable | Untrusted | Broken | Silent | NotNow)
    }

    /// Whether the call certainly changed nothing, so that any call can be sent again.
    pub(super) fn never_sent(&self) -> bool {
        matches!(self.fault, Fault::Unreachable | Fault::Untrusted)
    }

    /// An error that says what was attempted, with its kind, its hint and whether it may pass.
    /// Causes name hosts and keys, never credentials.
    pub(crate) fn error(self, attempt: &str, address: &Address) -> Error {
        let at = |kind, why: &str| {
            Error::new(kind, format!("cannot {attempt} in etcd at {address}: {why}"))
        };
        let error = match self.fault {
            Fault::Unreachable => at(ErrorKind::Unavailable, "the server cannot be reached"),
            Fault::Untrusted => at(ErrorKind::Unavailable, "its certificate is not trusted")
                .with_temporary(false)
                .with_hint("name the file of its authority as `?ca=` in `registry.url`"),
            Fault::Broken => at(ErrorKind::Unavailable, "the connection broke")
                .with_hint("a server that wants TLS has the scheme `etcds:`"),
            Fault::Silent => {
                at(ErrorKind::Timeout, &format!("no answer within {} seconds", TIMEOUT.as_secs()))
            }
            Fault::NotNow => at(ErrorKind::Unavailable, "the cluster cannot answer now"),
            Fault::Credentials => at(ErrorKind::Config, "it refuses the user or the password")
                .with_hint("check user and password in `registry.url`"),
            Fault::NoUser | Fault::Token | Fault::NoUsers => {
                at(ErrorKind::Config, "it wants a user and a password")
                    .with_hint("write them before the host: `etcd://user:password@host`")
            }
            Fault::Denied => at(ErrorKind::Config, "the user may not do this").with_hint(format!(
                "grant the user's role `readwrite` on the prefix {}",
                address.prefix()
            )),
            Fault::NoSpace => at(ErrorKind::Full, "its space is used up (alarm NOSPACE)")
                .with_temporary(true)
                .with_hint(
                    "compact and defragment it or raise `--quota-backend-bytes`, then run \
                     `etcdctl alarm disarm`",
                ),
            Fault::TooManyOperations => {
                at(ErrorKind::Unavailable, "it takes no transaction of this many operations")
                    .with_temporary(false)
                    .with_hint("raise the server's `--max-txn-ops` to its default, 128")
            }
            Fault::TooLarge => at(ErrorKind::TooLarge, "the request is larger than it takes")
                .with_hint("send less metadata, or raise the server's `--max-request-bytes`"),
            Fault::Compacted => at(ErrorKind::Unavailable, "the revision is compacted"),
            Fault::Refused => at(ErrorKind::Unavailable, "the server refuses").with_temporary(
                self.cause.as_ref().is_some_and(|cause| {
                    matches!(cause.code(), Code::ResourceExhausted | Code::Aborted)
                }),
            ),
        };
        match self.cause {
            Some(cause) => error.with_source(told(&cause)),
            None => error,
        }
    }
}

impl From<Status> for Failure {
    fn from(status: Status) -> Self {
        Self { fault: fault_of(&status), cause: Some(status) }
    }
}

/// The fault behind a status. etcd tells some apart by their text alone.
fn fault_of(status: &Status) -> Fault {
    let says = |text: &str| status.message().contains(text);
    // A status with a cause was made here, of a connection that failed.
    if status.source().is_some() {
        let (mut connecting, mut certificate) = (false, false);
        let mut cause = status.source();
        while let Some(found) = cause {
            connecting |= found.is::<ConnectError>();
            certificate |= found.to_string().contains("certificate");
            cause = found.source();
        }
        return match (certificate, connecting) {
            (true, _) => Fault::Untrusted,
            (_, true) => Fault::Unreachable,
            _ => Fault::Broken,
        };
    }
    match status.code() {
        Code::Unauthenticated => Fault::Token,
        Code::InvalidArgument if says("revision of auth store is old") => Fault::Token,
        Code::InvalidArgument if says("authentication failed") => Fault::Credentials,
        Code::InvalidArgument if says("user name is empty") => Fault::NoUser,
        Code::InvalidArgument if says("too many operations") => Fault::TooManyOperations,
        Code::InvalidArgument if says("request is too large") => Fault::TooLarge,
        Code::FailedPrecondition if says("authentication is not enabled") => Fault::NoUsers,
        Code::FailedPrecondition if says("not leader") => Fault::NotNow,
        Code::PermissionDenied => Fault::Denied,
        Code::ResourceExhausted if says("space exceeded") => Fault::NoSpace,
        Code::ResourceExhausted if says("larger than max") => Fault::TooLarge,
        Code::OutOfRange if says("compacted") => Fault::Compacted,
        Code::DeadlineExceeded => Fault::Silent,
        Code::Unavailable => Fault::NotNow,
        Code::Cancelled | Code::Unknown | Code::Internal => Fault::Broken,
        _ => Fault::Refused,
    }
}

/// What a status and its causes say, without the metadata that a status prints too.
fn told(status: &Status) -> String {
    let mut text = status.message().to_owned();
    let mut cause = status.source();
    while let Some(found) = cause {
        let more = found.to_string();
        if !text.contains(&more) {
            text = if text.is_empty() { more } else { format!("{text}: {more}") };
        }
        cause = found.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_servers_say_is_told_apart() {
        for (code, text, fault) in [
            (Code::InvalidArgument, "etcdserver: user name is empty", Fault::NoUser),
            (Code::InvalidArgument, "etcdserver: request is too large", Fault::TooLarge),
            (Code::ResourceExhausted, "etcdserver: mvcc: database space exceeded", Fault::NoSpace),
            (Code::ResourceExhausted, "etcdserver: too many requests", Fault::Refused),
            (Code::Unavailable, "etcdserver: leader changed", Fault::NotNow),
        ] {
            assert_eq!(Failure::from(Status::new(code, text)).fault(), fault, "{text}");
        }
        let address = Address::parse("etcd://me:s3cret@host").unwrap();
        let error = Failure::from(Status::unauthenticated("x")).error("read", &address);
        assert_eq!(
            error.to_string(),
            "cannot read in etcd at host:2379: it wants a user and a password"
        );
        assert!(!format!("{error:?}").contains("s3cret"));
    }
}
