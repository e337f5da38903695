//! What is compared of an object: a hash, so that nothing of it is kept.

use crate::settings::By;
use framedb_plugin::ingest::Object;
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;

/// The hash of what has to be the same, in hexadecimal; `None` for an object that does not have
/// it, which repeats nothing.
pub(crate) fn subject(by: &By, object: &Object<'_>) -> Option<String> {
    // What is compared goes along, so that a key is never taken for a payload.
    let digest = match by {
        By::Payload => Sha256::new_with_prefix(b"payload\0").chain_update(object.data),
        By::Key => Sha256::new_with_prefix(b"key\0").chain_update(object.envelope.key),
        By::Metadata(field) => {
            let metadata: serde_json::Value =
                serde_json::from_str(object.envelope.metadata).ok()?;
            let value = metadata.as_object()?.get(field)?;
            Sha256::new_with_prefix(b"metadata\0")
                .chain_update(field)
                .chain_update(b"\0")
                .chain_update(value.to_string())
        }
    };
    let mut text = String::with_capacity(64);
    for byte in digest.finalize() {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use framedb_plugin::ingest::Envelope;

    fn object<'a>(key: &'a str, metadata: &'a str, data: &'a str) -> Object<'a> {
        let envelope = Envelope { key, metadata, ..Envelope::default() };
        Object { envelope, data: data.as_bytes() }
    }

    #[test]
    fn only_what_is_compared_counts() {
        let (one, other) = (object("a", r#"{"n":1}"#, "x"), object("b", r#"{"n":1}"#, "y"));
        let same = |by: By| subject(&by, &one).unwrap() == subject(&by, &other).unwrap();
        assert!(!same(By::Payload) && !same(By::Key) && same(By::Metadata("n".into())));
        let again = object("c", "", "x");
        assert_eq!(subject(&By::Payload, &one), subject(&By::Payload, &again));
    }

    #[test]
    fn an_object_without_the_field_is_compared_with_nothing() {
        for metadata in ["", "{}", "[1]", "{'n': None}"] {
            assert_eq!(subject(&By::Metadata("n".into()), &object("a", metadata, "")), None);
        }
    }
}
