//! Bodies, read up to a limit.

use ::http::{HeaderMap, header};
use bytes::{Bytes, BytesMut};
use framedb_core::{
    Failure, MaxObject,
    http::body::{longer, stalled, truncated},
};
use futures::future::{Either, select};
use http_body_util::BodyExt as _;
use spin_sdk::{http::Request, time::sleep};
use std::{pin::pin, time::Duration};

/// A body as Spin hands it over.
pub(super) type Incoming = <Request as IntoBody>::Body;

/// How long a sender may pause within a body.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Names the body of a request.
pub(super) trait IntoBody {
    type Body;
}

impl<B> IntoBody for ::http::Request<B> {
    type Body = B;
}

/// Reads a body. Whether it is too large is known before anything is read where the sender says
/// how long it is; the rest is then left where it is.
pub(super) async fn read(
    body: &mut Incoming,
    headers: &HeaderMap,
    most: MaxObject,
) -> Result<Bytes, Failure> {
    let length = length(headers);
    if length.is_some_and(|length| length > most.bytes) {
        return Err(most.too_large(length));
    }
    let (mut first, mut rest) = (Bytes::new(), BytesMut::new());
    let mut read = 0;
    loop {
        let frame = match select(body.frame(), pin!(sleep(LONGEST_PAUSE))).await {
            Either::Left((None, _)) => break,
            Either::Left((Some(Ok(frame)), _)) => frame,
            Either::Left((Some(Err(_)), _)) => return Err(truncated(read, length)),
            Either::Right(_) => return Err(stalled(read, length, LONGEST_PAUSE)),
        };
        let Ok(data) = frame.into_data() else { continue };
        read += data.len() as u64;
        if let Some(length) = length.filter(|length| read > *length) {
            return Err(longer(length));
        }
        if read > most.bytes {
            return Err(most.too_large(None));
        }
        if first.is_empty() {
            first = data;
            continue;
        }
        if rest.is_empty() {
            let room = length.unwrap_or(read.saturating_mul(2));
            rest.reserve(usize::try_from(room).unwrap_or_default());
            rest.extend_from_slice(&first);
        }
        rest.extend_from_slice(&data);
    }
    if length.is_some_and(|length| read < length) {
        return Err(truncated(read, length));
    }
    // A body that came in one piece is not copied.
    Ok(if rest.is_empty() { first } else { rest.freeze() })
}

/// Takes what is left of a body from its sender, who would hear no answer while it sends.
pub(super) async fn discard(body: &mut Incoming) {
    while let Either::Left((Some(Ok(_)), _)) =
        select(body.frame(), pin!(sleep(LONGEST_PAUSE))).await
    {}
}

fn length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
