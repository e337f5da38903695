//! `/streams/{queue}`: what a push says, and how the answers read.

use super::{Answer, Problem, headers, json, objects};
use crate::{Arrival, Key, Kind, Route};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, Uri};
use serde_json::json;

/// What a push says of its element, without its payload; `queue` is the raw name of its path.
///
/// # Errors
///
/// When the query or a header is wrong, or asks for an object.
pub fn arrival(uri: &Uri, queue: &str, headers: &HeaderMap) -> Result<Arrival, Problem> {
    let mut arrival = objects::arrival(uri, queue, headers)?;
    match arrival.kind {
        None | Some(Kind::Stream) => arrival.kind = Some(Kind::Stream),
        Some(other) => {
            return Err(Problem::invalid(format_args!("type={other} is not for a queue"))
                .with_hint("store objects with PUT /objects/{key}"));
        }
    }
    Ok(arrival)
}

/// An element with what is known of it, and with its token where it is on lease.
#[must_use]
pub fn handed_out(route: &Route, data: Bytes, deliveries: u32, token: Option<&str>) -> Answer {
    let mut answer = Answer::new(data);
    let mut said = headers::of_route(route);
    said.insert(headers::DELIVERIES, deliveries.into());
    if let Some(token) = token {
        said.insert(headers::TOKEN, headers::encode(token));
    }
    *answer.headers_mut() = said;
    answer
}

/// The queue has no element to hand out.
#[must_use]
pub fn empty() -> Answer {
    let mut answer = Answer::new(Bytes::new());
    *answer.status_mut() = StatusCode::NO_CONTENT;
    answer
}

/// The answer about a lease: changed `in_time`, or ended before.
///
/// # Errors
///
/// A conflict when the lease has ended.
pub fn ended(queue: &Key, in_time: bool) -> Result<Answer, Problem> {
    if in_time {
        return Ok(json(StatusCode::OK, &json!({ "success": true, "queue": queue })));
    }
    Err(Problem::conflict(format_args!("the lease on an element of `{queue}` has ended"))
        .with_hint("the element went back to the oldest end, or was acknowledged before"))
}

/// How many elements wait, and how many are leased.
#[must_use]
pub fn length(queue: &Key, ready: u64, leased: u64) -> Answer {
    let body = json!({ "success": true, "queue": queue, "ready": ready, "leased": leased });
    json(StatusCode::OK, &body)
}

/// The answer to a delete, of what was there.
#[must_use]
pub fn deleted(queue: &Key) -> Answer {
    json(StatusCode::OK, &json!({ "success": true, "queue": queue }))
}

/// Nothing has the name.
#[must_use]
pub fn absent(queue: &Key) -> Problem {
    Problem::not_found(format_args!("there is no queue `{queue}`"))
}

/// An object was to be deleted as a queue.
#[must_use]
pub fn is_object(key: &Key) -> Problem {
    Problem::conflict(format_args!("`{key}` is an object, not a queue"))
        .with_hint("remove it with DELETE /objects/{key}")
}
