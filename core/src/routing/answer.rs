//! `Answer`: what a service said.

use http::StatusCode;
use serde_json::{Map, Value};

/// An answer in the services' envelope: `success`, and `data` or `error` (contract 4).
#[derive(Debug)]
pub struct Answer {
    /// The status of HTTP.
    pub status: StatusCode,
    /// The JSON object.
    pub body: Map<String, Value>,
}

/// What the answer to a question for a route means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Looked {
    /// There is one: [`super::read`] reads it.
    Found,
    /// There is none.
    Absent,
    /// The service fails to look for queues, so that there is none: the reference answers so to
    /// every question for one, because it has none (defect D3). Objects of a service in trouble
    /// are asked for first, and fail.
    Unable,
    /// The service cannot or will not say.
    Refused,
}

/// What the answer to a registration means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Registered {
    /// It is done.
    Done,
    /// The reference only inserts; what is there already is to be changed (defect D4), by
    /// [`super::change`].
    Exists,
    /// The service cannot or will not do it.
    Refused,
}

impl Answer {
    /// Reads an answer; `None` when it is no JSON object.
    #[must_use]
    pub fn read(status: StatusCode, text: &[u8]) -> Option<Self> {
        match serde_json::from_slice(text) {
            Ok(Value::Object(body)) => Some(Self { status, body }),
            _ => None,
        }
    }

    /// Whether it was done. Both generations of services are believed: one answers 200, the
    /// other 201.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.status.is_success() && self.body.get("success") == Some(&Value::Bool(true))
    }

    /// Why it was not.
    #[must_use]
    pub fn reason(&self) -> &str {
        let text = |name: &str| self.body.get(name).and_then(Value::as_str);
        text("error").or_else(|| text("message")).unwrap_or("no reason given")
    }

    /// What was asked for.
    #[must_use]
    pub fn data(self) -> Value {
        let mut body = self.body;
        body.remove("data").unwrap_or_default()
    }

    /// What it means for a question for the route of an object, or of a queue.
    #[must_use]
    pub fn looked(&self, is_stream: bool) -> Looked {
        match self.status {
            _ if self.is_success() => Looked::Found,
            StatusCode::NOT_FOUND => Looked::Absent,
            StatusCode::INTERNAL_SERVER_ERROR if is_stream => Looked::Unable,
            _ => Looked::Refused,
        }
    }

    /// What it means for a registration.
    #[must_use]
    pub fn registered(&self) -> Registered {
        let exists =
            || self.status == StatusCode::BAD_REQUEST && self.reason().starts_with("E11000");
        match () {
            () if self.is_success() => Registered::Done,
            () if exists() => Registered::Exists,
            () => Registered::Refused,
        }
    }

    /// Whether a change is done. The reference refuses one that changes nothing.
    #[must_use]
    pub fn changed(&self) -> bool {
        self.is_success() || self.reason() == "No document found to update"
    }

    /// Whether the service cannot do it now, rather than will not.
    #[must_use]
    pub fn is_failure(&self) -> bool {
        // A full service answers 429.
        self.status == StatusCode::TOO_MANY_REQUESTS || self.status.is_server_error()
    }

    /// Whether the same request is likely to be answered soon.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        self.status == StatusCode::TOO_MANY_REQUESTS || is_passing(self.status)
    }
}

/// Whether a service is likely to be back soon.
#[must_use]
pub fn is_passing(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        Answer::read(StatusCode::from_u16(status).unwrap(), body.as_bytes()).unwrap()
    }

    #[test]
    fn what_the_reference_says_is_understood() {
        let unable = answer(500, r#"{"success":false,"error":"no streams"}"#);
        assert_eq!((unable.looked(true), unable.looked(false)), (Looked::Unable, Looked::Refused));
        assert_eq!(answer(404, "{}").looked(false), Looked::Absent);
        let twice = answer(400, r#"{"success":false,"error":"E11000 duplicate key"}"#);
        assert_eq!(twice.registered(), Registered::Exists);
        assert!(answer(404, r#"{"error":"No document found to update"}"#).changed());
        assert_eq!(answer(201, r#"{"success":true}"#).registered(), Registered::Done);
        assert!(Answer::read(StatusCode::OK, b"[]").is_none());
    }
}
