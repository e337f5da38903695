//! `Problem`: every failed answer, a JSON object whatever the status.

use super::{Answer, json};
use crate::{Failure, Stage};
use http::{HeaderValue, Method, StatusCode, header};
use serde::Serialize;
use std::{fmt, time::Duration};

/// Why a request failed.
#[derive(Debug, Clone, Serialize)]
pub struct Problem {
    #[serde(skip)]
    status: StatusCode,
    success: bool,
    error: String,
    class: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    stage: Option<Stage>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
    #[serde(skip)]
    retry_after: Option<Duration>,
    #[serde(skip)]
    allowed: Option<String>,
}

impl Problem {
    /// A problem of a class that clients can tell from others, with the status that tells it.
    pub fn new(status: StatusCode, class: &'static str, error: impl fmt::Display) -> Self {
        Self {
            status,
            success: false,
            error: error.to_string(),
            class,
            stage: None,
            hint: None,
            retry_after: None,
            allowed: None,
        }
    }

    /// A request that breaks a rule of the door.
    pub fn invalid(error: impl fmt::Display) -> Self {
        Failure::invalid(error).into()
    }

    /// A request that cannot be carried out as it is: 400.
    pub fn refused(error: impl fmt::Display) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid", error)
    }

    /// What was asked for is not there.
    pub fn not_found(error: impl fmt::Display) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", error)
    }

    /// Somebody else has it, or it is of another kind.
    pub fn conflict(error: impl fmt::Display) -> Self {
        Self::new(StatusCode::CONFLICT, "conflict", error)
    }

    /// There is no such path.
    #[must_use]
    pub fn no_such_path(path: &str) -> Self {
        let path: String = path.chars().take(200).collect();
        Self::new(StatusCode::NOT_FOUND, "no-such-path", format_args!("there is no path {path:?}"))
            .with_hint("/openapi.json describes every path")
    }

    /// The path does not take this method.
    #[must_use]
    pub fn wrong_method(method: &Method, path: &str) -> Self {
        let path: String = path.chars().take(200).collect();
        let error = format_args!("the path {path:?} does not take {method}");
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", error)
            .with_hint("/openapi.json describes every path")
    }

    /// Says which methods the path takes.
    #[must_use]
    pub fn with_allowed(mut self, methods: &[Method]) -> Self {
        let names: Vec<_> = methods.iter().map(Method::as_str).collect();
        self.allowed = Some(names.join(","));
        self
    }

    /// Answers with another status.
    #[must_use]
    pub fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// Says what to do about it.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// A failure on the way to what was stored: of the servers behind, not of the request, and at
    /// no stage of an object's path.
    #[must_use]
    pub fn of_reading(failure: Failure) -> Self {
        let mut problem = Self::from(failure);
        problem.stage = None;
        problem
    }

    /// The status that tells it.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The answer.
    #[must_use]
    pub fn into_answer(self) -> Answer {
        let mut answer = json(self.status, &self);
        if let Some(delay) = self.retry_after {
            answer.headers_mut().insert(header::RETRY_AFTER, retry_after(delay));
        }
        if let Some(methods) = self.allowed.and_then(|methods| methods.try_into().ok()) {
            answer.headers_mut().insert(header::ALLOW, methods);
        }
        answer
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        let status = StatusCode::from_u16(failure.class.http_status());
        Self {
            status: status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            success: false,
            error: failure.message,
            class: failure.class.as_str(),
            stage: Some(failure.stage),
            hint: None,
            retry_after: failure.retry_after,
            allowed: None,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.error)
    }
}

impl std::error::Error for Problem {}

/// For handlers of a node's router, which fail with problems.
#[cfg(feature = "axum")]
impl axum_core::response::IntoResponse for Problem {
    fn into_response(self) -> axum_core::response::Response {
        self.into_answer().map(axum_core::body::Body::from)
    }
}

/// `Retry-After` in whole seconds, at least one.
#[must_use]
pub fn retry_after(delay: Duration) -> HeaderValue {
    HeaderValue::from(delay.as_millis().div_ceil(1000).clamp(1, 86_400) as u64)
}
