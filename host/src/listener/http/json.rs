//! Bodies that are JSON, read under a permit.

use super::problem::Problem;
use crate::{node::Node, pipeline::Permit};
use axum::{
    body::{Body, HttpBody, to_bytes},
    http::StatusCode,
};
use bytes::Bytes;
use serde::de::DeserializeOwned;
use std::time::Duration;

/// Bytes that a body may have: 64 KiB of metadata with everything escaped, and the copies.
const MAX_BODY: usize = 1 << 20;

/// How long a client may take to send a body.
const SENT_WITHIN: Duration = Duration::from_secs(30);

/// Reads a JSON object under a permit; `None` when the body is empty. A full node says so
/// before it reads.
pub(super) async fn read<T: DeserializeOwned>(
    node: &Node,
    body: Body,
) -> Result<Option<(T, Permit)>, Problem> {
    let Some((bytes, permit)) = text(node, body).await? else { return Ok(None) };
    match serde_json::from_slice(&bytes) {
        Ok(read) => Ok(Some((read, permit))),
        Err(error) => Err(Problem::refused(format_args!("the body is no JSON object: {error}"))),
    }
}

/// As [`read`], for those who have their own words for what is no JSON.
pub(super) async fn text(node: &Node, body: Body) -> Result<Option<(Bytes, Permit)>, Problem> {
    let most = HttpBody::size_hint(&body).upper().unwrap_or(u64::MAX).min(MAX_BODY as u64);
    if most == 0 {
        return Ok(None);
    }
    let admission = node.ingress.admission();
    let permit = admission.try_admit(most.min(admission.max_object()))?;
    let bytes = match tokio::time::timeout(SENT_WITHIN, to_bytes(body, MAX_BODY)).await {
        Ok(Ok(bytes)) => bytes,
        Ok(Err(error)) => {
            let source = std::error::Error::source(&error);
            return Err(match source.is_some_and(|s| s.is::<http_body_util::LengthLimitError>()) {
                true => Problem::new(
                    StatusCode::PAYLOAD_TOO_LARGE,
                    "too-large",
                    format_args!("the body has more than {MAX_BODY} bytes"),
                ),
                false => Problem::refused("the body ended early"),
            });
        }
        Err(_) => return Err(Problem::refused("the body did not come in time")),
    };
    let is_empty = bytes.iter().all(u8::is_ascii_whitespace);
    Ok((!is_empty).then_some((bytes, permit)))
}
