//! The plugin that passes everything on.

use framedb_plugin::{
    ingest::{self, Ingest, Object},
    resolve::{self, Envelope, Resolve},
    serialize::{self, Decoded, Serialize, Stored},
};

/// What the operator sets.
#[derive(Debug, Default, serde::Deserialize)]
pub struct Settings {
    /// `pass_through_panics_on`: the key of an object on which the ingest stage panics, to
    /// measure, or to see, what becomes of it.
    panics_on: Option<String>,
}

/// Accepts every object, places it where its sender said, and stores it as it is.
#[derive(Debug)]
pub struct Pass {
    settings: Settings,
}

impl Ingest for Pass {
    const NAME: &'static str = "pass-through";
    type Settings = Settings;

    fn new(settings: Settings) -> Result<Self, String> {
        Ok(Self { settings })
    }

    #[expect(clippy::panic, reason = "it is asked for")]
    async fn process(&self, object: Object<'_>) -> ingest::Verdict {
        if self.settings.panics_on.as_deref() == Some(object.envelope.key) {
            panic!("pass_through_panics_on is this object's key");
        }
        ingest::Verdict::accept()
    }
}

impl Resolve for Pass {
    const NAME: &'static str = "pass-through";
    type Settings = Settings;

    fn new(settings: Settings) -> Result<Self, String> {
        Ok(Self { settings })
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
    type Settings = Settings;

    fn new(settings: Settings) -> Result<Self, String> {
        Ok(Self { settings })
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
