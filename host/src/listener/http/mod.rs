//! The HTTP door.

use crate::node::Node;
use axum::Router;
use std::sync::Arc;

pub(crate) fn router(_node: Arc<Node>) -> Router {
    Router::new()
}

/// The admin door: with a token, requests must carry it.
pub(crate) fn admin_router(_node: Arc<Node>, _token: Option<&str>) -> Router {
    Router::new()
}
