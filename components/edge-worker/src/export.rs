//! The exports: what Spin calls with every request, and with every message of a Redis trigger.

#![allow(unsafe_code, clippy::all, clippy::expect_used, reason = "what the attributes write")]

use crate::{door, message, pipeline, worker::Worker};
use bytes::Bytes;
use framedb_core::Outcome;
use spin_sdk::{
    http::{IntoResponse, Request},
    http_service, redis_subscriber,
};

#[http_service]
async fn handle(request: Request) -> impl IntoResponse {
    door::answer(request).await
}

/// Takes an object in. What it answers ends in Spin's log, and nowhere else.
#[redis_subscriber]
async fn on_message(message: Bytes) -> Result<(), String> {
    let arrival = message::read(&message).map_err(|failure| failure.told())?;
    let worker = Worker::shared().await.map_err(|failure| failure.told())?;
    let receipt = pipeline::ingest(&worker, arrival).await;
    match receipt.outcome {
        Outcome::Failed(failure) => {
            Err(format!("`{}` is not stored: {}", receipt.key, failure.told()))
        }
        _ => Ok(()),
    }
}
