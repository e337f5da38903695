//! The serializer that changes nothing.

use framedb_plugin::serialize::{Decoded, Object, Serialize, Stored, Verdict};

/// Leaves every payload as it was sent, so that direct readers of the engine find it.
#[derive(Debug)]
pub struct Raw;

impl Serialize for Raw {
    const NAME: &'static str = "raw";
    const WRITES: &'static [&'static str] = &[];
    type Settings = ();

    fn new((): ()) -> Result<Self, String> {
        Ok(Self)
    }

    async fn encode(&self, _: Object<'_>) -> Verdict {
        Verdict::Unchanged
    }

    async fn decode(&self, stored: Stored) -> Decoded {
        Decoded::reject(format!("raw writes no format, so it cannot read {}", stored.format))
    }
}
