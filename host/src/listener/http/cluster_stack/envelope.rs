//! The envelope of contract 5.3: `{"success", "result" | "errorData"}`, status 200 in both cases.
//!
//! Only what is no JSON object at all is answered with another status: 422, in the form of the
//! framework that the reference uses, and what could not be read as the door's other paths say it.

use super::fields::Fields;
use crate::{
    Error,
    listener::http::{json as body_text, problem::Problem},
    node::Node,
    pipeline::Permit,
};
use axum::{
    Json,
    body::Body,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

/// A request that was not carried out.
#[derive(Debug)]
pub(super) enum Refusal {
    /// An answer of the contract.
    Answer { status: StatusCode, body: Value },
    /// The body could not be read.
    Unread(Problem),
}

/// Reads the fields of a request, acts on them, and puts the result into the envelope.
pub(super) async fn answer<T: Into<Value>>(
    node: &Node,
    body: Body,
    act: impl AsyncFnOnce(Fields) -> Result<T, Refusal>,
) -> Response {
    let answered = async {
        let (fields, _room) = read(node, body).await?;
        act(fields).await
    };
    match answered.await {
        Ok(result) => Json(json!({ "success": true, "result": result.into() })).into_response(),
        Err(Refusal::Answer { status, body }) => (status, Json(body)).into_response(),
        Err(Refusal::Unread(problem)) => problem.into_response(),
    }
}

/// The fields, and what they take of the node's memory.
async fn read(node: &Node, body: Body) -> Result<(Fields, Permit), Refusal> {
    let Some((text, permit)) = body_text::text(node, body).await.map_err(Refusal::Unread)? else {
        return Err(Refusal::not_an_object("field required", "value_error.missing"));
    };
    match serde_json::from_slice(&text) {
        Ok(Value::Object(fields)) => Ok((Fields::new(fields), permit)),
        Ok(_) => Err(Refusal::not_an_object("value is not a valid dict", "type_error.dict")),
        Err(error) => Err(Refusal::not_an_object(&error.to_string(), "value_error.jsondecode")),
    }
}

impl Refusal {
    /// A refusal in the envelope, with status 200.
    pub(super) fn new(error: impl Into<String>) -> Self {
        let body = json!({ "success": false, "errorData": error.into() });
        Self::Answer { status: StatusCode::OK, body }
    }

    /// Adds what to do about it, beside what existing clients read.
    pub(super) fn with_hint(mut self, hint: &str) -> Self {
        if let Self::Answer { body, .. } = &mut self
            && let Some(fields) = body.as_object_mut()
        {
            fields.insert("hint".into(), hint.into());
        }
        self
    }

    fn not_an_object(message: &str, kind: &str) -> Self {
        let detail = json!([{ "loc": ["body"], "msg": message, "type": kind }]);
        Self::Answer { status: StatusCode::UNPROCESSABLE_ENTITY, body: json!({ "detail": detail }) }
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        let refusal = Self::new(error.chain());
        match error.hint() {
            Some(hint) => refusal.with_hint(hint),
            None => refusal,
        }
    }
}
