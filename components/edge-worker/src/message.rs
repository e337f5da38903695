//! A message of Redis as an object: the other way in, where a manifest has a Redis trigger.
//!
//! A message is JSON, because it carries no key beside its payload. Redis delivers a message at
//! most once, to whoever listens at that moment, and nobody is told what became of it but the log.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use framedb_core::{Arrival, Failure, Kind};
use serde::Deserialize;

/// What a message says of its object; the payload is `text`, or `data` in base64.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope {
    #[serde(default)]
    id: String,
    key: String,
    #[serde(default)]
    source: String,
    #[serde(default)]
    framedb_id: String,
    #[serde(default, rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    content_type: String,
    #[serde(default)]
    metadata: String,
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    data: Option<String>,
}

/// Reads a message.
///
/// # Errors
///
/// Says what is wrong with it.
pub fn read(message: &[u8]) -> Result<Arrival, Failure> {
    let envelope: Envelope = serde_json::from_slice(message)
        .map_err(|cause| Failure::invalid(format!("the message is no object: {cause}")))?;
    let data = match (envelope.text, envelope.data) {
        (Some(text), None) => text.into(),
        (None, Some(data)) => STANDARD
            .decode(data)
            .map_err(|cause| Failure::invalid(format!("`data` is not base64: {cause}")))?
            .into(),
        _ => return Err(Failure::invalid("a message has either `text` or `data`")),
    };
    let kind = envelope.kind.map(|kind| kind.parse::<Kind>()).transpose();
    Ok(Arrival {
        id: envelope.id,
        key: envelope.key.into(),
        source: envelope.source,
        kind: kind.map_err(Failure::invalid)?,
        framedb_id: envelope.framedb_id,
        content_type: envelope.content_type,
        metadata: envelope.metadata.into(),
        data,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail loudly")]

    use super::*;

    #[test]
    fn a_message_is_an_object_with_its_key_and_payload() {
        let message = br#"{"key":"cam-1/7","type":"in-memory","framedb_id":"memory",
            "content_type":"image/jpeg","metadata":"{}","id":"7","source":"cam-1","data":"AAH/"}"#;
        let arrival = read(message).unwrap();
        assert_eq!((&*arrival.key, &*arrival.data), (&b"cam-1/7"[..], &[0, 1, 255][..]));
        assert_eq!((arrival.kind, arrival.framedb_id.as_str()), (Some(Kind::InMemory), "memory"));
        assert_eq!(&*read(br#"{"key":"k","text":"hello"}"#).unwrap().data, b"hello");
    }

    #[test]
    fn a_message_that_is_no_object_is_refused_with_why() {
        for (message, why) in [
            ("no json", "the message is no object"),
            (r#"{"text":"x"}"#, "missing field `key`"),
            (r#"{"key":"k"}"#, "either `text` or `data`"),
            (r#"{"key":"k","text":"x","data":"eA=="}"#, "either `text` or `data`"),
            (r#"{"key":"k","data":"?"}"#, "not base64"),
            (r#"{"key":"k","text":"x","type":"other"}"#, "other"),
            (r#"{"key":"k","text":"x","ttl":1}"#, "unknown field `ttl`"),
        ] {
            let failure = read(message.as_bytes()).unwrap_err();
            assert!(failure.message.contains(why), "{}", failure.message);
        }
    }
}
