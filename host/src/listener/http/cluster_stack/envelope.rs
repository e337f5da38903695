//! The envelope of contract 5.3: `{"success", "result" | "errorData"}`, status 200 in both cases.
//!
//! Only what is no JSON object at all is answered with another status: 422, in the form of the
//! framework that the reference uses, and 413 or 408 for a body that is too large or too slow.

use super::fields::Fields;
use crate::{
    Error,
    listener::http::small_body::{self, Unread},
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
pub(super) struct Refusal {
    status: StatusCode,
    body: Value,
}

/// Reads the fields of a request, acts on them, and puts the result into the envelope.
pub(super) async fn answer<T: Into<Value>>(
    body: Body,
    act: impl AsyncFnOnce(Fields) -> Result<T, Refusal>,
) -> Response {
    let answered = async {
        let fields = read(body).await?;
        act(fields).await
    };
    match answered.await {
        Ok(result) => Json(json!({ "success": true, "result": result.into() })).into_response(),
        Err(refusal) => (refusal.status, Json(refusal.body)).into_response(),
    }
}

async fn read(body: Body) -> Result<Fields, Refusal> {
    let bytes = small_body::read(body).await?;
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(Refusal::not_an_object("field required", "value_error.missing"));
    }
    match serde_json::from_slice(&bytes) {
        Ok(Value::Object(fields)) => Ok(Fields::new(fields)),
        Ok(_) => Err(Refusal::not_an_object("value is not a valid dict", "type_error.dict")),
        Err(error) => Err(Refusal::not_an_object(&error.to_string(), "value_error.jsondecode")),
    }
}

impl Refusal {
    /// A refusal in the envelope, with status 200.
    pub(super) fn new(error: impl Into<String>) -> Self {
        let body = json!({ "success": false, "errorData": error.into() });
        Self { status: StatusCode::OK, body }
    }

    /// Adds what to do about it, beside what existing clients read.
    pub(super) fn with_hint(mut self, hint: &str) -> Self {
        if let Some(fields) = self.body.as_object_mut() {
            fields.insert("hint".into(), hint.into());
        }
        self
    }

    fn not_an_object(message: &str, kind: &str) -> Self {
        let detail = json!([{ "loc": ["body"], "msg": message, "type": kind }]);
        Self { status: StatusCode::UNPROCESSABLE_ENTITY, body: json!({ "detail": detail }) }
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

impl From<Unread> for Refusal {
    fn from(unread: Unread) -> Self {
        let status = match unread {
            Unread::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Unread::EndedEarly | Unread::Late => StatusCode::REQUEST_TIMEOUT,
        };
        Self { status, ..Self::new(unread.to_string()) }
    }
}
