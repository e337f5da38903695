//! What a guest reads of a request that failed: codes of `wasi:http`, and a text where a grant
//! refuses.

use super::{CAPABILITY, body::MAX_BYTES};
use crate::{driver::http::Fault, error::with_causes, grants::Refusal, plugin::access::Access};
use std::{error, iter};
use wasmtime_wasi_http::Error;

/// Why no answer began at the server of a grant.
pub(super) fn of_request(
    access: &Access,
    label: &str,
    error: &(dyn error::Error + 'static),
) -> Error {
    if let Some(refusal) = cause::<Refusal>(error) {
        return refused(access, refusal);
    }
    // What broke in the guest's own body is no news to anybody but the guest.
    if cause::<Error>(error).is_none() {
        access.unanswered(CAPABILITY, label, &with_causes(error.to_string(), error.source()));
    }
    of_body(error)
}

/// Why an answer did not go on. What broke in the body of the request itself comes back as it
/// was.
pub(super) fn of_body(error: &(dyn error::Error + 'static)) -> Error {
    match cause::<Error>(error) {
        Some(Error::HttpRequestBodySize(bytes)) => return Error::HttpRequestBodySize(*bytes),
        Some(Error::InternalError(text)) => return Error::InternalError(text.clone()),
        _ => {}
    }
    match Fault::of(error) {
        Fault::NoSuchHost => Error::DestinationNotFound,
        Fault::ConnectionRefused => Error::ConnectionRefused,
        Fault::ConnectTimeout => Error::ConnectionTimeout,
        Fault::Certificate => Error::TlsCertificateError,
        Fault::Tls => Error::TlsProtocolError,
        Fault::Alert(id) => Error::TlsAlertReceived { alert_id: Some(id), alert_message: None },
        Fault::Unreachable => Error::DestinationUnavailable,
        Fault::Closed => Error::HttpResponseIncomplete,
        Fault::TooManyHeaders => Error::HttpResponseHeaderSectionSize(None),
        Fault::Protocol => Error::HttpProtocolError,
    }
}

/// The error of this name, of those that the node gives.
pub(super) fn named(name: &str) -> Option<Error> {
    Some(match name {
        "ConfigurationError" => Error::ConfigurationError,
        "ConnectionReadTimeout" => Error::ConnectionReadTimeout,
        "ConnectionRefused" => Error::ConnectionRefused,
        "ConnectionTerminated" => Error::ConnectionTerminated,
        "ConnectionTimeout" => Error::ConnectionTimeout,
        "DestinationNotFound" => Error::DestinationNotFound,
        "DestinationUnavailable" => Error::DestinationUnavailable,
        "HttpProtocolError" => Error::HttpProtocolError,
        "HttpRequestBodySize" => Error::HttpRequestBodySize(Some(MAX_BYTES)),
        "HttpRequestUriInvalid" => Error::HttpRequestUriInvalid,
        "HttpResponseBodySize" => Error::HttpResponseBodySize(Some(MAX_BYTES)),
        "HttpResponseHeaderSectionSize" => Error::HttpResponseHeaderSectionSize(None),
        "HttpResponseIncomplete" => Error::HttpResponseIncomplete,
        "HttpResponseTimeout" => Error::HttpResponseTimeout,
        "TlsCertificateError" => Error::TlsCertificateError,
        "TlsProtocolError" => Error::TlsProtocolError,
        _ => return None,
    })
}

/// The one code with room for words says what is not granted, and the lines that would; a list of
/// hosts answers as Spin's does.
pub(super) fn refused(access: &Access, refusal: &Refusal) -> Error {
    if access.grants().names_addresses() {
        access.refused(CAPABILITY, refusal);
        return Error::HttpRequestDenied;
    }
    Error::InternalError(Some(access.refused(CAPABILITY, refusal)))
}

fn cause<'a, T: error::Error + 'static>(error: &'a (dyn error::Error + 'static)) -> Option<&'a T> {
    let mut chain =
        iter::successors(Some(error), |error: &&'a (dyn error::Error + 'static)| (*error).source());
    chain.find_map(|error| error.downcast_ref())
}
