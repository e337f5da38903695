//! Messages of a Redis channel: one object each, in a JSON envelope.
//!
//! Redis hands a message to those who listen at that moment, and to nobody later: it comes at most
//! once, and what becomes of it is told to the log alone.

use crate::{pipeline, worker::Worker};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use framedb_core::{Arrival, Failure, Kind, Outcome};
use serde::Deserialize;
use serde_json::Value;

/// An object as a message has it; everything but the payload may be absent.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Envelope {
    id: String,
    key: String,
    source: String,
    #[serde(rename = "type")]
    kind: Option<Kind>,
    framedb_id: String,
    content_type: String,
    /// A text, or any other JSON value, which is kept as its text.
    metadata: Value,
    /// The payload, where it is a text.
    text: Option<String>,
    /// The payload in base64.
    data: Option<String>,
}

/// Takes the object of a message in.
///
/// # Errors
///
/// When the message is no such envelope, or the object is not stored.
pub async fn take(message: &[u8]) -> Result<(), Failure> {
    let arrival = arrival(message)?;
    let worker = Worker::shared().await?;
    match pipeline::ingest(&worker, arrival).await.outcome {
        Outcome::Failed(failure) => Err(failure),
        _ => Ok(()),
    }
}

fn arrival(message: &[u8]) -> Result<Arrival, Failure> {
    let envelope: Envelope = serde_json::from_slice(message).map_err(|error| {
        Failure::invalid(format_args!("the message is no envelope of an object: {error}"))
    })?;
    let data = match (envelope.text, envelope.data) {
        (Some(text), None) => text.into_bytes(),
        (None, Some(data)) => STANDARD.decode(data).map_err(|error| {
            Failure::invalid(format_args!("`data` of the message is not base64: {error}"))
        })?,
        _ => {
            let message = "the message has neither `text` nor `data`, or both of them";
            return Err(Failure::invalid(message));
        }
    };
    let metadata = match envelope.metadata {
        Value::Null => String::new(),
        Value::String(text) => text,
        value => value.to_string(),
    };
    Ok(Arrival {
        id: envelope.id,
        key: envelope.key.into(),
        source: envelope.source,
        kind: envelope.kind,
        framedb_id: envelope.framedb_id,
        content_type: envelope.content_type,
        metadata: metadata.into(),
        data: data.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_an_object_in_json() {
        let message = br#"{"key":"cam/1","type":"in-memory","metadata":{"a":1},"data":"AP8="}"#;
        let arrival = arrival(message).unwrap();
        assert_eq!((&*arrival.key, arrival.kind), (&b"cam/1"[..], Some(Kind::InMemory)));
        assert_eq!((&*arrival.metadata, &*arrival.data), (&b"{\"a\":1}"[..], &[0, 255][..]));
        let text = super::arrival(br#"{"text":"hello","metadata":"as it is"}"#).unwrap();
        assert_eq!((&*text.metadata, &*text.data), (&b"as it is"[..], &b"hello"[..]));
    }

    #[test]
    fn what_is_no_envelope_is_said_so() {
        for (message, error) in [
            ("plain", "no envelope of an object"),
            (r#"{"payload":"x"}"#, "payload"),
            (r#"{"type":"queue","text":""}"#, "queue"),
            (r#"{"key":"k"}"#, "neither `text` nor `data`"),
            (r#"{"data":"?"}"#, "not base64"),
        ] {
            let failure = arrival(message.as_bytes()).unwrap_err();
            assert!(failure.message.contains(error), "{failure}");
        }
    }
}
