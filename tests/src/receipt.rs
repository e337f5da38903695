//! What receipts should say.

use framedb_core::{Failure, Outcome, Receipt, Value};

/// The receipt of an object that was stored.
///
/// # Panics
///
/// When it was not.
#[track_caller]
#[must_use]
pub fn stored(receipt: Receipt) -> Receipt {
    assert_eq!(receipt.outcome, Outcome::Stored, "{receipt:?}");
    receipt
}

/// Why an object was not stored.
///
/// # Panics
///
/// When it was.
#[track_caller]
#[must_use]
pub fn failure(receipt: Receipt) -> Failure {
    match receipt.outcome {
        Outcome::Failed(failure) => failure,
        other => panic!("{} was not refused: {other:?}", receipt.key),
    }
}

/// An attribute in a receipt.
#[must_use]
pub fn attribute(receipt: &Receipt, name: &str) -> Option<Value> {
    let found = receipt.attributes.iter().find(|attribute| attribute.name == name);
    found.map(|attribute| attribute.value.clone())
}
