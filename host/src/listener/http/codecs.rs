//! `/admin/codecs`: the kept components, and which of them nothing needs any more.
//!
//! A component is unused only if that can be proven: it is not installed, no route names it,
//! and no queue has elements, which carry their codec where no route can say so.

use super::{path, problem::Problem, query};
use crate::{Result, node::Node, registry::Query};
use axum::{Json, extract::State, http::Uri};
use framedb_core::Kind;
use serde_json::{Value, json};
use std::{collections::HashMap, sync::Arc};

/// Routes that are read at once.
const PAGE: usize = 1000;

/// What needs codecs.
#[derive(Default)]
struct Uses {
    /// Routes by the digest that they name.
    routes: HashMap<Arc<str>, u64>,
    /// Queues with elements, which may carry any codec.
    queues: u64,
}

/// Every kept component with what needs it.
pub(super) async fn list(State(node): State<Arc<Node>>) -> Result<Json<Value>, Problem> {
    let uses = uses(&node).await?;
    let codecs = kept(&node)?.into_iter().map(|(digest, size)| {
        let installed = node.codecs.is_installed(&digest);
        let routes = uses.routes.get(digest.as_str()).copied().unwrap_or_default();
        json!({
            "digest": digest,
            "size": size,
            "installed": installed,
            "routes": routes,
            "unused": !installed && routes == 0 && uses.queues == 0,
        })
    });
    let codecs: Vec<_> = codecs.collect();
    Ok(Json(json!({ "success": true, "codecs": codecs, "queues": uses.queues })))
}

/// Removes a kept component that is proven to be unused now.
pub(super) async fn forget(
    State(node): State<Arc<Node>>,
    uri: Uri,
) -> Result<Json<Value>, Problem> {
    let query::Nothing {} = query::parse(&uri)?;
    let digest = path::decode(uri.path().trim_start_matches("/admin/codecs/"));
    let digest = String::from_utf8_lossy(&digest);
    if !kept(&node)?.iter().any(|(kept, _)| *kept == digest) {
        let digest: String = digest.chars().take(80).collect();
        return Err(Problem::not_found(format_args!("no codec {digest:?} is kept")));
    }
    if node.codecs.is_installed(&digest) {
        return Err(Problem::conflict(format_args!("the codec {digest} is installed"))
            .with_hint("a pipeline writes with it; take it out of the configuration first"));
    }
    let uses = uses(&node).await?;
    if let Some(routes) = uses.routes.get(&*digest) {
        return Err(Problem::conflict(format_args!("{routes} objects need the codec {digest}")));
    }
    if uses.queues > 0 {
        let queues = uses.queues;
        let error =
            format_args!("{queues} queues have elements, which may need the codec {digest}");
        return Err(Problem::conflict(error).with_hint("try again when they are empty"));
    }
    node.codecs.forget(&digest).await?;
    Ok(Json(json!({ "success": true, "digest": digest })))
}

fn kept(node: &Node) -> Result<Vec<(String, u64)>, Problem> {
    node.codecs.kept().map_err(|error| {
        crate::Error::new(crate::ErrorKind::Unavailable, "cannot list the kept codecs")
            .with_source(error)
            .into()
    })
}

async fn uses(node: &Node) -> Result<Uses> {
    let mut uses = Uses::default();
    let mut query = Query { limit: PAGE, ..Query::default() };
    loop {
        let page = node.registry.list(&query).await?;
        for (key, route) in &page {
            let records = [&route.codec, &route.next];
            for record in records.into_iter().flatten() {
                *uses.routes.entry(record.codec.digest.clone()).or_default() += 1;
            }
            if route.kind == Kind::Stream && !route.unframed {
                let length = node.reader.length(key).await?;
                uses.queues += u64::from(length.ready + length.leased > 0);
            }
        }
        match page.last() {
            Some((key, _)) if page.len() >= PAGE => query.after = Some(key.as_str().to_owned()),
            _ => return Ok(uses),
        }
    }
}
