//! The doors: HTTP and gRPC on one port, the paths and answers of the node's.
//!
//! What requests say and how answers read is [`framedb_core::http`]; here are the paths that the
//! worker has, and the handlers. [`body`] reads under the limit, then one group a file;
//! [`message`] is the door of the Redis trigger.

mod body;

mod framedb;
mod objects;
mod streams;

mod health;
mod paths;

mod grpc;

pub mod message;

use crate::worker::Worker;
use ::http::{HeaderMap, Method, Response, StatusCode, Uri, header, request::Parts};
use body::Incoming;
use bytes::Bytes;
use framedb_core::{
    Failure,
    http::{Answer, Problem},
};
use http_body_util::Full;
use paths::Path;
use spin_sdk::http::{BoxBody, Request, box_body};

/// A request whose body was not read yet.
struct Asked {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Incoming,
}

/// Answers a request, whatever comes.
pub async fn answer(request: Request) -> Response<BoxBody> {
    let (Parts { method, uri, headers, .. }, body) = request.into_parts();
    let asked = Asked { method, uri, headers, body };
    if grpc::is_call(&asked) {
        return grpc::serve(asked).await.map(box_body);
    }
    let is_head = asked.method == Method::HEAD;
    let answer = handle(asked).await.unwrap_or_else(Problem::into_answer);
    let (mut parts, body) = answer.into_parts();
    // What a HEAD is told in its headers is not sent.
    let body = if is_head { Bytes::new() } else { body };
    if !is_head && parts.status != StatusCode::NO_CONTENT {
        parts.headers.insert(header::CONTENT_LENGTH, body.len().into());
    }
    Response::from_parts(parts, box_body(Full::new(body)))
}

async fn handle(asked: Asked) -> Result<Answer, Problem> {
    let path = asked.uri.path();
    let Some(found) = Path::of(path) else { return Err(Problem::no_such_path(path)) };
    if !found.takes(&asked.method) {
        return Err(Problem::wrong_method(&asked.method, path).with_allowed(&found.methods()));
    }
    match found {
        Path::OpenApi => return Ok(paths::described()),
        Path::Version => return Ok(health::version()),
        Path::Ping => return Ok(health::ping()),
        Path::Healthz => return Ok(health::healthz().await),
        Path::Readyz => return Ok(health::readyz().await),
        Path::Listing | Path::Object | Path::Stream | Path::Collection | Path::Entry => {}
    }
    let worker = Worker::shared().await.map_err(unopened)?;
    match found {
        Path::Listing if [Method::GET, Method::HEAD].contains(&asked.method) => {
            objects::list(&worker, &asked.uri).await
        }
        Path::Listing | Path::Object => objects::handle(&worker, asked).await,
        Path::Stream => streams::handle(&worker, asked).await,
        Path::Collection => framedb::list(&worker, asked).await,
        _ => framedb::read(&worker, &asked.uri).await,
    }
}

/// The worker cannot be opened: a setting of it is missing or wrong.
fn unopened(failure: Failure) -> Problem {
    Problem::of_reading(failure)
        .with_hint("variables of the worker are set in the application's manifest")
}
