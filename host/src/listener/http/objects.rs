//! `/objects/{key}`: put, get, head, delete.

use super::{
    body, headers,
    path::{self, rest},
    problem::Problem,
    query,
    range::{self, Part},
    receipt,
};
use crate::{
    node::Node,
    pipeline::{Arrival, refused},
};
use axum::{
    Json,
    body::Body,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use framedb_core::{Kind, Route};
use serde_json::json;
use std::sync::Arc;

/// Stores the body under the key of the path, or under one that the node makes.
pub(super) async fn put(
    State(node): State<Arc<Node>>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let arrival = arrival(&uri, rest(&uri), &headers)?;
    ingest(&node, arrival, &headers, body).await
}

/// What a request says of an object, without its payload.
pub(super) fn arrival(uri: &Uri, key: &str, headers: &HeaderMap) -> Result<Arrival, Problem> {
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

/// Reads the payload and takes the object in.
pub(super) async fn ingest(
    node: &Node,
    arrival: Arrival,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let receipt = match body::read(body, headers, node.ingress.admission()).await {
        Ok((data, permit)) => {
            node.ingress.ingest_admitted(Arrival { data, ..arrival }, permit).await
        }
        Err(failure) => refused(&arrival, failure),
    };
    Ok(receipt::respond(&receipt))
}

/// The payload, or the part of it that is asked for.
pub(super) async fn get(
    State(node): State<Arc<Node>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let query::Nothing {} = query::parse(&uri)?;
    let key = path::key(rest(&uri))?;
    let route = node.reader.route(&key).await.map_err(Problem::of_reading)?;
    if route.is_some_and(|route| route.kind == Kind::Stream) {
        return Err(is_queue(rest(&uri)));
    }
    let found = node.reader.get(&key).await.map_err(Problem::of_reading)?;
    let found = found.ok_or_else(|| no_object(&key))?;
    let mut answer = of_object(&found.route);
    answer.insert(headers::FRAMEDB_ID, headers::encode(&found.framedb_id));
    if found.foreign {
        answer.insert(headers::FOREIGN, HeaderValue::from_static("true"));
        answer.remove(headers::CODEC);
    }
    let size = found.data.len();
    match range::part(&headers, size) {
        Part::Whole => Ok((answer, found.data).into_response()),
        Part::Bytes(part) => {
            let last = part.end.saturating_sub(1);
            insert(&mut answer, format!("bytes {}-{last}/{size}", part.start));
            Ok((StatusCode::PARTIAL_CONTENT, answer, found.data.slice(part)).into_response())
        }
        Part::Unsatisfiable => {
            let error = format_args!("`{key}` has {size} bytes, none of them in this range");
            let problem = Problem::new(StatusCode::RANGE_NOT_SATISFIABLE, "range", error);
            let mut answer = HeaderMap::new();
            insert(&mut answer, format!("bytes */{size}"));
            Ok((answer, problem).into_response())
        }
    }
}

/// The headers of [`get`], by the route alone: nothing is read or decoded.
pub(super) async fn head(State(node): State<Arc<Node>>, uri: Uri) -> Result<Response, Problem> {
    let query::Nothing {} = query::parse(&uri)?;
    let key = path::key(rest(&uri))?;
    let route = node.reader.route(&key).await.map_err(Problem::of_reading)?;
    let route = route.ok_or_else(|| no_object(&key))?;
    if route.kind == Kind::Stream {
        return Err(is_queue(rest(&uri)));
    }
    let mut answer = of_object(&route);
    if let Some(size) = route.size {
        answer.insert(header::CONTENT_LENGTH, size.into());
    }
    Ok((answer, Body::empty()).into_response())
}

/// Removes what has the key: an object, or a queue with all its elements.
pub(super) async fn delete(State(node): State<Arc<Node>>, uri: Uri) -> Result<Response, Problem> {
    let query::Nothing {} = query::parse(&uri)?;
    let key = path::key(rest(&uri))?;
    if node.reader.delete(&key).await.map_err(Problem::of_reading)? {
        return Ok(Json(json!({ "success": true, "key": key })).into_response());
    }
    Err(no_object(&key))
}

fn of_object(route: &Route) -> HeaderMap {
    let mut answer = headers::of_route(route);
    answer.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    if let Some(record) = &route.codec {
        answer.insert(headers::CODEC, headers::encode(&record.codec.format.to_string()));
    }
    answer
}

fn insert(answer: &mut HeaderMap, content_range: String) {
    if let Ok(value) = HeaderValue::try_from(content_range) {
        answer.insert(header::CONTENT_RANGE, value);
    }
}

fn no_object(key: &framedb_core::Key) -> Problem {
    Problem::not_found(format_args!("there is no object `{key}`"))
}

fn is_queue(raw: &str) -> Problem {
    Problem::conflict(format_args!(
        "this is a queue, which is not read by key: take its oldest element with POST \
         /streams/{raw}/pop"
    ))
    .with_hint("or with /lease, then /ack")
}
