//! What only Kubernetes could do.

use crate::listener::http::problem::Problem;
use axum::http::{StatusCode, Uri};

/// `/framedb-config/setup`, `/remove` and `/status` install the config service on a cluster;
/// this node is the config service.
pub(super) async fn kubernetes(uri: Uri) -> Problem {
    let error = format!("cannot serve {}: this node deploys nothing on Kubernetes", uri.path());
    Problem::new(StatusCode::NOT_IMPLEMENTED, "not-implemented", error)
        .with_hint("the node itself is the config service: use its /framedb/instances")
}
