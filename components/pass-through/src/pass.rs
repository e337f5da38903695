//! The plugin that passes everything on.

use framedb_plugin::{
    ingest::{self, Ingest, Object},
    resolve::{self, Envelope, Resolve},
    serialize::{self, Decoded, Serialize, Stored},
};

/// Accepts every object, places it where its sender said, and stores it as it is.
#[derive(Debug)]
pub struct Pass;

impl Ingest for Pass {
    const NAME: &'static str = "pass-through";
    type Settings = ();

    fn new((): ()) -> Result<Self, String> {
        Ok(Self)
    }

    async fn process(&self, _: Object<'_>) -> ingest::Verdict {
        ingest::Verdict::accept()
    }
}

impl Resolve for Pass {
    const NAME: &'static str = "pass-through";
    type Settings = ();

    fn new((): ()) -> Result<Self, String> {
        Ok(Self)
    }

    async fn place(&self, envelope: Envelope<'_>) -> resolve::Verdict {
        match (envelope.framedb_id, envelope.kind) {
            (Some(framedb_id), Some(kind)) => resolve::Verdict::place(framedb_id, kind),
            (None, _) => resolve::Verdict::reject("name a framedb id: pass-through chooses none"),
            (_, None) => resolve::Verdict::reject("name a kind: pass-through chooses none"),
        }
    }
}

impl Serialize for Pass {
    const NAME: &'static str = "pass-through";
    const WRITES: &'static [&'static str] = &[];
    type Settings = ();

    fn new((): ()) -> Result<Self, String> {
        Ok(Self)
    }

    async fn encode(&self, _: Object<'_>) -> serialize::Verdict {
        serialize::Verdict::Unchanged
    }

    async fn decode(&self, stored: Stored) -> Decoded {
        Decoded::reject(format!(
            "pass-through writes no format, so it cannot read {}",
            stored.format
        ))
    }
}
