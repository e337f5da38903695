//! `Query`: which routes a listing shows.

use crate::{Key, Kind, Route};

/// Which routes a listing shows, in byte order of their keys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    /// What keys begin with.
    pub prefix: String,
    /// The key after which to begin; `None` begins at the first.
    pub after: Option<String>,
    /// How many at most.
    pub limit: usize,
    /// One kind only.
    pub kind: Option<Kind>,
    /// One instance only.
    pub framedb_id: Option<String>,
}

impl Query {
    /// Whether a route is to be shown, but for the limit.
    #[must_use]
    pub fn wants(&self, key: &Key, route: &Route) -> bool {
        key.as_str().starts_with(&self.prefix)
            && self.after.as_deref().is_none_or(|after| key.as_str() > after)
            && self.kind.is_none_or(|kind| route.kind == kind)
            && self.framedb_id.as_deref().is_none_or(|id| &*route.framedb_id == id)
    }
}
