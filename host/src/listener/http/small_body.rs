//! Small bodies, which are read whole before anything is done with them.

use axum::body::{Body, to_bytes};
use bytes::Bytes;
use std::{fmt, time::Duration};

/// Bytes that a small body may have: 64 KiB of metadata with everything escaped, and the rest.
const MAX_BODY: usize = 1 << 20;

/// How long a client may take to send one.
const SENT_WITHIN: Duration = Duration::from_secs(30);

/// Why a body could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unread {
    TooLarge,
    EndedEarly,
    Late,
}

/// Reads a small body.
pub(super) async fn read(body: Body) -> Result<Bytes, Unread> {
    match tokio::time::timeout(SENT_WITHIN, to_bytes(body, MAX_BODY)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) => {
            let source = std::error::Error::source(&error);
            let limit = source.is_some_and(|s| s.is::<http_body_util::LengthLimitError>());
            Err(if limit { Unread::TooLarge } else { Unread::EndedEarly })
        }
        Err(_) => Err(Unread::Late),
    }
}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge => write!(f, "the body has more than {MAX_BODY} bytes"),
            Self::EndedEarly => f.write_str("the body ended early"),
            Self::Late => f.write_str("the body did not come in time"),
        }
    }
}
