//! `/openapi.json`: the description of every path; a test holds it against the routes.

use axum::{
    http::header,
    response::{IntoResponse, Response},
};

/// The description.
pub(super) const OPENAPI: &str = include_str!("openapi.json");

pub(super) async fn openapi() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], OPENAPI).into_response()
}
