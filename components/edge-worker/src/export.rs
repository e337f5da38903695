//! What Spin calls: with every request, and with every message of a Redis channel.

#![allow(unsafe_code, reason = "the glue that the macros generate")]

use crate::door::{self, message};
use bytes::Bytes;
use framedb_core::Failure;
use spin_sdk::{
    http::{IntoResponse, Request},
    http_service, redis_subscriber,
};

#[http_service]
async fn handle(request: Request) -> impl IntoResponse {
    door::answer(request).await
}

#[redis_subscriber]
async fn on_message(message: Bytes) -> Result<(), Failure> {
    message::take(&message).await
}
