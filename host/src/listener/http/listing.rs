//! `GET /objects`: routes by key, a page at a time.

use super::{problem::Problem, query, receipt::attributes};
use crate::{node::Node, registry::Query};
use axum::{Json, extract::State, http::Uri};
use framedb_core::{Key, Route};
use serde_json::{Value, json};
use std::{sync::Arc, time::SystemTime};

/// Routes on a page when nobody says how many.
const PAGE: usize = 100;

/// Routes on the longest page.
const LONGEST_PAGE: usize = 10_000;

/// A page of objects and queues in byte order of their keys. `next`, where there is more, is
/// the `after` of the next page.
pub(super) async fn list(State(node): State<Arc<Node>>, uri: Uri) -> Result<Json<Value>, Problem> {
    let query: query::List = query::parse(&uri)?;
    let limit = match query.limit {
        Some(0) => return Err(Problem::invalid("limit=0 would be a page without objects")),
        Some(limit) => limit.min(LONGEST_PAGE),
        None => PAGE,
    };
    let query = Query {
        prefix: query.prefix,
        after: query.after,
        limit,
        kind: query::kind(&query.kind)?,
        framedb_id: query.framedb_id,
    };
    let page = node.registry.list(&query).await?;
    // What has expired is not shown, and a page is not the last one because of that.
    let next = page.last().filter(|_| page.len() >= limit).map(|(key, _)| key.clone());
    let now = SystemTime::now();
    let alive = page.iter().filter(|(_, route)| !route.expired(now));
    let objects: Vec<_> = alive.map(|(key, route)| line(key, route)).collect();
    Ok(Json(json!({ "success": true, "objects": objects, "next": next })))
}

fn line(key: &Key, route: &Route) -> Value {
    json!({
        "key": key,
        "framedb_id": &*route.framedb_id,
        "type": route.kind,
        "size": route.size,
        "content_type": route.content_type.as_deref(),
        "metadata": &*route.metadata,
        "attributes": attributes(&route.attributes),
        "codec": route.codec.as_ref().map(|record| &record.codec.format),
        "expires_at": route.expires_at.map(time),
        "stored_at": (route.stored_at > 0).then(|| time(route.stored_at)),
    })
}

/// A moment in milliseconds since the Unix epoch, as RFC 3339.
pub(super) fn time(millis: u64) -> String {
    let at = SystemTime::UNIX_EPOCH.checked_add(std::time::Duration::from_millis(millis));
    at.map_or_else(String::new, |at| humantime::format_rfc3339_millis(at).to_string())
}
