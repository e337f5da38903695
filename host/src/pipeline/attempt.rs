//! `Attempt`: a write that may have been tried before.
//!
//! An attempt whose outcome is unclear keeps its intent on the disk. The next one goes on with it
//! under the same generation, so that the two are one write, whichever of them was stored.

use super::{item::Written, sink::Write};
use crate::{Error, Result, driver::repeat, registry::Intent};
use framedb_core::Route;

/// Why something is not known to be stored.
#[derive(Debug)]
pub(super) struct Unwritten {
    pub(super) error: Error,
    /// The intent, on the disk, of a write that may have happened all the same. It belongs to the
    /// next attempt, or to recovery.
    pub(super) unclear: Option<Box<Intent>>,
}

/// A write in the making.
pub(super) struct Attempt {
    /// The intent of an earlier attempt that this one goes on with.
    pub(super) resumed: Option<Box<Intent>>,
    /// Whether that attempt was registered.
    registered: bool,
    /// The intent of an earlier attempt that others have overtaken.
    pub(super) overtaken: Option<Box<Intent>>,
}

impl Attempt {
    /// An attempt at a write of a key that has `previous`. It goes on with an earlier attempt if
    /// nobody else has written the key since.
    pub(super) fn new(write: &Write, previous: Option<&Route>, begun: Option<Box<Intent>>) -> Self {
        let mut attempt = Self { resumed: None, registered: false, overtaken: None };
        let Some(begun) = begun else { return attempt };
        let registered = previous.map(|route| route.generation);
        let same = begun.route.framedb_id == write.framedb_id
            && begun.route.kind == write.kind
            && begun.matches(&write.data);
        let before = begun.previous.as_ref().map(|route| route.generation);
        attempt.registered = same && registered == Some(begun.route.generation);
        if attempt.registered || (same && registered == before) {
            attempt.resumed = Some(begun);
        } else {
            attempt.overtaken = Some(begun);
        }
        attempt
    }

    /// What the key had before the first attempt, given what it has now: where an earlier attempt
    /// was registered, what that one found may still have to be deleted.
    pub(super) fn before<'a>(&'a self, previous: Option<&'a Route>) -> Option<&'a Route> {
        match &self.resumed {
            Some(begun) if self.registered => begun.previous.as_ref(),
            _ => previous,
        }
    }
}

/// The same error for writes of which nothing was done now; an earlier attempt stays unclear.
pub(super) fn not_begun(
    error: &Error,
    begun: impl IntoIterator<Item = Option<Box<Intent>>>,
) -> Vec<Result<Written, Unwritten>> {
    let begun: Vec<_> = begun.into_iter().collect();
    let errors = repeat::<Written>(error, begun.len());
    let untouched = |error: Error| error.with_untouched(true);
    let unwritten = |(result, unclear): (Result<_>, _)| {
        result.map_err(|error| Unwritten { error: untouched(error), unclear })
    };
    errors.into_iter().zip(begun).map(unwritten).collect()
}
