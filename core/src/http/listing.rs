//! `GET /objects`: a page of routes.

use super::{Answer, Problem, json, query, receipt::attributes};
use crate::{Key, Query, Route};
use http::{StatusCode, Uri};
use serde_json::{Value, json};
use std::time::{Duration, SystemTime};

/// Routes on a page when nobody says how many.
const PAGE: usize = 100;

/// Routes on the longest page.
const LONGEST_PAGE: usize = 10_000;

/// The page that a request asks for.
///
/// # Errors
///
/// When the query is wrong, or asks for a page without objects.
pub fn asked(uri: &Uri) -> Result<Query, Problem> {
    let query: query::List = query::parse(uri)?;
    let limit = match query.limit {
        Some(0) => return Err(Problem::invalid("limit=0 would be a page without objects")),
        Some(limit) => limit.min(LONGEST_PAGE),
        None => PAGE,
    };
    let kind = query::kind(&query.kind)?;
    let query::List { prefix, after, framedb_id, .. } = query;
    Ok(Query { prefix, after, limit, kind, framedb_id })
}

/// A page as the registry has it. `next`, where there is more, is the `after` of the next page.
#[must_use]
pub fn page(page: &[(Key, Route)], limit: usize, now: SystemTime) -> Answer {
    // What has expired is not shown, and a page is not the last one because of that.
    let next = page.last().filter(|_| page.len() >= limit).map(|(key, _)| key.clone());
    let alive = page.iter().filter(|(_, route)| !route.expired(now));
    let objects: Vec<_> = alive.map(|(key, route)| line(key, route)).collect();
    let body = json!({ "success": true, "objects": objects, "next": next });
    json(StatusCode::OK, &body)
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
#[must_use]
pub fn time(millis: u64) -> String {
    let at = SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(millis));
    at.map_or_else(String::new, |at| humantime::format_rfc3339_millis(at).to_string())
}
