//! The rules of FrameDB Edge's pipeline, without I/O.
//!
//! The native node and the Spin worker both compile this crate, so that there is one
//! implementation of each rule: which keys are legal, what an object carries, what a plugin
//! may answer, where an object belongs, how stored bytes find their codec, and how an outcome
//! reads to the sender.
//!
//! ```
//! use framedb_core::{Key, Kind};
//!
//! let key = Key::new("cam-1?7?0__5")?;
//! assert_eq!(key.frame_source(), Some("cam-1"));
//! assert_eq!("in-memory".parse::<Kind>()?, Kind::InMemory);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#[cfg(feature = "http")]
pub mod http;

mod arrival;
mod attribute;
mod backoff;
mod codec;
mod columns;
mod entry;
mod frame;
mod generation;
#[cfg(feature = "hosts")]
mod hosts;
pub mod instances;
mod intent;
mod judge;
mod key;
mod limits;
mod matching;
mod object;
pub mod object_service;
mod outcome;
mod parts;
mod query;
pub mod redis;
mod route;
#[cfg(feature = "http")]
pub mod routing;
pub mod spin;
pub mod sql;
mod stored;
mod verdict;

pub use arrival::{Arrival, MaxObject};
pub use attribute::{Attribute, AttributeError, Value, check_attributes, merge_attributes};
pub use backoff::Backoff;
pub use codec::{Codec, CodecRecord, Format, FormatError};
pub use columns::Columns;
pub use entry::Entry;
pub use frame::{Frame, frame, needs_frame, unframe};
pub use generation::Generations;
#[cfg(feature = "hosts")]
pub use hosts::{AllowedHost, AllowedHosts, InvalidHost, NotAllowed};
pub use intent::{Intent, Settlement};
pub use judge::{Findings, Judge, NO_PARTS, assigned, cut, gave_up, miscounted};
pub use key::{Key, KeyError};
pub use limits::{
    DEFAULT_MAX_OBJECT, ID_WINDOW, ID_WINDOW_COUNT, MAX_ATTRIBUTE_BYTES, MAX_ATTRIBUTE_NAME,
    MAX_ATTRIBUTES, MAX_KEY, MAX_METADATA, MAX_RETAINED_MEMORY, allowance, least_guest_memory,
};
pub use matching::{Facts, Pattern, Rule};
pub use object::{
    Envelope, Kind, MetadataError, Object, UnknownKind, check_metadata, declared, essence,
};
pub use outcome::{Failure, FailureClass, Outcome, Receipt, Stage, StageTimes};
pub use parts::Parts;
pub use query::Query;
pub use route::{Place, Placement, Route, Writer};
pub use stored::{Stored, framed};
pub use verdict::{Child, Decoded, Encoded, Ingested, Resolved, Retry};
