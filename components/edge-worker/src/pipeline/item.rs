//! `Item`: an object on its way, until it ends in a receipt.

use bytes::Bytes;
use framedb_core::{
    Attribute, Codec, Failure, Judge, Object, Outcome, Placement, Receipt, Route, StageTimes,
};

/// What is known of an object on its way.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) object: Object,
    /// Which of the parts it is; 0 of an object that is whole.
    pub(super) position: usize,
    /// Where it belongs, once it is resolved.
    pub(super) placement: Option<Placement>,
    /// The bytes to store and their codec, once it is serialized and if they changed.
    pub(super) encoded: Option<(Codec, Bytes)>,
    pub(super) times: StageTimes,
}

/// What the keeper did with an item.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) route: Route,
    pub(super) stored_size: u64,
    pub(super) synced: bool,
}

impl Item {
    pub(super) fn new(object: Object) -> Self {
        Self { object, position: 0, placement: None, encoded: None, times: StageTimes::default() }
    }

    pub(super) fn position(&self) -> usize {
        self.position
    }

    /// Takes over what a plugin found.
    pub(super) fn learn(
        &mut self,
        judge: Judge<'_>,
        content_type: Option<String>,
        added: Vec<Attribute>,
    ) -> Result<(), Failure> {
        let findings = judge.findings(&self.object.envelope, content_type, added)?;
        self.object.envelope.learn(findings);
        Ok(())
    }

    /// The receipt of an item that failed.
    pub(super) fn failed(self, failure: Failure) -> Receipt {
        self.ended(Outcome::Failed(failure))
    }

    /// The receipt of an item that is not stored.
    pub(super) fn ended(self, outcome: Outcome) -> Receipt {
        self.receipt(outcome, None)
    }

    /// The receipt of an item that is stored and findable.
    pub(super) fn stored(self, written: Written) -> Receipt {
        self.receipt(Outcome::Stored, Some(written))
    }

    fn receipt(self, outcome: Outcome, written: Option<Written>) -> Receipt {
        let Self { object, encoded, times, .. } = self;
        let codec = encoded.filter(|_| written.is_some()).map(|(codec, _)| codec.format);
        Receipt {
            id: object.envelope.id,
            key: object.envelope.key.shared(),
            outcome,
            framedb_id: written.as_ref().map(|written| written.route.framedb_id.clone()),
            kind: written.as_ref().map(|written| written.route.kind),
            stored_size: written.as_ref().map_or(0, |written| written.stored_size),
            codec,
            attributes: object.envelope.attributes,
            synced: written.is_some_and(|written| written.synced),
            times,
        }
    }
}
