//! `GET /objects`: routes by key, a page at a time.

use super::{answer, problem::Problem};
use crate::{node::Node, registry::Query};
use axum::{extract::State, http::Uri, response::Response};
use framedb_core::http::listing::{self, Asked};
use std::{sync::Arc, time::SystemTime};

/// A page of objects and queues in byte order of their keys. `next`, where there is more, is
/// the `after` of the next page.
pub(super) async fn list(State(node): State<Arc<Node>>, uri: Uri) -> Result<Response, Problem> {
    let Asked { prefix, after, limit, kind, framedb_id } = listing::asked(&uri)?;
    let query = Query { prefix, after, limit, kind, framedb_id };
    let page = node.registry.list(&query).await?;
    Ok(answer(listing::page(&page, limit, SystemTime::now())))
}
