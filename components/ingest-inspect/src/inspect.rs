//! The plugin: what is noted about an object, and what is refused.

use crate::{
    declared::{contradiction, noted},
    found::Found,
};
use framedb_plugin::ingest::{Accepted, Attribute, Ingest, Object, Verdict};
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;

/// What the operator sets.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub struct Settings {
    /// `inspect_sha256`: whether to add the payload's SHA-256; off, because it is the one
    /// thing here that looks at every byte.
    pub sha256: bool,
}

/// Recognises payloads.
#[derive(Debug)]
pub struct Inspect {
    settings: Settings,
}

impl Inspect {
    fn attributes(
        &self,
        declared: Option<&str>,
        found: Option<Found>,
        data: &[u8],
    ) -> Vec<Attribute> {
        let mut attributes = Vec::new();
        if let Some(found) = found {
            attributes.push(Attribute::new("content-type", noted(declared, found)));
            // A picture that is cut off has no size; that is no reason to refuse it.
            if let Some(size) = found.is_image().then(|| imagesize::blob_size(data).ok()).flatten()
            {
                attributes.push(Attribute::new("width", pixels(size.width)));
                attributes.push(Attribute::new("height", pixels(size.height)));
            }
        }
        if self.settings.sha256 {
            attributes.push(Attribute::new("sha256", hex(&Sha256::digest(data))));
        }
        attributes
    }
}

fn pixels(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

impl Ingest for Inspect {
    const NAME: &'static str = "inspect";
    type Settings = Settings;

    fn new(settings: Settings) -> Result<Self, String> {
        Ok(Self { settings })
    }

    async fn process(&self, object: Object<'_>) -> Verdict {
        let Object { envelope, data } = object;
        let found = Found::in_bytes(data);
        if let Some(declared) = envelope.content_type
            && let Some(reason) = contradiction(declared, found, data)
        {
            return Verdict::reject(reason);
        }
        let undeclared = envelope.content_type.is_none();
        Verdict::Accept(Accepted {
            content_type: found.filter(|_| undeclared).map(|found| found.content_type().into()),
            attributes: self.attributes(envelope.content_type, found, data),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first bytes of a picture of 640 × 480.
    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\x02\x80\0\0\x01\xe0\x08\x06\0\0\0";

    #[test]
    fn pictures_get_their_size() {
        let inspect = Inspect::new(Settings::default()).unwrap();
        let attributes = inspect.attributes(None, Found::in_bytes(PNG), PNG);
        let expected = [
            Attribute::new("content-type", "image/png"),
            Attribute::new("width", 640_i64),
            Attribute::new("height", 480_i64),
        ];
        assert_eq!(attributes, expected);
    }

    #[test]
    fn a_text_is_what_its_sender_says() {
        let inspect = Inspect::new(Settings::default()).unwrap();
        let found = Found::in_bytes(b"a,b\n");
        let csv = inspect.attributes(Some("text/csv; charset=utf-8"), found, b"a,b\n");
        assert_eq!(csv, [Attribute::new("content-type", "text/csv")]);
        let tiff = inspect.attributes(Some("image/tiff"), found, b"a,b\n");
        assert_eq!(tiff, [Attribute::new("content-type", "text/plain")]);
        let png = inspect.attributes(Some("image/x-png"), Found::in_bytes(PNG), PNG);
        assert_eq!(png.first(), Some(&Attribute::new("content-type", "image/png")));
    }

    #[test]
    fn a_digest_is_added_where_asked_for() {
        let inspect = Inspect::new(Settings { sha256: true }).unwrap();
        let attributes = inspect.attributes(None, None, b"abc");
        let digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(attributes, [Attribute::new("sha256", digest)]);
    }

    #[test]
    fn bytes_of_no_known_type_get_nothing() {
        let inspect = Inspect::new(Settings::default()).unwrap();
        assert!(inspect.attributes(None, Found::in_bytes(b"\0\x01"), b"\0\x01").is_empty());
    }
}
