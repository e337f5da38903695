//! `/openapi.json`: the description of every path; a test holds it against the routes.

use axum::{
    http::header,
    response::{IntoResponse, Response},
};
use framedb_core::http::openapi::OPENAPI;

pub(super) async fn openapi() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], OPENAPI).into_response()
}
