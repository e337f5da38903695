//! The serializer around the documents.

use crate::document;
use framedb_plugin::serialize::{Decoded, Object, Serialize, Stored, Verdict};

const FORMAT: &str = "cbor/1";

/// Makes every stored object describe itself, for readers that know nothing of FrameDB.
#[derive(Debug)]
pub struct Cbor;

impl Serialize for Cbor {
    const NAME: &'static str = "cbor";
    const WRITES: &'static [&'static str] = &[FORMAT];
    type Settings = ();

    fn new((): ()) -> Result<Self, String> {
        Ok(Self)
    }

    async fn encode(&self, object: Object<'_>) -> Verdict {
        match document::write(&object) {
            Ok(document) => Verdict::bytes(FORMAT, document),
            Err(reason) => Verdict::reject(reason),
        }
    }

    async fn decode(&self, stored: Stored) -> Decoded {
        if stored.format != FORMAT {
            return Decoded::reject(format!(
                "serialize-cbor reads {FORMAT}, not {}",
                stored.format
            ));
        }
        match document::data(&stored.data) {
            Ok(data) => Decoded::Bytes(data.into()),
            Err(reason) => Decoded::reject(reason),
        }
    }
}
