//! `Arrival`: what a door received, and the rules that make an object of it.

use crate::{
    Envelope, Failure, FailureClass, Key, Kind, Object, Outcome, Receipt, Stage, check_metadata,
    declared,
};
use bytes::Bytes;
use std::sync::Arc;

/// Bytes an id, a source or an instance's name may have.
const MAX_NAME: usize = 255;

/// What a door received, as it came off the wire; nothing is checked yet.
#[derive(Debug, Clone, Default)]
pub struct Arrival {
    /// The sender's id of the object; empty lets the node generate one.
    pub id: String,
    /// The key, or the queue's name; empty lets the node generate one.
    pub key: Bytes,
    /// Who produced it; empty takes it from a frame key.
    pub source: String,
    /// How to keep it; `None` leaves that to the instance, the pipeline or the defaults.
    pub kind: Option<Kind>,
    /// The instance; empty leaves that to the pipeline.
    pub framedb_id: String,
    /// As declared; empty is undeclared.
    pub content_type: String,
    /// Opaque text.
    pub metadata: Bytes,
    /// The payload.
    pub data: Bytes,
}

/// The bytes that an object may have, and the setting that says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MaxObject {
    /// How many.
    pub bytes: u64,
    /// The setting's name where the operator finds it.
    pub setting: &'static str,
}

impl MaxObject {
    /// The failure of a larger object; its size where that is known.
    #[must_use]
    pub fn too_large(self, size: Option<u64>) -> Failure {
        let Self { bytes, setting } = self;
        let size = size.map_or_else(|| "the body".to_owned(), |size| format!("{size} bytes"));
        let message = format!("{size} exceeds max-object, {bytes} bytes ({setting})");
        Failure::new(FailureClass::TooLarge, Stage::Admission, message)
    }
}

impl Arrival {
    /// Checks it against the rules that every door shares; `generated` makes the keys and ids
    /// that its sender left out.
    ///
    /// # Errors
    ///
    /// Says which rule it breaks.
    pub fn object(
        &self,
        max_object: MaxObject,
        generated: impl Fn() -> String,
    ) -> Result<Object, Failure> {
        let size = self.data.len() as u64;
        if size > max_object.bytes {
            return Err(max_object.too_large(Some(size)));
        }
        let key = match self.key.as_ref() {
            [] => Key::new(&generated()),
            key => Key::from_bytes(key),
        };
        let key = key.map_err(Failure::invalid)?;
        let metadata = check_metadata(&self.metadata).map_err(Failure::invalid)?;
        for (what, name) in [
            ("id", &self.id),
            ("source", &self.source),
            ("framedb id", &self.framedb_id),
            ("content type", &self.content_type),
        ] {
            if name.len() > MAX_NAME || name.contains(char::is_control) {
                return Err(Failure::invalid(format_args!(
                    "the {what} is not a text of at most {MAX_NAME} bytes without control characters"
                )));
            }
        }
        let source = match self.source.as_str() {
            "" => key.frame_source().unwrap_or_default().into(),
            source => source.into(),
        };
        let framedb_id = Some(self.framedb_id.as_str()).filter(|id| !id.is_empty());
        let id = match self.id.as_str() {
            "" => generated().into(),
            id => id.into(),
        };
        let envelope = Envelope {
            id,
            attempt: 1,
            key,
            source,
            kind: self.kind,
            framedb_id: framedb_id.map(Into::into),
            content_type: declared(&self.content_type).map(Into::into),
            metadata: metadata.into(),
            attributes: Arc::default(),
        };
        Ok(Object { envelope, data: self.data.clone() })
    }

    /// The receipt of what did not get past the door.
    #[must_use]
    pub fn refused(&self, failure: Failure) -> Receipt {
        Receipt {
            id: self.id.as_str().into(),
            key: String::from_utf8_lossy(&self.key).into(),
            outcome: Outcome::Failed(failure),
            framedb_id: None,
            kind: None,
            stored_size: 0,
            codec: None,
            attributes: Arc::default(),
            synced: false,
            times: Default::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: MaxObject = MaxObject { bytes: 3, setting: "limits.max-object" };

    fn object(arrival: &Arrival) -> Result<Object, Failure> {
        arrival.object(MOST, || "made".to_owned())
    }

    #[test]
    fn what_its_sender_left_out_is_made() {
        let envelope = object(&Arrival::default()).unwrap().envelope;
        assert_eq!((&*envelope.id, envelope.key.as_str()), ("made", "made"));
        let frame = Arrival { key: "cam?1?0__5".into(), id: "7".into(), ..Arrival::default() };
        let envelope = object(&frame).unwrap().envelope;
        assert_eq!((&*envelope.id, &*envelope.source), ("7", "cam"));
        assert_eq!(envelope.framedb_id, None);
    }

    #[test]
    fn what_breaks_a_rule_is_named() {
        let large = Arrival { data: "1234".into(), ..Arrival::default() };
        let failure = object(&large).unwrap_err();
        assert_eq!(failure.class, FailureClass::TooLarge);
        assert_eq!(failure.message, "4 bytes exceeds max-object, 3 bytes (limits.max-object)");
        let odd = Arrival { source: "a\nb".into(), ..Arrival::default() };
        assert!(object(&odd).unwrap_err().message.starts_with("the source is not a text"));
        assert_eq!(
            object(&Arrival { key: "#".into(), ..odd }).unwrap_err().class,
            FailureClass::Invalid
        );
    }
}
