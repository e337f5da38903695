//! What plugins are told of failures: which key or instance, and what kind of failure. The
//! node's own errors name addresses, which plugins do not see.

use crate::{Error, ErrorKind, plugin::framedb::Unserved};
use framedb_core::{Failure, FailureClass};
use std::fmt::Display;

/// What a plugin is told of an error about a key or an instance.
pub(super) fn because(error: &Error, what: &str) -> Unserved {
    tracing::debug!(what, error = error.chain(), "a plugin's call failed");
    match error.kind() {
        ErrorKind::Invalid => Unserved::Invalid(format!("this cannot be done with `{what}`")),
        ErrorKind::TooLarge => Unserved::Invalid(format!("`{what}` is too large")),
        ErrorKind::NotFound => Unserved::NotFound(format!("there is no `{what}`")),
        ErrorKind::Conflict => {
            Unserved::Busy(format!("`{what}` was changed by somebody else meanwhile"))
        }
        ErrorKind::Full => Unserved::Busy(format!("there is no room for `{what}`")),
        ErrorKind::Unavailable => {
            Unserved::Unavailable(format!("the instance or registry of `{what}` cannot be used"))
        }
        ErrorKind::Timeout => late(what),
        ErrorKind::Corrupt => {
            Unserved::Other(format!("what is stored as `{what}` is not readable"))
        }
        ErrorKind::Config | ErrorKind::Plugin | ErrorKind::Denied => {
            Unserved::Other(format!("the node cannot serve `{what}`"))
        }
    }
}

/// Somebody did not answer in time.
pub(super) fn late(what: impl Display) -> Unserved {
    Unserved::Unavailable(format!("the instance or registry of `{what}` did not answer in time"))
}

/// What a plugin is told when there is no room.
pub(super) fn of_admission(failure: Failure) -> Unserved {
    match failure.class {
        FailureClass::TooLarge => Unserved::Invalid(failure.message),
        _ => Unserved::Busy(failure.message),
    }
}
