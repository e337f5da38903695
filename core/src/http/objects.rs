//! `/objects/{key}`: what a request says of an object, and how the answers read.

use super::{
    Answer, Problem, headers, json, path, query,
    range::{self, Part},
};
use crate::{Arrival, Key, Kind, Route};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use serde_json::json;

/// An object that was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// Where it is, and what is known of it.
    pub route: Route,
    /// The instance that it was read from: the route's, or that of a copy.
    pub framedb_id: std::sync::Arc<str>,
    /// The kind that it has there.
    pub kind: Kind,
    /// Its payload.
    pub data: Bytes,
    /// Whether the bytes are a foreign writer's, returned as they are.
    pub foreign: bool,
}

/// What a request says of an object, without its payload; `key` is the raw one of its path.
///
/// # Errors
///
/// When the query or a header is wrong.
pub fn arrival(uri: &Uri, key: &str, headers: &HeaderMap) -> Result<Arrival, Problem> {
    let query: query::Put = query::parse(uri)?;
    Ok(Arrival {
        id: headers::text(headers, &headers::IDEMPOTENCY_KEY)?,
        key: path::decode(key),
        source: headers::text(headers, &headers::SOURCE)?,
        kind: query::kind(&query.kind)?,
        framedb_id: query.framedb_id,
        content_type: headers::text(headers, &header::CONTENT_TYPE)?,
        metadata: headers::decoded(headers, &headers::METADATA)?,
        data: Bytes::new(),
    })
}

/// The payload, or the part of it that the request's headers ask for.
#[must_use]
pub fn found(key: &Key, found: Found, asked: &HeaderMap) -> Answer {
    let mut said = of_object(&found.route);
    said.insert(headers::FRAMEDB_ID, headers::encode(&found.framedb_id));
    said.insert(headers::TYPE, HeaderValue::from_static(found.kind.as_str()));
    if found.foreign {
        said.insert(headers::FOREIGN, HeaderValue::from_static("true"));
        said.remove(headers::CODEC);
    }
    let size = found.data.len();
    let (status, data) = match range::part(asked, size) {
        Part::Whole => (StatusCode::OK, found.data),
        Part::Bytes(part) => {
            let last = part.end.saturating_sub(1);
            insert_range(&mut said, format!("bytes {}-{last}/{size}", part.start));
            (StatusCode::PARTIAL_CONTENT, found.data.slice(part))
        }
        Part::Unsatisfiable => {
            let error = format_args!("`{key}` has {size} bytes, none of them in this range");
            let problem = Problem::new(StatusCode::RANGE_NOT_SATISFIABLE, "range", error);
            let mut answer = problem.into_answer();
            insert_range(answer.headers_mut(), format!("bytes */{size}"));
            return answer;
        }
    };
    let mut answer = Answer::new(data);
    *answer.status_mut() = status;
    *answer.headers_mut() = said;
    answer
}

/// The headers of [`found`], by the route alone.
#[must_use]
pub fn known(route: &Route) -> Answer {
    let mut answer = Answer::new(Bytes::new());
    *answer.headers_mut() = of_object(route);
    if let Some(size) = route.size {
        answer.headers_mut().insert(header::CONTENT_LENGTH, size.into());
    }
    answer
}

/// The answer to a delete, of what was there.
#[must_use]
pub fn deleted(key: &Key) -> Answer {
    json(StatusCode::OK, &json!({ "success": true, "key": key }))
}

/// Nothing has the key.
#[must_use]
pub fn absent(key: &Key) -> Problem {
    Problem::not_found(format_args!("there is no object `{key}`"))
}

/// A queue was asked for as an object; `raw` is its name as the path has it.
#[must_use]
pub fn is_queue(raw: &str) -> Problem {
    Problem::conflict(format_args!(
        "this is a queue, which is not read by key: take its oldest element with POST \
         /streams/{raw}/pop"
    ))
    .with_hint("or with /lease, then /ack")
}

fn of_object(route: &Route) -> HeaderMap {
    let mut said = headers::of_route(route);
    said.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    if let Some(record) = &route.codec {
        said.insert(headers::CODEC, headers::encode(&record.codec.format.to_string()));
    }
    said
}

fn insert_range(headers: &mut HeaderMap, range: String) {
    if let Ok(value) = HeaderValue::try_from(range) {
        headers.insert(header::CONTENT_RANGE, value);
    }
}
