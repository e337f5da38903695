//! The words of `framedb.ObjectService`: how outcomes read to existing clients.
//!
//! Follows section 2 of the wire contract to the letter: application failures are answers with
//! `success` or `found` false, never gRPC errors; every message of a set ends in ` (key=…)`.

use crate::{FailureClass, Key, Kind, Outcome, Route, Stage};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use std::fmt;

/// What a default client receives at most: gRPC's own limit of 4 MiB on a message.
const CLIENT_LIMIT: usize = 4 << 20;

/// What a reply has beside the payload and the metadata: key, ids, message, field headers.
const REPLY_OVERHEAD: usize = 2 << 10;

/// The message of a read that found its object.
pub const RETRIEVED: &str = "Object retrieved successfully";

/// The message of a set about `key`.
#[must_use]
pub fn about(message: impl fmt::Display, key: &str) -> String {
    format!("{message} (key={key})")
}

/// A type that is none of the three.
#[must_use]
pub fn unsupported(kind: &str) -> String {
    format!("Unsupported type: {kind}")
}

/// What became of an object that was set.
#[must_use]
pub fn set(outcome: &Outcome) -> String {
    let Outcome::Failed(failure) = outcome else { return outcome.message() };
    let told = failure.told();
    match (failure.class, failure.stage) {
        (FailureClass::Unknown, _) => told,
        (_, Stage::Sink) => format!("Write failed: {told}"),
        (_, Stage::Registration) => format!("Routing registration failed: {told}"),
        _ => told,
    }
}

/// Nothing has the key that was asked for.
#[must_use]
pub fn not_found(asked: &str) -> String {
    format!("Object/stream '{asked}' not found in routing service")
}

/// The registry could not be asked.
#[must_use]
pub fn lookup_failed(why: impl fmt::Display) -> String {
    format!("Routing lookup failed: {why}")
}

/// The data could not be read.
#[must_use]
pub fn read_failed(why: impl fmt::Display) -> String {
    format!("Data read failed: {why}")
}

/// A route leads to nothing, or to an empty queue.
#[must_use]
pub fn no_data(asked: &str) -> String {
    format!("No data found for key '{asked}'")
}

/// Bytes of payload that a default client can receive in the answer about a route.
#[must_use]
pub fn room(route: &Route, asked: &str) -> usize {
    (CLIENT_LIMIT - REPLY_OVERHEAD).saturating_sub(route.metadata.len() + asked.len())
}

/// Metadata as the answer has it: absent metadata is an empty JSON object.
#[must_use]
pub fn metadata(route: &Route) -> String {
    match &*route.metadata {
        "" => "{}".to_owned(),
        metadata => metadata.to_owned(),
    }
}

/// Says where an object that default clients could not receive can be read; `what` names it and
/// its size.
#[must_use]
pub fn too_large(what: &str, key: &Key, kind: Kind) -> String {
    let name = utf8_percent_encode(key.as_str(), NON_ALPHANUMERIC);
    let path = match kind {
        Kind::Stream => format!("POST /streams/{name}/pop"),
        _ => format!("GET /objects/{name}"),
    };
    format!(
        "{what}, more than the 4 MiB that gRPC clients receive by default: use {path} over HTTP"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Failure;

    #[test]
    fn failures_say_where_they_happened() {
        let failed = |class, stage| set(&Outcome::Failed(Failure::new(class, stage, "down")));
        let unavailable = FailureClass::Unavailable;
        assert_eq!(failed(unavailable, Stage::Sink), "Write failed: down");
        assert_eq!(failed(unavailable, Stage::Registration), "Routing registration failed: down");
        assert_eq!(failed(FailureClass::Reject, Stage::Ingest), "down");
        assert_eq!(failed(FailureClass::Unknown, Stage::Sink), "down");
        assert_eq!(
            about(set(&Outcome::Stored), "k"),
            "Object stored and routed successfully (key=k)"
        );
    }

    #[test]
    fn what_is_too_large_names_its_path() {
        let told = too_large("`a/b` has 5 bytes", &Key::new("a/b").unwrap(), Kind::Stream);
        assert!(told.contains("POST /streams/a%2Fb/pop"), "{told}");
    }
}
