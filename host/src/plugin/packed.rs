//! Values of host calls as JSON: bounded, readable, without secrets, and back again.
//!
//! Bytes are lists of numbers there; a list that could be bytes is kept as text, or in base64
//! where it is none. That loses nothing, because a list of small numbers comes back as one.

use super::secrets::Secrets;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::io;

const TEXT: &str = "$text";
const BASE64: &str = "$base64";
const SHA256: &str = "$sha256";

/// Characters of JSON that a byte takes at most before it is packed.
const WIDTH: usize = 4;

/// A value as JSON; `None` where that has more than `most` bytes.
pub(super) fn pack(value: &impl Serialize, secrets: &Secrets, most: usize) -> Option<Value> {
    let text = written(value, most).ok()?;
    Some(packed(serde_json::from_slice(&text).ok()?, secrets))
}

/// A value as JSON; where that has more than `most` bytes, its digest.
pub(super) fn pack_or_digest(value: &impl Serialize, secrets: &Secrets, most: usize) -> Value {
    match written(value, most) {
        Ok(text) => packed(serde_json::from_slice(&text).unwrap_or_default(), secrets),
        Err(digest) => Map::from_iter([(SHA256.to_owned(), digest.into())]).into(),
    }
}

/// What [`pack`] made a value of.
pub(super) fn unpack<T: DeserializeOwned>(value: Value) -> serde_json::Result<T> {
    serde_json::from_value(unpacked(value))
}

/// Bytes that a value takes in a record.
pub(super) fn weight(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len() + 2,
        Value::Array(items) => items.iter().map(weight).sum::<usize>() + items.len() + 2,
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| name.len() + weight(value) + 4).sum::<usize>() + 2
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => 8,
    }
}

/// The JSON text of a value, else its digest.
fn written(value: &impl Serialize, most: usize) -> Result<Vec<u8>, String> {
    let mut writer = Writer { text: Vec::new(), most: most * WIDTH, digest: Sha256::new() };
    // Values of plugins' interfaces have nothing that JSON has no words for.
    let _ = serde_json::to_writer(&mut writer, value);
    if writer.text.len() <= writer.most {
        return Ok(writer.text);
    }
    let digest = writer.digest.finalize();
    Err(digest.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Keeps a text up to a bound, and digests all of it.
struct Writer {
    text: Vec<u8>,
    most: usize,
    digest: Sha256,
}

impl io::Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.digest.update(bytes);
        // One more than may be says that it was too much.
        let room = (self.most + 1).saturating_sub(self.text.len()).min(bytes.len());
        self.text.extend_from_slice(bytes.get(..room).unwrap_or_default());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn packed(value: Value, secrets: &Secrets) -> Value {
    match value {
        Value::String(text) => secrets.text(&text).into(),
        Value::Array(items) => match bytes(&items) {
            Some(bytes) => {
                let (name, text) = match String::from_utf8(secrets.bytes(bytes)) {
                    Ok(text) => (TEXT, text),
                    Err(error) => (BASE64, STANDARD.encode(error.as_bytes())),
                };
                Map::from_iter([(name.to_owned(), text.into())]).into()
            }
            None => items.into_iter().map(|item| packed(item, secrets)).collect(),
        },
        Value::Object(fields) => {
            let fields = fields.into_iter().map(|(name, value)| (name, packed(value, secrets)));
            Value::Object(fields.collect())
        }
        other => other,
    }
}

fn unpacked(value: Value) -> Value {
    match value {
        Value::Array(items) => items.into_iter().map(unpacked).collect(),
        Value::Object(fields) => {
            let text = |name| fields.get(name).filter(|_| fields.len() == 1)?.as_str();
            if let Some(text) = text(TEXT) {
                return text.bytes().map(Value::from).collect();
            }
            if let Some(bytes) = text(BASE64).and_then(|text| STANDARD.decode(text).ok()) {
                return bytes.into_iter().map(Value::from).collect();
            }
            fields.into_iter().map(|(name, value)| (name, unpacked(value))).collect()
        }
        other => other,
    }
}

/// The bytes that a list could be.
fn bytes(items: &[Value]) -> Option<Vec<u8>> {
    if items.is_empty() {
        return None;
    }
    items.iter().map(|item| u8::try_from(item.as_u64()?).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_come_back_as_they_were_and_bytes_are_readable() {
        type Both = Result<(Vec<u8>, Vec<u8>, Vec<i64>, Option<String>), String>;
        let value: Both = Ok((b"text".to_vec(), vec![0xff], vec![1, -1], None));
        let packed = pack(&value, &Secrets::default(), 1000).unwrap();
        assert_eq!(
            packed,
            json!({ "Ok": [{ "$text": "text" }, { "$base64": "/w==" }, [1, -1], null] })
        );
        assert_eq!(unpack::<Both>(packed).unwrap(), value);
    }

    #[test]
    fn what_is_too_long_is_not_kept_but_its_digest_can_be() {
        let long = vec![200_u8; 1000];
        assert_eq!(pack(&long, &Secrets::default(), 100), None);
        let digest = pack_or_digest(&long, &Secrets::default(), 100);
        assert_eq!(digest["$sha256"].as_str().map(str::len), Some(64));
        assert_ne!(digest, pack_or_digest(&vec![201_u8; 1000], &Secrets::default(), 100));
    }
}
