//! What the errors of Redis mean.

use super::{Address, connection::TIMEOUT};
use crate::{Error, ErrorKind};
use redis::{ErrorKind as Cause, RedisError};

/// An error that says what was attempted at a server, with its kind, its hint and whether it
/// may pass, by its cause. Causes name commands and hosts, never credentials.
pub(crate) fn failed(attempt: &str, address: &Address, cause: RedisError) -> Error {
    let at = |kind, why: &str| {
        Error::new(kind, format!("cannot {attempt} in Redis at {address}: {why}"))
    };
    let text = cause.to_string();
    // Older servers pass the errors of a script's commands on as text.
    let is = |code: &str| cause.code() == Some(code) || text.contains(code);
    let error = if cause.kind() == Cause::AuthenticationFailed || is("NOAUTH") || is("WRONGPASS") {
        at(ErrorKind::Config, "the server refuses the password, or wants one")
            .with_hint("check user and password in the instance's `url`")
    } else if is("DB index is out of range") {
        at(ErrorKind::Config, &format!("it has no database {}", address.database())).with_hint(
            "correct the number at the end of the instance's `url`, or raise `databases`",
        )
    } else if is("NOPERM") {
        at(ErrorKind::Config, "its access list does not let the user run a command")
            .with_hint("grant it to the user with `ACL SETUSER`")
    } else if is("WRONGTYPE") {
        at(ErrorKind::Invalid, "the key holds another type")
            .with_hint("objects and queues of an instance share their names: remove the other one")
    } else if is("OOM") {
        at(ErrorKind::Full, "its memory is full")
            .with_temporary(true)
            .with_hint("raise `maxmemory`, or let the server evict")
    } else if is("READONLY") {
        at(ErrorKind::Unavailable, "it is a read-only replica")
            .with_hint("use the address of the primary")
    } else if cause.is_timeout() {
        at(ErrorKind::Timeout, &format!("no answer within {} seconds", TIMEOUT.as_secs()))
    } else if text.contains("certificate") {
        at(ErrorKind::Unavailable, "its certificate is not trusted")
            .with_temporary(false)
            .with_hint("add its authority to the system's, or name a file of authorities in `SSL_CERT_FILE`")
    } else if cause.is_io_error() {
        at(ErrorKind::Unavailable, "the server cannot be reached")
    } else {
        // Loading, failing over, a script that runs too long: servers say so and recover.
        let temporary = !matches!(
            cause.kind(),
            Cause::Server(
                redis::ServerErrorKind::ResponseError | redis::ServerErrorKind::CrossSlot
            ) | Cause::InvalidClientConfig
                | Cause::UnexpectedReturnType
        );
        at(ErrorKind::Unavailable, "the server refuses").with_temporary(temporary)
    };
    error.with_source(cause)
}
