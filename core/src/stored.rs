//! `Stored`: bytes on their way into a store and out of it again, with the codec that is needed.

use crate::{Codec, Frame, Route, Writer, frame, needs_frame, unframe};
use bytes::Bytes;

/// What stored bytes turn out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// The payload, or what the codec makes it of.
    pub data: Bytes,
    /// The codec that wrote them; none when they are the payload.
    pub codec: Option<Codec>,
    /// Whether they are a foreign writer's, to be returned as they are.
    pub foreign: bool,
}

impl Stored {
    /// What was found under an object's route, where routes keep codecs or, as those of the
    /// existing routing service, do not.
    #[must_use]
    pub fn object(route: &Route, found: Bytes, routes_keep_codecs: bool) -> Self {
        let (codec, foreign) = match route.writer_of(&found) {
            Writer::Sender => (None, false),
            Writer::Codec(record) => (Some(record.codec.clone()), false),
            Writer::Foreign => (None, true),
        };
        if codec.is_none() && may_be_framed(route, &found, routes_keep_codecs) {
            return Self { foreign, ..Self::opened(found) };
        }
        Self { data: found, codec, foreign }
    }

    /// What was taken out of a queue.
    #[must_use]
    pub fn element(route: &Route, taken: Bytes) -> Self {
        match route.unframed {
            true => Self { data: taken, codec: None, foreign: false },
            false => Self::opened(taken),
        }
    }

    /// Bytes that may carry a frame; others are what they are.
    fn opened(found: Bytes) -> Self {
        let (data, codec) = match unframe(&found) {
            Frame::Raw(raw) => (found.slice_ref(raw), None),
            Frame::Foreign(_) => (found, None),
            Frame::Coded(codec, coded) => (found.slice_ref(coded), Some(codec)),
        };
        Self { data, codec, foreign: false }
    }
}

/// The bytes that go to a store which has no route to keep their codec: framed where a codec
/// wrote them, or where a reader would take the sender's for a frame.
#[must_use]
pub fn framed(codec: Option<&Codec>, data: &Bytes) -> Bytes {
    match codec.is_some() || needs_frame(data) {
        true => frame(codec, data).into(),
        false => data.clone(),
    }
}

/// Whether bytes may carry a frame: where routes keep no codecs, and where another node keeps
/// its routes at this one's services. A route says how much the sender sent: bytes of this
/// size are the sender's, unless a codec's output and its frame happen to be as long.
fn may_be_framed(route: &Route, stored: &[u8], routes_keep_codecs: bool) -> bool {
    if route.size == Some(stored.len() as u64) {
        return !routes_keep_codecs && matches!(unframe(stored), Frame::Coded(..));
    }
    route.codec.is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CodecRecord, Kind};

    fn codec() -> Codec {
        Codec { format: "lz4/1".parse().unwrap(), digest: "sha256:0".into() }
    }

    fn route(size: u64, codec: Option<CodecRecord>) -> Route {
        Route {
            framedb_id: "disk".into(),
            kind: Kind::Storage,
            size: Some(size),
            metadata: "".into(),
            metadata_is_json: false,
            copies: [].into(),
            content_type: None,
            attributes: [].into(),
            codec,
            next: None,
            unframed: false,
            generation: 1,
            expires_at: None,
            stored_at: 0,
        }
    }

    #[test]
    fn bytes_find_the_codec_that_wrote_them() {
        let record = CodecRecord::of(codec(), b"coded");
        let read = Stored::object(&route(9, Some(record.clone())), "coded".into(), true);
        assert_eq!((read.codec, read.foreign), (Some(codec()), false));
        let read = Stored::object(&route(9, Some(record)), "other".into(), true);
        assert_eq!((read.codec, read.foreign), (None, true));
        let read = Stored::object(&route(4, None), "sent".into(), true);
        assert_eq!((&*read.data, read.codec, read.foreign), (&b"sent"[..], None, false));
    }

    #[test]
    fn a_frame_is_opened_where_no_route_keeps_the_codec() {
        let data = framed(Some(&codec()), &"coded".into());
        let read = Stored::object(&route(9, None), data.clone(), false);
        assert_eq!((&*read.data, read.codec), (&b"coded"[..], Some(codec())));
        let read = Stored::object(&route(data.len() as u64, None), data.clone(), true);
        assert_eq!((read.data, read.codec), (data.clone(), None));
        let read = Stored::element(&route(0, None), data.clone());
        assert_eq!(&*read.data, b"coded");
        let unframed = Route { unframed: true, ..route(0, None) };
        assert_eq!(Stored::element(&unframed, data.clone()).data, data);
    }

    #[test]
    fn sent_bytes_that_look_like_a_frame_come_back_as_they_were() {
        let sent = framed(Some(&codec()), &"coded".into());
        let kept = framed(None, &sent);
        assert_ne!(kept, sent);
        assert_eq!(Stored::element(&route(0, None), kept).data, sent);
        assert_eq!(framed(None, &"plain".into()), "plain");
    }
}
