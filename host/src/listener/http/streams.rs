//! `/streams/{queue}`: push, pop, lease, ack, nack, extend, length, delete.

use super::{
    answer, objects,
    path::{self, Action, rest},
    problem::{Problem, of_reading},
    query,
};
use crate::{node::Node, reader::Element};
use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, Uri},
    response::Response,
};
use framedb_core::{Kind, http::streams};
use std::sync::Arc;

/// Pushes the body, or does what the last segment of the path says.
pub(super) async fn post(
    State(node): State<Arc<Node>>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let (queue, action) = path::action(rest(&uri));
    if action == Action::Push {
        let arrival = objects::said(&node, streams::arrival(&uri, queue, &headers))?;
        return Ok(objects::ingest(&node, arrival, &headers, body).await);
    }
    let key = path::key(queue)?;
    match action {
        Action::Push | Action::Pop => {
            let query::Nothing {} = query::parse(&uri)?;
            let popped = node.reader.pop(&key, None).await.map_err(of_reading)?;
            Ok(answer(popped.map_or_else(streams::empty, |element| handed_out(element, false))))
        }
        Action::Lease => {
            let period = query::parse::<query::Lease>(&uri)?.without_token()?.period()?;
            let leased = node.reader.lease(&key, period, None).await.map_err(of_reading)?;
            Ok(answer(leased.map_or_else(streams::empty, |element| handed_out(element, true))))
        }
        Action::Ack => {
            let lease = query::parse::<query::Lease>(&uri)?.without_period()?;
            let in_time = node.reader.ack(&key, lease.token()?).await.map_err(of_reading)?;
            streams::ended(&key, in_time).map(answer)
        }
        Action::Nack => {
            let lease = query::parse::<query::Lease>(&uri)?.without_period()?;
            let in_time = node.reader.nack(&key, lease.token()?).await.map_err(of_reading)?;
            streams::ended(&key, in_time).map(answer)
        }
        Action::Extend => {
            let lease = query::parse::<query::Lease>(&uri)?;
            let extended = node.reader.extend(&key, lease.token()?, lease.period()?).await;
            streams::ended(&key, extended.map_err(of_reading)?).map(answer)
        }
    }
}

/// How many elements wait, and how many are leased.
pub(super) async fn length(State(node): State<Arc<Node>>, uri: Uri) -> Result<Response, Problem> {
    let query::Nothing {} = query::parse(&uri)?;
    let queue = path::key(rest(&uri))?;
    let length = node.reader.length(&queue).await.map_err(of_reading)?;
    Ok(answer(streams::length(&queue, length.ready, length.leased)))
}

/// Removes a queue with all its elements.
pub(super) async fn delete(State(node): State<Arc<Node>>, uri: Uri) -> Result<Response, Problem> {
    let query::Nothing {} = query::parse(&uri)?;
    let queue = path::key(rest(&uri))?;
    let route = node.reader.route(&queue).await.map_err(of_reading)?;
    if route.is_some_and(|route| route.kind != Kind::Stream) {
        return Err(streams::is_object(&queue));
    }
    if node.reader.delete(&queue).await.map_err(of_reading)? {
        return Ok(answer(streams::deleted(&queue)));
    }
    Err(streams::absent(&queue))
}

fn handed_out(element: Element, leased: bool) -> framedb_core::http::Answer {
    let Element { data, token, deliveries, route } = element;
    streams::handed_out(&route, data, deliveries, leased.then_some(&*token))
}
