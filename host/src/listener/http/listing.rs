//! `GET /objects`: routes by key, a page at a time.

use super::{answer, problem::Problem};
use crate::node::Node;
use axum::{extract::State, http::Uri, response::Response};
use framedb_core::http::listing;
use std::{sync::Arc, time::SystemTime};

/// A page of objects and queues in byte order of their keys. `next`, where there is more, is
/// the `after` of the next page.
pub(super) async fn list(State(node): State<Arc<Node>>, uri: Uri) -> Result<Response, Problem> {
    let query = listing::asked(&uri)?;
    let page = node.registry.list(&query).await?;
    Ok(answer(listing::page(&page, query.limit, SystemTime::now())))
}
