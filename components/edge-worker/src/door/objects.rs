//! `/objects`: list, put, get, head, delete.

use super::{Asked, body};
use crate::{pipeline, worker::Worker};
use ::http::{HeaderMap, Method, Uri};
use framedb_core::{
    Arrival, Kind,
    http::{
        Answer, Problem, listing, objects,
        path::{self, rest},
        query, receipt,
    },
};
use std::time::SystemTime;

/// A page of routes.
pub(super) async fn list(worker: &Worker, uri: &Uri) -> Result<Answer, Problem> {
    let query = listing::asked(uri)?;
    let page = worker.keeper.list(&query).await.map_err(Problem::of_reading)?;
    Ok(listing::page(&page, query.limit, SystemTime::now()))
}

/// What is done with one object.
pub(super) async fn handle(worker: &Worker, asked: Asked) -> Result<Answer, Problem> {
    let uri = asked.uri.clone();
    match asked.method {
        Method::GET => get(worker, &uri, &asked.headers).await,
        Method::HEAD => head(worker, &uri).await,
        Method::DELETE => delete(worker, &uri).await,
        _ => {
            let arrival = objects::arrival(&uri, rest(&uri), &asked.headers)?;
            Ok(ingest(worker, arrival, asked).await)
        }
    }
}

/// Reads the payload and takes the object in.
pub(super) async fn ingest(worker: &Worker, arrival: Arrival, asked: Asked) -> Answer {
    let mut sent = asked.body;
    let read = body::read(&mut sent, &asked.headers, worker.limits.max_object).await;
    let receipt = match read {
        Ok(data) => pipeline::ingest(worker, Arrival { data, ..arrival }).await,
        Err(failure) => arrival.refused(failure),
    };
    receipt::answer(&receipt)
}

async fn get(worker: &Worker, uri: &Uri, headers: &HeaderMap) -> Result<Answer, Problem> {
    let query::Nothing {} = query::parse(uri)?;
    let key = path::key(rest(uri))?;
    let found = worker.get(&key).await?.ok_or_else(|| objects::absent(&key))?;
    match found.route.kind {
        Kind::Stream => Err(objects::is_queue(rest(uri))),
        _ => Ok(objects::found(&key, found, headers)),
    }
}

async fn head(worker: &Worker, uri: &Uri) -> Result<Answer, Problem> {
    let query::Nothing {} = query::parse(uri)?;
    let key = path::key(rest(uri))?;
    let route = worker.route(&key).await?.ok_or_else(|| objects::absent(&key))?;
    match route.kind {
        Kind::Stream => Err(objects::is_queue(rest(uri))),
        _ => Ok(objects::known(&route)),
    }
}

async fn delete(worker: &Worker, uri: &Uri) -> Result<Answer, Problem> {
    let query::Nothing {} = query::parse(uri)?;
    let key = path::key(rest(uri))?;
    match worker.delete(&key).await? {
        true => Ok(objects::deleted(&key)),
        false => Err(objects::absent(&key)),
    }
}
