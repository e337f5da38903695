//! The export that Spin calls with every request.

use bytes::Bytes;
use http_body_util::Full;
use spin_sdk::http::{IntoResponse, Request};
use spin_sdk::http_service;

#[http_service]
async fn handle(_request: Request) -> impl IntoResponse {
    http::Response::builder().status(http::StatusCode::NOT_FOUND).body(Full::new(Bytes::new()))
}
