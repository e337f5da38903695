//! Requests to a node and its answers.

use super::connection::Connection;
use anyhow::{Context as _, Result};
use axum::{
    body::Body,
    http::{Method, Request, Response},
};
use bytes::Bytes;
use framedb_host::{Error, ErrorKind};
use http_body_util::BodyExt;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

/// What stands for itself in one segment of a path, and in a query.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// As [`SEGMENT`]; the slashes of a key are those of the path.
const KEY: &AsciiSet = &SEGMENT.remove(b'/');

/// The path of an object.
pub(super) fn object(key: &str) -> String {
    format!("/objects/{}", utf8_percent_encode(key, KEY))
}

/// The path of a queue; its slashes are encoded, or its end could be taken for an action.
pub(super) fn queue(name: &str) -> String {
    format!("/streams/{}", utf8_percent_encode(name, SEGMENT))
}

/// The path of what is done with a pipeline.
pub(super) fn pipeline(name: &str, action: &str) -> String {
    format!("/admin/pipelines/{}{action}", utf8_percent_encode(name, SEGMENT))
}

/// The path of a dead letter, and of what is done with it.
pub(super) fn dead_letter(id: &str, action: &str) -> String {
    format!("/admin/dead-letters/{}{action}", utf8_percent_encode(id, SEGMENT))
}

/// A path with a query of the parameters that are there.
pub(super) fn with_query(path: &str, parameters: &[(&str, Option<&str>)]) -> String {
    let mut text = path.to_owned();
    let mut sign = '?';
    for (name, value) in parameters {
        let Some(value) = value else { continue };
        text.push_str(&format!("{sign}{name}={}", utf8_percent_encode(value, SEGMENT)));
        sign = '&';
    }
    text
}

/// Any text as the value of a percent-encoded header.
pub(super) fn header_text(text: &str) -> String {
    utf8_percent_encode(text, SEGMENT).to_string()
}

/// Sends a request without a body.
pub(super) async fn call(node: &Connection, method: Method, path: &str) -> Result<Response<Body>> {
    let request = Request::builder().method(method).uri(path).body(Body::empty());
    node.send(request.context("cannot make the request")?).await
}

/// Sends a request with a body.
pub(super) async fn post(node: &Connection, path: &str, body: Bytes) -> Result<Response<Body>> {
    let request = Request::builder().method(Method::POST).uri(path).body(Body::from(body));
    node.send(request.context("cannot make the request")?).await
}

/// As [`call`], for an answer in JSON.
pub(super) async fn json(node: &Connection, method: Method, path: &str) -> Result<Value> {
    read_json(succeeded(call(node, method, path).await?).await?).await
}

/// An answer, if it is a success; else the error that it tells.
pub(super) async fn succeeded(answer: Response<Body>) -> Result<Response<Body>> {
    if answer.status().is_success() {
        return Ok(answer);
    }
    let kind = match answer.status().as_u16() {
        404 => ErrorKind::NotFound,
        409 => ErrorKind::Conflict,
        413 => ErrorKind::TooLarge,
        400..500 => ErrorKind::Invalid,
        _ => ErrorKind::Unavailable,
    };
    let status = answer.status();
    let body: Value = serde_json::from_slice(&read(answer).await?).unwrap_or_default();
    let field = |name: &str| body.get(name).and_then(Value::as_str);
    let message = field("error").map_or_else(|| format!("the node answered {status}"), Into::into);
    let error = Error::new(kind, message);
    Err(match field("hint") {
        Some(hint) => error.with_hint(hint),
        None => error,
    }
    .into())
}

/// The whole body of an answer.
pub(super) async fn read(answer: Response<Body>) -> Result<Bytes> {
    let body = answer.into_body().collect().await;
    Ok(body.context("the node's answer ended early")?.to_bytes())
}

/// The body of an answer as JSON.
pub(super) async fn read_json(answer: Response<Body>) -> Result<Value> {
    serde_json::from_slice(&read(answer).await?).context("the node's answer is not JSON")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_queues_become_paths() {
        assert_eq!(object("cam-1/a b?1"), "/objects/cam-1/a%20b%3F1");
        assert_eq!(queue("a/pop"), "/streams/a%2Fpop");
        assert_eq!(object("ü%"), "/objects/%C3%BC%25");
    }

    #[test]
    fn only_parameters_that_are_there_are_sent() {
        let query = with_query(
            "/objects",
            &[("prefix", Some("a&b")), ("type", None), ("limit", Some("3"))],
        );
        assert_eq!(query, "/objects?prefix=a%26b&limit=3");
        assert_eq!(with_query("/objects", &[]), "/objects");
    }
}
