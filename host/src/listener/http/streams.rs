//! `/streams/{queue}`: push, pop, lease, ack, nack, extend, length, delete.

use super::{
    headers, objects,
    path::{self, Action, rest},
    problem::Problem,
    query,
};
use crate::{node::Node, reader::Element};
use axum::{
    Json,
    body::Body,
    extract::State,
    http::{HeaderMap, StatusCode, Uri},
    response::{IntoResponse, Response},
};
use framedb_core::{Key, Kind};
use serde_json::{Value, json};
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
        return push(&node, &uri, queue, &headers, body).await;
    }
    let key = path::key(queue)?;
    match action {
        Action::Push | Action::Pop => {
            let query::Nothing {} = query::parse(&uri)?;
            let popped = node.reader.pop(&key, None).await.map_err(of_queue)?;
            Ok(popped.map_or_else(empty, |element| handed_out(element, false)))
        }
        Action::Lease => {
            let period = query::parse::<query::Lease>(&uri)?.without_token()?.period()?;
            let leased = node.reader.lease(&key, period, None).await.map_err(of_queue)?;
            Ok(leased.map_or_else(empty, |element| handed_out(element, true)))
        }
        Action::Ack => {
            let lease = query::parse::<query::Lease>(&uri)?.without_period()?;
            ended(&key, node.reader.ack(&key, lease.token()?).await.map_err(of_queue)?)
        }
        Action::Nack => {
            let lease = query::parse::<query::Lease>(&uri)?.without_period()?;
            ended(&key, node.reader.nack(&key, lease.token()?).await.map_err(of_queue)?)
        }
        Action::Extend => {
            let lease = query::parse::<query::Lease>(&uri)?;
            let extended = node.reader.extend(&key, lease.token()?, lease.period()?).await;
            ended(&key, extended.map_err(of_queue)?)
        }
    }
}

async fn push(
    node: &Node,
    uri: &Uri,
    queue: &str,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let mut arrival = objects::arrival(uri, queue, headers)?;
    match arrival.kind {
        None | Some(Kind::Stream) => arrival.kind = Some(Kind::Stream),
        Some(other) => {
            return Err(Problem::invalid(format_args!("type={other} is not for a queue"))
                .with_hint("store objects with PUT /objects/{key}"));
        }
    }
    objects::ingest(node, arrival, headers, body).await
}

/// How many elements wait, and how many are leased.
pub(super) async fn length(
    State(node): State<Arc<Node>>,
    uri: Uri,
) -> Result<Json<Value>, Problem> {
    let query::Nothing {} = query::parse(&uri)?;
    let queue = path::key(rest(&uri))?;
    let length = node.reader.length(&queue).await.map_err(of_queue)?;
    let (ready, leased) = (length.ready, length.leased);
    Ok(Json(json!({ "success": true, "queue": queue, "ready": ready, "leased": leased })))
}

/// Removes a queue with all its elements.
pub(super) async fn delete(
    State(node): State<Arc<Node>>,
    uri: Uri,
) -> Result<Json<Value>, Problem> {
    let query::Nothing {} = query::parse(&uri)?;
    let queue = path::key(rest(&uri))?;
    let route = node.reader.route(&queue).await.map_err(of_queue)?;
    if route.is_some_and(|route| route.kind != Kind::Stream) {
        return Err(Problem::conflict(format_args!("`{queue}` is an object, not a queue"))
            .with_hint("remove it with DELETE /objects/{key}"));
    }
    if node.reader.delete(&queue).await.map_err(of_queue)? {
        return Ok(Json(json!({ "success": true, "queue": queue })));
    }
    Err(Problem::not_found(format_args!("there is no queue `{queue}`")))
}

fn of_queue(error: crate::Error) -> Problem {
    Problem::of_reading(error)
}

/// An element with what is known of it, and with its token where it is on lease.
fn handed_out(element: Element, leased: bool) -> Response {
    let mut answer = headers::of_route(&element.route);
    answer.insert(headers::DELIVERIES, element.deliveries.into());
    if leased {
        answer.insert(headers::TOKEN, headers::encode(&element.token));
    }
    (answer, element.data).into_response()
}

fn empty() -> Response {
    StatusCode::NO_CONTENT.into_response()
}

/// The answer about a lease that was, or had ended before.
fn ended(queue: &Key, in_time: bool) -> Result<Response, Problem> {
    if in_time {
        return Ok(Json(json!({ "success": true, "queue": queue })).into_response());
    }
    Err(Problem::conflict(format_args!("the lease on an element of `{queue}` has ended"))
        .with_hint("the element went back to the oldest end, or was acknowledged before"))
}
