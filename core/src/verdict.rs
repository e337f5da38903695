//! What a plugin may answer, per object.
//!
//! All cases are in the contract from its first version: one added later would break every
//! shipped component.

use crate::{Attribute, Format, Placement};
use bytes::Bytes;
use std::time::Duration;

/// Why an object should be tried again, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retry {
    /// For logs, and for the sender should the tries run out.
    pub reason: String,
    /// The least delay; `None` leaves it to the node's backoff.
    pub after: Option<Duration>,
}

/// One of the objects that an object was split into.
#[derive(Debug, Clone, PartialEq)]
pub struct Child {
    /// Its key; `None` gives `<parent's key>/<n>`.
    pub key: Option<String>,
    /// Its payload.
    pub data: Bytes,
    /// Its content type.
    pub content_type: Option<String>,
    /// Its attributes, beside the parent's.
    pub attributes: Vec<Attribute>,
}

/// An ingest plugin's verdict.
#[derive(Debug, Clone, PartialEq)]
pub enum Ingested {
    /// The object goes on as it is.
    Accept {
        /// The content type found.
        content_type: Option<String>,
        /// Attributes to add.
        attributes: Vec<Attribute>,
    },
    /// The object goes on with other bytes.
    Changed {
        /// The new payload.
        data: Bytes,
        /// Its content type.
        content_type: Option<String>,
        /// Attributes to add.
        attributes: Vec<Attribute>,
    },
    /// These objects go on in its place.
    Split(Vec<Child>),
    /// It is not stored, on purpose.
    Drop(String),
    /// It is wrong.
    Reject(String),
    /// It cannot be judged now.
    Retry(Retry),
}

/// A resolve plugin's verdict.
#[derive(Debug, Clone, PartialEq)]
pub enum Resolved {
    /// The object belongs there.
    Place(Placement),
    /// It is not stored, on purpose.
    Drop(String),
    /// It belongs nowhere.
    Reject(String),
    /// It cannot be placed now.
    Retry(Retry),
}

/// A serialize plugin's verdict.
#[derive(Debug, Clone, PartialEq)]
pub enum Encoded {
    /// These bytes are stored.
    Bytes {
        /// Their format.
        format: Format,
        /// The bytes.
        data: Bytes,
    },
    /// The payload is stored as it is.
    Unchanged,
    /// It cannot be serialized.
    Reject(String),
    /// It cannot be serialized now.
    Retry(Retry),
}

/// What became of a stored object.
#[derive(Debug, Clone, PartialEq)]
pub enum Decoded {
    /// The payload.
    Bytes(Bytes),
    /// The bytes are not of this format.
    Reject(String),
    /// It cannot be decoded now.
    Retry(Retry),
}
