//! Requests over HTTP, over `wasi:http` 0.3: to hosts that `[plugins.NAME.grants.http.LABEL]`
//! allows. The label is a host name, too, so that a plugin needs no address.
//!
//! ```no_run
//! use framedb_plugin::http::{self, Body};
//!
//! async fn lookup(key: &str) -> Result<u16, http::Error> {
//!     let request = ::http::Request::get(format!("https://routes/v1/{key}"));
//!     let request = request.body(Body::empty()).map_err(http::Error::other)?;
//!     Ok(http::send(request).await?.status().as_u16())
//! }
//! ```
//!
//! The node follows no redirects, and gives a request up before the plugin's own time ends.
//!
//! Why not `spin_sdk::http`? It leaves a request's body to be written by a task of its own,
//! which only runs where the component's exports are of the same release of wit-bindgen.

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use std::{
    convert::Infallible,
    error, fmt,
    pin::{Pin, pin},
    task::{Context, Poll},
    time::Duration,
};
use wasip3::{
    http::{client, types},
    http_compat::{BodyWriter, IncomingResponseBody, http_from_wasi_response},
    wit_future,
};

pub use wasip3::http::types::ErrorCode;

/// The body of an answer, as it comes; its trailers are its last frame.
pub type Incoming = IncomingResponseBody;

/// How long an answer may take to begin, and its next part to follow: an extension of a request.
/// Without it, that is the node's to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeout(pub Duration);

/// Sends a request; the answer's body comes while it is read.
///
/// # Errors
///
/// When the request is not granted, which the error says with the lines that would allow it, or
/// when there is no answer.
pub async fn send<B>(request: http::Request<B>) -> Result<http::Response<Incoming>, Error>
where
    B: http_body::Body + 'static,
    B::Data: Into<Vec<u8>>,
    B::Error: Into<Box<dyn error::Error + Send + Sync>>,
{
    let (mut parts, body) = request.into_parts();
    parts.headers.remove(http::header::HOST);
    let headers = types::Fields::try_from(parts.headers).map_err(Error::other)?;
    let options = parts.extensions.get::<Timeout>().map(|timeout| options(timeout.0));
    let (request, _sent) = if body.is_end_stream() {
        let (_, trailers) = wit_future::new(|| Ok(None));
        types::Request::new(headers, None, trailers, options)
    } else {
        let (writer, contents, trailers) = BodyWriter::new();
        wit_bindgen::spawn_local(async move {
            // What breaks here, the answer tells.
            let _ = writer.send_http_body(&mut pin!(body)).await;
        });
        types::Request::new(headers, Some(contents), trailers, options)
    };
    let uri = &parts.uri;
    let target = uri.path_and_query().map(|target| target.as_str());
    let set = request
        .set_method(&parts.method.into())
        .and_then(|()| request.set_scheme(uri.scheme().map(Into::into).as_ref()))
        .and_then(|()| request.set_authority(uri.authority().map(|host| host.as_str())))
        .and_then(|()| request.set_path_with_query(target));
    set.map_err(|()| Error(ErrorCode::HttpRequestUriInvalid))?;
    Ok(http_from_wasi_response(client::send(request).await?)?)
}

fn options(time: Duration) -> types::RequestOptions {
    let options = types::RequestOptions::new();
    let nanos = Some(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    // A host that knows no timeouts has its own.
    let _ = options.set_first_byte_timeout(nanos);
    let _ = options.set_between_bytes_timeout(nanos);
    options
}

/// A body that is known as a whole, perhaps an empty one.
#[derive(Debug, Clone, Default)]
pub struct Body(Bytes);

impl Body {
    /// No body.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }
}

impl<T: Into<Bytes>> From<T> for Body {
    fn from(bytes: T) -> Self {
        Self(bytes.into())
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let bytes = std::mem::take(&mut self.0);
        Poll::Ready((!bytes.is_empty()).then(|| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.len() as u64)
    }
}

/// Why there is no answer.
#[derive(Debug, Clone)]
pub struct Error(pub ErrorCode);

impl Error {
    /// What was wrong with a request before it was sent.
    pub fn other(cause: impl fmt::Display) -> Self {
        Self(ErrorCode::InternalError(Some(cause.to_string())))
    }
}

impl From<ErrorCode> for Error {
    fn from(code: ErrorCode) -> Self {
        Self(code)
    }
}

/// The host's own words, else the name of the code as words.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let ErrorCode::InternalError(Some(text)) = &self.0 {
            return f.write_str(text);
        }
        let name = format!("{:?}", self.0);
        let name = name.rsplit_once("::").map_or(name.as_str(), |(_, name)| name);
        let name = name.split('(').next().unwrap_or_default();
        for (n, letter) in name.chars().enumerate() {
            if letter.is_uppercase() && n > 0 {
                f.write_str(" ")?;
            }
            write!(f, "{}", letter.to_lowercase())?;
        }
        Ok(())
    }
}

impl error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_the_hosts_words_or_the_name_of_its_code() {
        let shown = |code| Error(code).to_string();
        assert_eq!(shown(ErrorCode::ConnectionRefused), "connection refused");
        assert_eq!(shown(ErrorCode::HttpResponseBodySize(Some(3))), "http response body size");
        let refused = ErrorCode::InternalError(Some("not granted".into()));
        assert_eq!(shown(refused), "not granted");
    }
}
