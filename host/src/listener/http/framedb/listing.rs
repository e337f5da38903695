//! `GET /framedb/objects` and `/framedb/streams`: every document that fits a filter.
//!
//! Old clients expect one list, however long it is: the registry is read a page at a time, and
//! the answer leaves as it is read, so that no more than a page is ever held. A registry that
//! fails on the way ends the connection early, which no client takes for a whole list.

use super::{Collection, document};
use crate::{
    Error, ErrorKind, Result,
    listener::http::{json, problem::Problem},
    node::Node,
    registry::Query,
};
use axum::{
    body::{Body, Bytes},
    http::header,
    response::{IntoResponse, Response},
};
use framedb_core::{
    Key, Kind,
    http::{
        filter::Filter,
        framedb::{self, document::Document},
    },
};
use futures::stream;
use serde_json::{Map, Value};
use std::{str::FromStr, sync::Arc};

/// Routes that are read at once; each may have 64 KiB of metadata.
const PAGE: usize = 250;

/// A listing under way.
struct Listing {
    node: Arc<Node>,
    collection: Collection,
    filter: Filter,
    query: Query,
    /// Whether an entry was written.
    begun: bool,
    /// Whether the last page was read.
    ended: bool,
}

/// The documents of a collection that fit the filter in `body`; all without one.
pub(super) async fn list(
    node: Arc<Node>,
    collection: Collection,
    body: Body,
) -> Result<Response, Problem> {
    let filter = json::read(&node, body).await?;
    let filter: Map<String, Value> = filter.map(|(filter, _)| filter).unwrap_or_default();
    let filter = framedb::filter(filter).map_err(Problem::refused)?;
    let query = Query {
        limit: PAGE,
        kind: match collection {
            Collection::Streams => Some(Kind::Stream),
            Collection::Objects => {
                filter.text("framedb_type").and_then(|kind| Kind::from_str(kind).ok())
            }
        },
        framedb_id: filter.text("framedb_id").map(ToOwned::to_owned),
        ..Query::default()
    };
    let mut listing = Listing { node, collection, filter, query, begun: false, ended: false };
    // What fails before the first byte still has an answer of its own.
    let mut first = b"{\"success\":true,\"data\":[".to_vec();
    first.extend(listing.page().await?);
    let rest = stream::try_unfold(Some(listing), async |listing| {
        let Some(mut listing) = listing else { return Ok::<_, Error>(None) };
        if listing.ended {
            return Ok(Some((Bytes::from_static(b"]}"), None)));
        }
        let page = listing.page().await.inspect_err(|error| {
            tracing::warn!(error = error.chain(), "a listing ended before its end");
        })?;
        Ok(Some((Bytes::from(page), Some(listing))))
    });
    let whole = stream::StreamExt::chain(stream::iter([Ok(Bytes::from(first))]), rest);
    let headers = [(header::CONTENT_TYPE, "application/json")];
    Ok((headers, Body::from_stream(whole)).into_response())
}

impl Listing {
    /// The entries of the next page that fit, as the list goes on.
    async fn page(&mut self) -> Result<Vec<u8>> {
        let patience = self.node.config.limits.deadline;
        let read = tokio::time::timeout(patience, self.read()).await;
        let documents = read.map_err(|_| {
            Error::new(ErrorKind::Timeout, "cannot list the routes: the registry took too long")
        })??;
        let mut page = Vec::new();
        for document in documents {
            let failed = |cause| {
                Error::new(ErrorKind::Corrupt, "cannot write a route as JSON").with_source(cause)
            };
            // Filters look at the document that clients see.
            let value = serde_json::to_value(&document).map_err(failed)?;
            if self.filter.fits(&value) {
                if std::mem::replace(&mut self.begun, true) {
                    page.push(b',');
                }
                serde_json::to_writer(&mut page, &document).map_err(failed)?;
            }
        }
        Ok(page)
    }

    async fn read(&mut self) -> Result<Vec<Document>> {
        let node = self.node.clone();
        let routes = match self.collection.id_names().iter().find_map(|id| self.filter.text(id)) {
            Some(id) => {
                self.ended = true;
                match Key::new(id) {
                    Ok(key) => {
                        let route = node.reader.route(&key).await?;
                        route.map(|route| (key, route)).into_iter().collect()
                    }
                    Err(_) => Vec::new(),
                }
            }
            None => {
                let page = node.registry.list(&self.query).await?;
                self.ended = page.len() < PAGE;
                self.query.after = page.last().map(|(key, _)| key.as_str().to_owned());
                page
            }
        };
        let now = std::time::SystemTime::now();
        let mut documents = Vec::with_capacity(routes.len());
        for (key, route) in routes {
            if self.collection.has(route.kind) && !route.expired(now) {
                documents.push(document(&node, key, &route).await?);
            }
        }
        Ok(documents)
    }
}
