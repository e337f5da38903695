//! `Problem`: every failed answer, a JSON object whatever the status; here the node's own errors
//! become problems.

use crate::{Error, ErrorKind};
use axum::http::StatusCode;

pub(super) use framedb_core::http::Problem;

/// An error on the way to what was stored: of the node or its engines, not of the request.
pub(super) fn of_reading(error: Error) -> Problem {
    let ours = matches!(error.kind(), ErrorKind::Invalid | ErrorKind::NotFound);
    let problem = Problem::from(error);
    if ours { problem.with_status(StatusCode::INTERNAL_SERVER_ERROR) } else { problem }
}

/// A path of a service that this node does not offer.
pub(super) fn switched_off(service: &str) -> Problem {
    let error = format_args!("the {service} service is switched off on this node");
    Problem::new(StatusCode::NOT_FOUND, "switched-off", error)
        .with_hint(format!("`services.{service} = true` in its configuration switches it on"))
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let (status, class) = match error.kind() {
            ErrorKind::Invalid => (StatusCode::BAD_REQUEST, "invalid"),
            ErrorKind::NotFound => (StatusCode::NOT_FOUND, "not-found"),
            ErrorKind::Conflict => (StatusCode::CONFLICT, "conflict"),
            ErrorKind::Denied => (StatusCode::INTERNAL_SERVER_ERROR, "denied"),
            ErrorKind::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "too-large"),
            ErrorKind::Full => (StatusCode::INSUFFICIENT_STORAGE, "full"),
            ErrorKind::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
            ErrorKind::Timeout => (StatusCode::GATEWAY_TIMEOUT, "timeout"),
            ErrorKind::Corrupt => (StatusCode::INTERNAL_SERVER_ERROR, "corrupt"),
            ErrorKind::Config => (StatusCode::INTERNAL_SERVER_ERROR, "config"),
            ErrorKind::Plugin => (StatusCode::INTERNAL_SERVER_ERROR, "plugin"),
        };
        let problem = Self::new(status, class, error.chain());
        match error.hint() {
            Some(hint) => problem.with_hint(hint),
            None => problem,
        }
    }
}
