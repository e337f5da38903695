//! `Call`: the functions of the stages that judge batches, with what they take and answer.

use super::{
    bindings as wit,
    instance::{Exports, Judge},
};
use framedb_core::Stage;
use wasmtime::component::{ComponentType, Lift, Lower};

/// One of the functions that judge a batch.
pub(super) trait Call {
    const STAGE: Stage;
    /// A batch.
    type In: ComponentType + Lower + Send + Sync + 'static;
    /// The answer for one object of it.
    type Out: ComponentType + Lift + Send + Sync + 'static;

    fn function(exports: &Exports) -> Option<Judge<Self::In, Self::Out>>;

    /// About how many bytes a batch takes in a guest.
    fn bytes(batch: &Self::In) -> usize;
}

/// The function `process`.
pub(super) struct Process;

/// The function `place`.
pub(super) struct Place;

/// The function `encode`.
pub(super) struct Encode;

/// The function `decode`.
pub(super) struct Decode;

impl Call for Process {
    const STAGE: Stage = Stage::Ingest;
    type In = wit::Objects;
    type Out = wit::IngestVerdict;

    fn function(exports: &Exports) -> Option<Judge<Self::In, Self::Out>> {
        exports.ingest.map(|ingest| ingest.process)
    }

    fn bytes(batch: &Self::In) -> usize {
        batch.bytes()
    }
}

impl Call for Place {
    const STAGE: Stage = Stage::Resolve;
    type In = wit::Envelopes;
    type Out = wit::ResolveVerdict;

    fn function(exports: &Exports) -> Option<Judge<Self::In, Self::Out>> {
        exports.resolve.map(|resolve| resolve.place)
    }

    fn bytes(batch: &Self::In) -> usize {
        batch.bytes()
    }
}

impl Call for Encode {
    const STAGE: Stage = Stage::Serialize;
    type In = wit::Objects;
    type Out = wit::SerializeVerdict;

    fn function(exports: &Exports) -> Option<Judge<Self::In, Self::Out>> {
        exports.serialize.map(|serialize| serialize.encode)
    }

    fn bytes(batch: &Self::In) -> usize {
        batch.bytes()
    }
}

impl Call for Decode {
    const STAGE: Stage = Stage::Serialize;
    type In = Vec<wit::Stored>;
    type Out = wit::DecodedRecord;

    fn function(exports: &Exports) -> Option<Judge<Self::In, Self::Out>> {
        exports.serialize.map(|serialize| serialize.decode)
    }

    fn bytes(batch: &Self::In) -> usize {
        batch.iter().map(|stored| stored.data.len()).sum()
    }
}
