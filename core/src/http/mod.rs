//! The rules of the HTTP door: what requests say, and how answers read.
//!
//! The node and the Spin worker both compile this, so that a client cannot tell which of them it
//! speaks to. Nothing here reads or waits: payloads come and go as [`Bytes`].
//!
//! In reading order: [`path`] finds the key in a raw path, [`query`] says what a query may hold,
//! [`headers`] carries everything beside the payload, [`range`] selects a part of it, [`body`]
//! says what is wrong with it; [`problem`]
//! and [`receipt`] are the answers of both kinds; [`objects`], [`streams`] and [`listing`] are
//! those of each path; [`framedb`] is the routing service of existing clients, whose listings
//! [`filter`] bounds; [`openapi`] describes it all.

pub mod path;
pub mod query;

pub mod body;
pub mod headers;
pub mod range;

pub mod problem;
pub mod receipt;

pub mod listing;
pub mod objects;
pub mod streams;

pub mod filter;
pub mod framedb;

pub mod openapi;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use serde::Serialize;

pub use problem::Problem;

/// A whole answer: status, headers and body.
pub type Answer = Response<Bytes>;

/// An answer that is JSON.
#[must_use]
pub fn json(status: StatusCode, body: &impl Serialize) -> Answer {
    // The answers here hold nothing that JSON has no words for.
    let text = serde_json::to_vec(body).unwrap_or_default();
    let mut answer = Answer::new(text.into());
    *answer.status_mut() = status;
    let kind = HeaderValue::from_static("application/json");
    answer.headers_mut().insert(header::CONTENT_TYPE, kind);
    answer
}
