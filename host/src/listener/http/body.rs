//! Bodies: the permit comes first, then the bytes.

use crate::pipeline::{Admission, Permit};
use axum::{
    body::{Body, HttpBody},
    http::{HeaderMap, header},
};
use bytes::{Bytes, BytesMut};
use framedb_core::{
    Failure,
    http::body::{longer, stalled, truncated},
};
use http_body_util::BodyExt;
use std::time::Duration;

/// The room that is taken first for a body of unknown length; doubled as it grows.
const FIRST_ROOM: u64 = 64 << 10;

/// How long a sender may pause within a body; its room is not there for others meanwhile.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Reads a body under a permit. Whether there is room, and whether the body is too large, is
/// known before anything is read where the sender says how long it is.
pub(super) async fn read(
    mut body: Body,
    headers: &HeaderMap,
    admission: &Admission,
) -> Result<(Bytes, Permit), Failure> {
    let length = length(&body, headers);
    let mut room = length.unwrap_or(FIRST_ROOM.min(admission.max_object()));
    let mut permit = admission.try_admit(room)?;
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    let mut read = 0;
    loop {
        let frame = match tokio::time::timeout(LONGEST_PAUSE, body.frame()).await {
            Ok(None) => break,
            Ok(Some(Ok(frame))) => frame,
            Ok(Some(Err(error))) => {
                tracing::debug!(%error, "a body ended early");
                return Err(truncated(read, length));
            }
            Err(_) => return Err(stalled(read, length, LONGEST_PAUSE)),
        };
        let Ok(data) = frame.into_data() else { continue };
        read += data.len() as u64;
        if read > room {
            if let Some(length) = length {
                return Err(longer(length));
            }
            if read > admission.max_object() {
                return Err(admission.too_large(None));
            }
            room = read.saturating_mul(2).min(admission.max_object());
            admission.try_grow(&mut permit, room)?;
        }
        if first.is_empty() {
            first = data;
            continue;
        }
        if rest.is_empty() {
            rest.reserve(usize::try_from(room).unwrap_or_default());
            rest.extend_from_slice(&first);
        }
        rest.extend_from_slice(&data);
    }
    if length.is_some_and(|length| read < length) {
        return Err(truncated(read, length));
    }
    // A body that came in one piece is not copied.
    Ok((if rest.is_empty() { first } else { rest.freeze() }, permit))
}

fn length(body: &Body, headers: &HeaderMap) -> Option<u64> {
    let declared = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    let declared = declared.and_then(|value| value.parse().ok());
    declared.or_else(|| HttpBody::size_hint(body).exact())
}

#[cfg(test)]
mod tests {
    use super::*;
    use framedb_core::FailureClass;
    use futures::{StreamExt as _, stream};

    fn chunks(parts: &[&'static [u8]]) -> Body {
        Body::from_stream(stream::iter(parts.to_vec()).map(Ok::<_, std::io::Error>))
    }

    fn declared(length: usize) -> HeaderMap {
        [(header::CONTENT_LENGTH, length.into())].into_iter().collect()
    }

    #[tokio::test]
    async fn a_body_of_many_pieces_is_put_together() {
        let admission = Admission::new(10_000, 1_000);
        let (data, permit) =
            read(chunks(&[b"ab", b"", b"c"]), &declared(3), &admission).await.unwrap();
        assert_eq!((&*data, admission.in_flight()), (&b"abc"[..], 3 + 1024));
        drop(permit);
        let (data, _permit) =
            read(chunks(&[b"ab", b"c"]), &HeaderMap::new(), &admission).await.unwrap();
        assert_eq!(&*data, b"abc");
    }

    #[tokio::test]
    async fn a_body_that_ends_early_says_where() {
        let admission = Admission::new(10_000, 1_000);
        let error = read(chunks(&[b"ab"]), &declared(3), &admission).await.unwrap_err();
        assert_eq!(error.message, "the body ended after 2 of 3 bytes");
        assert_eq!(admission.in_flight(), 0);
    }

    #[tokio::test]
    async fn a_body_that_is_too_large_or_has_no_room_is_not_read() {
        let admission = Admission::new(2_000, 1_000);
        let never = || Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
        let error = read(never(), &declared(1_001), &admission).await.unwrap_err();
        assert_eq!(error.class, FailureClass::TooLarge);
        let _held = admission.try_admit(900).unwrap();
        let error = read(never(), &declared(900), &admission).await.unwrap_err();
        assert_eq!(error.class, FailureClass::Busy);
        drop(_held);
        let long = chunks(&[&[0; 600], &[0; 600]]);
        let error = read(long, &HeaderMap::new(), &admission).await.unwrap_err();
        assert_eq!(error.class, FailureClass::TooLarge);
        assert_eq!(admission.in_flight(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_sender_that_pauses_for_too_long_gives_its_room_back() {
        let admission = Admission::new(10_000, 1_000);
        let stalls = stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(b"ab"))])
            .chain(stream::pending());
        let error = read(Body::from_stream(stalls), &declared(3), &admission).await.unwrap_err();
        assert!(error.message.contains("stalled after 2 of 3 bytes"), "{error}");
        assert_eq!(admission.in_flight(), 0);
    }
}
