//! HTTP, as the node speaks it: [`Service`] for itself, [`Lent`] for its plugins.
//!
//! A `Service` is one of FrameDB's that speaks JSON.
//! Every request has a deadline, and every one may be sent twice: what the services do is
//! idempotent. Retries have a budget, so that a service in trouble is not asked three times as
//! often as before.

mod connector;
mod fault;
mod lent;
mod resolver;

pub(crate) use connector::BoxError;
pub(crate) use fault::Fault;
pub(crate) use framedb_core::routing::Answer;
pub(crate) use lent::{AnswerBody, Lent, Speaks};

use crate::{Error, ErrorKind, Result, driver::tls};
use framedb_core::routing::{is_passing, path};
use reqwest::{Client, Method, retry};
use serde_json::Value;
use std::{fmt, time::Duration};
use url::Url;

/// How long an answer may take, its retries included.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long a connection may take to open.
const TO_CONNECT: Duration = Duration::from_secs(2);

/// How much more retries may ask of a service, as a part of what it is asked anyway.
const EXTRA_LOAD: f32 = 0.2;

/// A service at a base URL.
pub(crate) struct Service {
    base: Url,
    client: Client,
}

impl Service {
    /// The service at `url`, `http://host[:port][/path]` or `https://…`; a user and a password in
    /// it are sent with every request. Nothing is asked yet.
    ///
    /// # Errors
    ///
    /// When the URL is none; nothing of it is shown.
    pub(crate) fn new(url: &str, what: &str) -> Result<Self> {
        let invalid = |why: &str| {
            Error::new(ErrorKind::Config, format!("cannot use {what}: its URL {why}"))
                .with_hint("write `http://host:port` or `https://host`")
        };
        let mut base = Url::parse(url).map_err(|cause| invalid(&format!("is none: {cause}")))?;
        if !matches!(base.scheme(), "http" | "https") || !base.has_host() {
            return Err(invalid("is not one of HTTP"));
        }
        base.set_query(None);
        base.set_fragment(None);
        tls::install();
        let host = base.host_str().unwrap_or_default().to_owned();
        let retries = retry::for_host(Host(host)).max_extra_load(EXTRA_LOAD).classify_fn(|sent| {
            match (sent.status(), sent.error()) {
                (Some(status), _) if is_passing(status) => sent.retryable(),
                (None, Some(_)) => sent.retryable(),
                _ => sent.success(),
            }
        });
        let client = Client::builder()
            .timeout(PATIENCE)
            .connect_timeout(TO_CONNECT)
            .retry(retries)
            .user_agent(concat!("framedb-edge/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|cause| invalid("needs a client that cannot be made").with_source(cause))?;
        Ok(Self { base, client })
    }

    /// Asks for a path, whose segments are encoded, and reads the JSON object of the answer.
    ///
    /// # Errors
    ///
    /// When the service cannot be reached or does not answer in JSON. What it refuses is an
    /// [`Answer`].
    pub(crate) async fn ask(
        &self,
        method: Method,
        path: &[&str],
        body: Option<&Value>,
    ) -> Result<Answer> {
        let mut request = self.client.request(method, self.url(path));
        if let Some(body) = body {
            request = request.json(body);
        }
        let failed = |cause: reqwest::Error| {
            let kind = if cause.is_timeout() { ErrorKind::Timeout } else { ErrorKind::Unavailable };
            // The URL may hold a password.
            Error::new(kind, format!("cannot reach the service at {self}"))
                .with_source(cause.without_url())
        };
        let response = request.send().await.map_err(failed)?;
        let status = response.status();
        let text = response.bytes().await.map_err(failed)?;
        Answer::read(status, &text).ok_or_else(|| {
            let message = format!(
                "the service at {self} answered {status} to /{} without a JSON object",
                path.join("/")
            );
            Error::new(ErrorKind::Unavailable, message).with_temporary(is_passing(status))
        })
    }

    /// The base URL's own path, then the segments, each encoded as a whole: a key keeps its
    /// slashes, question marks and dots.
    fn url(&self, segments: &[&str]) -> Url {
        let mut url = self.base.clone();
        url.set_path(&path(self.base.path(), segments));
        url
    }
}

/// The address alone: no user, no password.
impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.base.host_str().unwrap_or_default();
        write!(f, "{}://{host}", self.base.scheme())?;
        match self.base.port() {
            Some(port) => write!(f, ":{port}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Service({self})")
    }
}

/// A host that retries are counted for.
struct Host(String);

impl PartialEq<&str> for Host {
    fn eq(&self, other: &&str) -> bool {
        self.0 == *other
    }
}

/// The refusal of a service as an error of what was attempted.
pub(crate) fn refused(answer: &Answer, attempt: &str) -> Error {
    let message = format!("cannot {attempt}: {} ({})", answer.reason(), answer.status.as_u16());
    let kind = if answer.is_failure() { ErrorKind::Unavailable } else { ErrorKind::Invalid };
    Error::new(kind, message).with_temporary(answer.is_temporary())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_whole_segments_and_passwords_are_not_shown() {
        let service = Service::new("http://me:s3cret@h:5000/base/", "the registry").unwrap();
        let url = service.url(&["framedb", "objects", "a/b?1#x"]);
        assert_eq!(url.path(), "/base/framedb/objects/a%2Fb%3F1%23x");
        let url = service.url(&["global", "persistent-instances", "a_b.c~d e"]);
        assert_eq!(url.path(), "/base/global/persistent-instances/a_b.c~d%20e");
        assert_eq!(format!("{service} {service:?}"), "http://h:5000 Service(http://h:5000)");
        for wrong in ["s3cret", "redis://:s3cret@h", "http://"] {
            let error = Service::new(wrong, "the registry").unwrap_err();
            assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
        }
    }
}
