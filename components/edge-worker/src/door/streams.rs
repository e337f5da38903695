//! `/streams/{queue}`: push, pop, lease, ack, nack, extend, length, delete.

use super::{Asked, objects};
use crate::{reader::Element, worker::Worker};
use ::http::{Method, Uri};
use framedb_core::{
    Kind,
    http::{
        Answer, Problem,
        path::{self, Action, rest},
        query, streams,
    },
};

/// What is done with one queue.
pub(super) async fn handle(worker: &Worker, asked: Asked) -> Result<Answer, Problem> {
    match asked.method {
        Method::POST => post(worker, asked).await,
        Method::DELETE => delete(worker, &asked.uri).await,
        _ => length(worker, &asked.uri).await,
    }
}

/// Pushes the body, or does what the last segment of the path says.
async fn post(worker: &Worker, asked: Asked) -> Result<Answer, Problem> {
    let uri = asked.uri.clone();
    let (queue, action) = path::action(rest(&uri));
    if action == Action::Push {
        let arrival = streams::arrival(&uri, queue, &asked.headers)?;
        return Ok(objects::ingest(worker, arrival, asked).await);
    }
    let queue = path::key(queue)?;
    match action {
        Action::Push | Action::Pop => {
            let query::Nothing {} = query::parse(&uri)?;
            let popped = worker.pop(&queue, None).await?;
            Ok(popped.map_or_else(streams::empty, |element| handed_out(element, false)))
        }
        Action::Lease => {
            let period = query::parse::<query::Lease>(&uri)?.without_token()?.period()?;
            let leased = worker.lease(&queue, period, None).await?;
            Ok(leased.map_or_else(streams::empty, |element| handed_out(element, true)))
        }
        Action::Ack => {
            let lease = query::parse::<query::Lease>(&uri)?.without_period()?;
            streams::ended(&queue, worker.ack(&queue, lease.token()?).await?)
        }
        Action::Nack => {
            let lease = query::parse::<query::Lease>(&uri)?.without_period()?;
            streams::ended(&queue, worker.nack(&queue, lease.token()?).await?)
        }
        Action::Extend => {
            let lease = query::parse::<query::Lease>(&uri)?;
            let extended = worker.extend(&queue, lease.token()?, lease.period()?).await?;
            streams::ended(&queue, extended)
        }
    }
}

async fn length(worker: &Worker, uri: &Uri) -> Result<Answer, Problem> {
    let query::Nothing {} = query::parse(uri)?;
    let queue = path::key(rest(uri))?;
    let length = worker.length(&queue).await?;
    Ok(streams::length(&queue, length.ready, length.leased))
}

async fn delete(worker: &Worker, uri: &Uri) -> Result<Answer, Problem> {
    let query::Nothing {} = query::parse(uri)?;
    let queue = path::key(rest(uri))?;
    let route = worker.route(&queue).await?;
    if route.is_some_and(|route| route.kind != Kind::Stream) {
        return Err(streams::is_object(&queue));
    }
    match worker.delete(&queue).await? {
        true => Ok(streams::deleted(&queue)),
        false => Err(streams::absent(&queue)),
    }
}

fn handed_out(element: Element, leased: bool) -> Answer {
    let Element { data, token, deliveries, route } = element;
    streams::handed_out(&route, data, deliveries, leased.then_some(&*token))
}
