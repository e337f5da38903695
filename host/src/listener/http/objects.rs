//! `/objects/{key}`: put, get, head, delete.

use super::{
    answer, body,
    path::{self, rest},
    problem::{Problem, of_reading},
    query,
};
use crate::node::Node;
use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, Uri},
    response::Response,
};
use framedb_core::{
    Arrival, FailureClass, Kind,
    http::{objects, receipt},
};
use std::sync::Arc;

/// Stores the body under the key of the path, or under one that the node makes.
pub(super) async fn put(
    State(node): State<Arc<Node>>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let arrival = said(&node, objects::arrival(&uri, rest(&uri), &headers))?;
    Ok(ingest(&node, arrival, &headers, body).await)
}

/// What a request says of an object, or why that is refused, which is counted.
pub(super) fn said(node: &Node, arrival: Result<Arrival, Problem>) -> Result<Arrival, Problem> {
    arrival.inspect_err(|_| node.telemetry.refused(FailureClass::Invalid))
}

/// Reads the payload and takes the object in.
pub(super) async fn ingest(
    node: &Node,
    arrival: Arrival,
    headers: &HeaderMap,
    body: Body,
) -> Response {
    let receipt = match body::read(body, headers, node.ingress.admission()).await {
        Ok((data, permit)) => {
            node.ingress.ingest_admitted(Arrival { data, ..arrival }, permit).await
        }
        Err(failure) => node.ingress.refuse(&arrival, failure),
    };
    answer(receipt::answer(&receipt))
}

/// The payload, or the part of it that is asked for.
pub(super) async fn get(
    State(node): State<Arc<Node>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let query::Nothing {} = query::parse(&uri)?;
    let key = path::key(rest(&uri))?;
    let route = node.reader.route(&key).await.map_err(of_reading)?;
    if route.is_some_and(|route| route.kind == Kind::Stream) {
        return Err(objects::is_queue(rest(&uri)));
    }
    let found = node.reader.get(&key).await.map_err(of_reading)?;
    let found = found.ok_or_else(|| objects::absent(&key))?;
    Ok(answer(objects::found(&key, found, &headers)))
}

/// The headers of [`get`], by the route alone: nothing is read or decoded.
pub(super) async fn head(State(node): State<Arc<Node>>, uri: Uri) -> Result<Response, Problem> {
    let query::Nothing {} = query::parse(&uri)?;
    let key = path::key(rest(&uri))?;
    let route = node.reader.route(&key).await.map_err(of_reading)?;
    let route = route.ok_or_else(|| objects::absent(&key))?;
    if route.kind == Kind::Stream {
        return Err(objects::is_queue(rest(&uri)));
    }
    Ok(answer(objects::known(&route)))
}

/// Removes what has the key: an object, or a queue with all its elements.
pub(super) async fn delete(State(node): State<Arc<Node>>, uri: Uri) -> Result<Response, Problem> {
    let query::Nothing {} = query::parse(&uri)?;
    let key = path::key(rest(&uri))?;
    if node.reader.delete(&key).await.map_err(of_reading)? {
        return Ok(answer(objects::deleted(&key)));
    }
    Err(objects::absent(&key))
}
