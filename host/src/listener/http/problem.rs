//! `Problem`: every failed answer, a JSON object whatever the status.

use crate::{Error, ErrorKind};
use axum::{
    Json,
    http::{HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use framedb_core::{Failure, Stage};
use serde::Serialize;
use std::{fmt, time::Duration};

/// Why a request failed.
#[derive(Debug, Serialize)]
pub(super) struct Problem {
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
}

impl Problem {
    pub(super) fn new(status: StatusCode, class: &'static str, error: impl fmt::Display) -> Self {
        Self {
            status,
            success: false,
            error: error.to_string(),
            class,
            stage: None,
            hint: None,
            retry_after: None,
        }
    }

    /// A request that breaks a rule of the door.
    pub(super) fn invalid(error: impl fmt::Display) -> Self {
        Failure::invalid(error).into()
    }

    /// A request that cannot be carried out as it is: 400.
    pub(super) fn refused(error: impl fmt::Display) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid", error)
    }

    /// What was asked for is not there.
    pub(super) fn not_found(error: impl fmt::Display) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", error)
    }

    /// Somebody else has it, or it is of another kind.
    pub(super) fn conflict(error: impl fmt::Display) -> Self {
        Self::new(StatusCode::CONFLICT, "conflict", error)
    }

    pub(super) fn no_such_path(path: &str) -> Self {
        let path: String = path.chars().take(200).collect();
        Self::new(StatusCode::NOT_FOUND, "no-such-path", format_args!("there is no path {path:?}"))
            .with_hint("/openapi.json describes every path")
    }

    pub(super) fn wrong_method(method: &Method, path: &str) -> Self {
        let path: String = path.chars().take(200).collect();
        let error = format_args!("the path {path:?} does not take {method}");
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", error)
            .with_hint("/openapi.json describes every path")
    }

    /// A path of a service that this node does not offer.
    pub(super) fn switched_off(service: &str) -> Self {
        let error = format_args!("the {service} service is switched off on this node");
        Self::new(StatusCode::NOT_FOUND, "switched-off", error)
            .with_hint(format!("`services.{service} = true` in its configuration switches it on"))
    }

    /// An error on the way to what was stored: of the node or its engines, not of the request.
    pub(super) fn of_reading(error: Error) -> Self {
        let ours = matches!(error.kind(), ErrorKind::Invalid | ErrorKind::NotFound);
        let mut problem = Self::from(error);
        if ours {
            problem.status = StatusCode::INTERNAL_SERVER_ERROR;
        }
        problem
    }

    pub(super) fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    pub(super) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
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
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let (status, class) = match error.kind() {
            ErrorKind::Invalid => (StatusCode::BAD_REQUEST, "invalid"),
            ErrorKind::NotFound => (StatusCode::NOT_FOUND, "not-found"),
            ErrorKind::Conflict => (StatusCode::CONFLICT, "conflict"),
            ErrorKind::Denied => (StatusCode::INTERNAL_SERVER_ERROR, "denied"),
            ErrorKind::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "too-large"),
            ErrorKind::Full => (StatusCode::INSUFFICIENT_STORAGE, "full"),
            ErrorKind::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
            ErrorKind::Timeout => (StatusCode::GATEWAY_TIMEOUT, "timeout"),
            ErrorKind::Corrupt => (StatusCode::INTERNAL_SERVER_ERROR, "corrupt"),
            ErrorKind::Config => (StatusCode::INTERNAL_SERVER_ERROR, "config"),
            ErrorKind::Plugin => (StatusCode::INTERNAL_SERVER_ERROR, "plugin"),
        };
        let mut problem = Self::new(status, class, error.chain());
        problem.hint = error.hint().map(ToOwned::to_owned);
        problem
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.error)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(&self)).into_response();
        if let Some(delay) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, retry_after(delay));
        }
        response
    }
}

/// `Retry-After` in whole seconds, at least one.
pub(super) fn retry_after(delay: Duration) -> HeaderValue {
    HeaderValue::from(delay.as_millis().div_ceil(1000).clamp(1, 86_400) as u64)
}
