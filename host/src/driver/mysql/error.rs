//! Errors of servers and connections, by what they say about the work that failed.

use super::address::Address;
use crate::{Error, ErrorKind};
use mysql_async::{DriverError, Error as Cause, IoError};

/// What a failure says about the statement that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Another transaction was in the way: the same statement may succeed next time.
    Repeat,
    /// The connection ended: the same statement may succeed on another one.
    Lost,
    /// The server refuses these rows, or this statement.
    Rows,
    /// The server refuses every such statement, or is not there.
    Server,
}

/// The error of a user who may do nothing in a database, nor create it.
const NO_DATABASE_RIGHT: u16 = 1044;

/// The error of a row that would take another key's place (`framedb_core::sql::replace`).
const OTHER_KEY: u16 = 1365;

/// The errors of a user who may not do this: for a table, a column, in general, or a routine.
const NO_RIGHT: [u16; 4] = [1142, 1143, 1227, 1370];

/// A failed piece of work.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) fault: Fault,
    /// The number that the server gives the error, where it was the server's.
    pub(super) code: Option<u16>,
    pub(crate) error: Error,
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        failure.error
    }
}

impl Failure {
    /// Whether the server says that the user has not the right to.
    pub(super) fn lacks_right(&self) -> bool {
        self.code.is_some_and(|code| code == NO_DATABASE_RIGHT || NO_RIGHT.contains(&code))
    }

    /// Whether it is the server's own answer, and no failure to get one.
    pub(super) fn is_answer(&self) -> bool {
        self.code.is_some()
    }

    /// The work, say `write objects`, did not end in time.
    pub(super) fn late(work: &str, address: &Address) -> Self {
        let server = address.server();
        let message = format!("cannot {work} at {server}: the server did not answer in time");
        Self::from(Error::new(ErrorKind::Timeout, message))
    }

    /// The work, say `write objects`, takes more than the server does at once.
    pub(super) fn too_large(work: &str, address: &Address) -> Self {
        Self { fault: Fault::Rows, code: None, error: too_large(work, address) }
    }

    /// The same failure, of the first words with a server: one of another protocol has none.
    pub(super) fn silent(self) -> Self {
        match self.error.kind() {
            ErrorKind::Timeout => {
                let hint = "check host and port: what listens there may be no MySQL server";
                Self { error: self.error.with_hint(hint), ..self }
            }
            _ => self,
        }
    }

    /// The same failure, of work that had not begun.
    pub(super) fn untouched(self) -> Self {
        Self { error: self.error.with_untouched(true), ..self }
    }

    /// The work, say `write objects`, failed.
    pub(super) fn new(work: &str, address: &Address, cause: Cause) -> Self {
        let (fault, error) = match &cause {
            Cause::Server(server) => of_server(server.code, work, address),
            Cause::Io(IoError::Tls(_)) => (Fault::Server, untrusted(work, address)),
            // The handshake of rustls reports its errors through the stream it runs on.
            Cause::Io(IoError::Io(io)) if io.kind() == std::io::ErrorKind::InvalidData => {
                (Fault::Server, untrusted(work, address))
            }
            Cause::Io(_) | Cause::Driver(DriverError::ConnectionClosed) => {
                let message = format!("cannot {work}: no connection to {}", address.server());
                let error = Error::new(ErrorKind::Unavailable, message);
                (Fault::Lost, error.with_untouched(is_refusal(&cause)))
            }
            Cause::Driver(DriverError::PacketTooLarge) => (Fault::Rows, too_large(work, address)),
            Cause::Driver(DriverError::NoClientSslFlagFromServer) => {
                let server = address.server();
                let message = format!("cannot {work}: {server} does not encrypt connections");
                (Fault::Server, Error::new(ErrorKind::Config, message))
            }
            _ => {
                let message = format!("cannot {work} at {address}");
                (Fault::Server, Error::new(ErrorKind::Unavailable, message))
            }
        };
        let code = match &cause {
            Cause::Server(server) => Some(server.code),
            _ => None,
        };
        // How a statement finds out what it refuses is of no use to anybody.
        let error = if code == Some(OTHER_KEY) { error } else { error.with_source(bare(cause)) };
        Self { fault, code, error }
    }
}

/// A failure that nothing in the rows, and no other connection, would change.
impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { fault: Fault::Server, code: None, error }
    }
}

/// Whether nobody listens there, so that nothing was sent.
fn is_refusal(cause: &Cause) -> bool {
    use std::io::ErrorKind::ConnectionRefused;
    matches!(cause, Cause::Io(IoError::Io(io)) if io.kind() == ConnectionRefused)
}

/// The cause without the client library's words around it, which repeat it.
fn bare(cause: Cause) -> Box<dyn std::error::Error + Send + Sync> {
    match cause {
        Cause::Io(IoError::Io(io)) => io.into(),
        Cause::Io(IoError::Tls(tls)) => tls.into(),
        Cause::Server(server) => server.into(),
        Cause::Driver(driver) => driver.into(),
        Cause::Url(url) => url.into(),
        Cause::Other(other) => other,
    }
}

/// By the numbers that servers give errors.
fn of_server(code: u16, work: &str, address: &Address) -> (Fault, Error) {
    let (server, user, database) = (address.server(), address.user(), &address.database);
    let refused = |message: String, hint: &str| {
        (Fault::Server, Error::new(ErrorKind::Config, message).with_hint(hint))
    };
    match code {
        1213 | 1205 | 8002 | 8022 | 9007 => {
            let message = format!("cannot {work} at {address}: other transactions are in the way");
            let error = Error::new(ErrorKind::Conflict, message).with_temporary(true);
            (Fault::Repeat, error)
        }
        1045 | 1698 => refused(
            format!("cannot {work}: {server} denies access to the user {user:?}"),
            "check the user and the password in its URL",
        ),
        1049 => {
            let message = format!("cannot {work}: there is no database {database:?} at {server}");
            let error = Error::new(ErrorKind::Unavailable, message).with_untouched(true);
            (Fault::Server, error.with_hint("the node makes it when it starts"))
        }
        1044 => refused(
            format!("cannot {work}: {user:?} may neither use nor create {database:?} at {server}"),
            "create the database, or grant the user its rights",
        ),
        code if NO_RIGHT.contains(&code) => {
            let message = format!("cannot {work}: {user:?} has not the right to at {address}");
            let error = Error::new(ErrorKind::Denied, message)
                .with_hint("grant CREATE, SELECT, INSERT, UPDATE and DELETE on the database");
            (Fault::Server, error)
        }
        1290 | 1792 | 1836 | 8247 => {
            let message = format!("cannot {work}: {server} is read-only");
            (Fault::Server, Error::new(ErrorKind::Unavailable, message).with_untouched(true))
        }
        1153 | 8025 => (Fault::Rows, too_large(work, address)),
        1406 => {
            let message = format!("cannot {work} at {address}: longer than a column takes");
            let error = Error::new(ErrorKind::TooLarge, message).with_hint(
                "make the column `key` of `data_table` a VARCHAR(255) and `data` a LONGBLOB",
            );
            (Fault::Rows, error)
        }
        OTHER_KEY => {
            let message = format!(
                "cannot {work} at {address}: the table takes the key for another that it has"
            );
            let error = Error::new(ErrorKind::Conflict, message).with_hint(
                "use a key that differs in more than case, accents or spaces at its end, or give the \
                 column `key` of `data_table` a collation that ends with `_bin`",
            );
            (Fault::Rows, error)
        }
        // A text that the column's character set has not, a check, a trigger.
        1062 | 1264 | 1366 | 1644 | 3819 | 4025 => {
            let message = format!("cannot {work} at {address}: the table does not take it");
            (Fault::Rows, Error::new(ErrorKind::Invalid, message))
        }
        1021 | 1114 => {
            let message = format!("cannot {work}: there is no room at {address}");
            (Fault::Server, Error::new(ErrorKind::Full, message))
        }
        1146 => {
            let message = format!("cannot {work} at {address}: a table is missing");
            let error = Error::new(ErrorKind::Unavailable, message).with_untouched(true);
            (Fault::Server, error.with_hint("the node makes its tables when it starts"))
        }
        // Too many connections, a shutdown: nothing that rows could change.
        1040 | 1053 | 1203 | 1226 | 2013 | 9001..=9005 => {
            let message = format!("cannot {work} at {address}");
            let error = Error::new(ErrorKind::Unavailable, message);
            (Fault::Server, error.with_untouched(matches!(code, 1040 | 1203 | 1226)))
        }
        _ => {
            let message = format!("cannot {work} at {address}: the server refuses it");
            (Fault::Rows, Error::new(ErrorKind::Unavailable, message).with_temporary(false))
        }
    }
}

fn too_large(work: &str, address: &Address) -> Error {
    let message =
        format!("cannot {work}: more than the `max_allowed_packet` of {}", address.server());
    Error::new(ErrorKind::TooLarge, message).with_hint("raise its `max_allowed_packet`")
}

fn untrusted(work: &str, address: &Address) -> Error {
    let message = format!("cannot {work}: no trusted connection to {}", address.server());
    Error::new(ErrorKind::Unavailable, message)
        .with_temporary(false)
        .with_hint("name the certificate to trust as `ssl-ca` in its URL")
}
