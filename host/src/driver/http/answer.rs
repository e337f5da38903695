//! `Answer`: what a service said.

use super::is_passing;
use crate::{Error, ErrorKind};
use reqwest::StatusCode;
use serde_json::{Map, Value};

/// An answer in the services' envelope: `success`, and `data` or `error` (contract 4).
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Map<String, Value>,
}

impl Answer {
    /// Whether it was done. Both generations of services are believed: one answers 200, the
    /// other 201.
    pub(crate) fn is_success(&self) -> bool {
        self.status.is_success() && self.body.get("success") == Some(&Value::Bool(true))
    }

    /// Why it was not.
    pub(crate) fn reason(&self) -> &str {
        let text = |name: &str| self.body.get(name).and_then(Value::as_str);
        text("error").or_else(|| text("message")).unwrap_or("no reason given")
    }

    /// What was asked for.
    pub(crate) fn data(self) -> Value {
        let mut body = self.body;
        body.remove("data").unwrap_or_default()
    }

    /// The refusal as an error of what was attempted.
    pub(crate) fn refused(&self, attempt: &str) -> Error {
        let message = format!("cannot {attempt}: {} ({})", self.reason(), self.status.as_u16());
        // A full service answers 429.
        let full = self.status == StatusCode::TOO_MANY_REQUESTS;
        let kind = match full || self.status.is_server_error() {
            true => ErrorKind::Unavailable,
            false => ErrorKind::Invalid,
        };
        Error::new(kind, message).with_temporary(full || is_passing(self.status))
    }
}
