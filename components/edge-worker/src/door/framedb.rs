//! The routing lookups of existing clients: `GET /framedb/objects…` and `/framedb/streams…`.

use super::{Asked, body};
use crate::worker::Worker;
use ::http::{StatusCode, Uri};
use framedb_core::{
    Key, Kind, MaxObject, Query, Route,
    http::{
        Answer, Problem,
        filter::Filter,
        framedb::{
            self, Collection, absent,
            document::{Document, Found, document},
            name,
        },
        json,
    },
};
use serde::Serialize;
use serde_json::{Map, Value};
use std::time::SystemTime;

/// Bytes that a filter may have.
const MAX_BODY: MaxObject = MaxObject { bytes: 1 << 20, setting: "fixed for a filter" };

/// Routes that are read at once.
const PAGE: usize = 250;

#[derive(Serialize)]
struct List {
    success: bool,
    data: Vec<Document>,
}

/// Where an object or a queue is; or whether it has a copy in an instance.
pub(super) async fn read(worker: &Worker, uri: &Uri) -> Result<Answer, Problem> {
    let (collection, raw) = (Collection::of(uri), name::rest(uri));
    if collection == Collection::Objects
        && let Some((key, framedb_id)) = name::copy_exists(&raw)
    {
        let route = match name::key(key) {
            Some(key) => route(worker, collection, &key).await?,
            None => None,
        };
        let is_there = |route: Route| route.copies.iter().any(|c| *c.framedb_id == framedb_id);
        return Ok(framedb::copy_exists(route.is_some_and(is_there)));
    }
    let key = name::key(&raw).ok_or_else(absent)?;
    let route = route(worker, collection, &key).await?.ok_or_else(absent)?;
    let data = document(key, &route, Vec::new());
    Ok(json(StatusCode::OK, &Found { success: true, data }))
}

/// Every document of a collection that fits the filter in the body; all without one.
pub(super) async fn list(worker: &Worker, mut asked: Asked) -> Result<Answer, Problem> {
    let collection = Collection::of(&asked.uri);
    let body = body::read(&mut asked.body, &asked.headers, MAX_BODY).await?;
    let filter = match body.iter().all(u8::is_ascii_whitespace) {
        true => Map::new(),
        false => serde_json::from_slice::<Map<String, Value>>(&body).map_err(|error| {
            Problem::refused(format_args!("the body is no JSON object: {error}"))
        })?,
    };
    let filter = framedb::filter(filter).map_err(Problem::refused)?;
    let mut query = query(collection, &filter);
    let mut data = Vec::new();
    loop {
        let page = worker.keeper.list(&query).await.map_err(Problem::of_reading)?;
        let (now, ended) = (SystemTime::now(), page.len() < PAGE);
        query.after = page.last().map(|(key, _)| key.as_str().to_owned());
        for (key, route) in page {
            if !collection.has(route.kind) || route.expired(now) {
                continue;
            }
            let document = document(key, &route, Vec::new());
            // Filters look at the document that clients see.
            let seen = serde_json::to_value(&document).unwrap_or_default();
            if filter.fits(&seen) {
                data.push(document);
            }
        }
        if ended {
            return Ok(json(StatusCode::OK, &List { success: true, data }));
        }
    }
}

fn query(collection: Collection, filter: &Filter) -> Query {
    Query {
        limit: PAGE,
        kind: match collection {
            Collection::Streams => Some(Kind::Stream),
            Collection::Objects => filter.text("framedb_type").and_then(|kind| kind.parse().ok()),
        },
        framedb_id: filter.text("framedb_id").map(ToOwned::to_owned),
        ..Query::default()
    }
}

async fn route(
    worker: &Worker,
    collection: Collection,
    key: &Key,
) -> Result<Option<Route>, Problem> {
    let route = worker.route(key).await?;
    Ok(route.filter(|route| collection.has(route.kind)))
}
