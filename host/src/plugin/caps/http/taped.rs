//! Requests with a tape: what a server answered is taken down, or comes from there and from no
//! server.

use super::errors;
use crate::plugin::{
    packed::unpack,
    tape::{Heard, Tape},
};
use bytes::Bytes;
use futures::{StreamExt as _, future, stream};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use serde::{Deserialize, Serialize};
use std::mem;
use wasmtime_wasi_http::{Error, WasiBody};

/// What records call it; both versions come down to it.
const INTERFACE: &str = "wasi:http";
const FUNCTION: &str = "request";

/// Headers, or trailers.
pub(super) type Fields = Vec<(String, Vec<u8>)>;

/// How a body ended: perhaps with trailers.
pub(super) type End = Result<Option<Fields>, Code>;

/// How an answer began.
type Head = Result<(u16, Fields), Code>;

/// An error as records have it: its name, and the text of those that have one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Code(String, Option<String>);

impl Code {
    pub(super) fn of(error: &Error) -> Self {
        let text = match error {
            Error::InternalError(text) => text.clone(),
            _ => None,
        };
        let shown = format!("{error:?}");
        let name = shown.split(['(', ' ']).next().unwrap_or_default();
        Self(name.to_owned(), text)
    }

    fn error(self) -> Error {
        let Self(name, text) = self;
        errors::named(&name).unwrap_or(Error::InternalError(Some(text.unwrap_or(name))))
    }
}

pub(super) fn fields(headers: &HeaderMap) -> Fields {
    headers.iter().map(|(name, value)| (name.to_string(), value.as_bytes().to_vec())).collect()
}

/// Takes down that a request is sent.
pub(super) fn begin(tape: &std::sync::Arc<Tape>, request: &Request<WasiBody>) -> Heard {
    tape.begin(INTERFACE, FUNCTION, &asked(request))
}

/// Takes down how an answer began.
pub(super) fn head(heard: &Heard, answer: Result<&Response<WasiBody>, &Error>) {
    let head: Head = match answer {
        Ok(response) => Ok((response.status().as_u16(), fields(response.headers()))),
        Err(error) => Err(Code::of(error)),
    };
    heard.given(&head);
}

/// The answer that a record has for a request.
pub(super) async fn answer(
    tape: &Tape,
    request: Request<WasiBody>,
) -> Result<Response<WasiBody>, Error> {
    let other_form = |_| Error::InternalError(Some("the record has another form".to_owned()));
    let answered = tape.answer(INTERFACE, FUNCTION, &asked(&request));
    let mut call = answered.map_err(|diverged| Error::InternalError(Some(diverged.to_string())))?;
    let mut body = request.into_body();
    // The guest goes on when somebody takes its body. It ends with the guest.
    tokio::spawn(async move { while let Some(Ok(_)) = body.frame().await {} });
    let head: Head = mem::take(&mut call.answer).told().await.map_err(other_form)?;
    let (status, headers) = head.map_err(Code::error)?;
    let parts: Result<Vec<Vec<u8>>, _> =
        mem::take(&mut call.items).into_iter().map(unpack).collect();
    let parts =
        parts.map_err(|_| Error::InternalError(Some("the record has another form".into())))?;
    let end = call.end;
    let end = async move {
        match end.told::<End>().await.map_err(other_form) {
            Ok(Ok(None)) => None,
            Ok(Ok(Some(trailers))) => Some(Ok(Frame::trailers(map(trailers)))),
            Ok(Err(code)) => Some(Err(code.error())),
            Err(error) => Some(Err(error)),
        }
    };
    let parts = stream::iter(parts).map(|part| Ok(Frame::data(Bytes::from(part))));
    let frames = parts.chain(stream::once(end).filter_map(future::ready));
    let mut response = Response::new(StreamBody::new(frames).boxed_unsync());
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or_default();
    *response.headers_mut() = map(headers);
    Ok(response)
}

/// What tells requests apart. A body comes later than the call.
fn asked(request: &Request<WasiBody>) -> (String, String, Fields) {
    (request.method().to_string(), request.uri().to_string(), fields(request.headers()))
}

fn map(fields: Fields) -> HeaderMap {
    let header = |(name, value): (String, Vec<u8>)| {
        let name = HeaderName::try_from(name).ok()?;
        Some((name, HeaderValue::from_bytes(&value).ok()?))
    };
    fields.into_iter().filter_map(header).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_come_back_as_they_were() {
        for error in [
            Error::DestinationNotFound,
            Error::HttpResponseTimeout,
            Error::ConnectionReadTimeout,
            Error::InternalError(Some("not granted".to_owned())),
        ] {
            let shown = format!("{error:?}");
            assert_eq!(format!("{:?}", Code::of(&error).error()), shown);
        }
        // What has a number keeps its name.
        let code = Code::of(&Error::HttpResponseBodySize(Some(1)));
        assert_eq!(code.0, "HttpResponseBodySize");
    }
}
