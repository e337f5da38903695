//! `Route`: what the table says of objects, as `framedb-id kind` or `framedb-id` alone.

use framedb_plugin::resolve::Kind;
use serde::{Deserialize, de::Error as _};

/// Where objects belong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Route {
    /// The instance.
    pub(crate) framedb_id: String,
    /// How it keeps them, unless the sender says it.
    pub(crate) kind: Option<Kind>,
}

impl Route {
    /// Reads a value of the table.
    ///
    /// # Errors
    ///
    /// Says what was expected.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let shown = || text.chars().take(80).collect::<String>();
        Self::read(text).ok_or_else(|| {
            format!(
                "the route {:?} is neither `framedb-id` nor `framedb-id kind` with the kind \
                 in-memory, storage or stream",
                shown()
            )
        })
    }

    fn read(text: &str) -> Option<Self> {
        let mut words = text.split_whitespace();
        let framedb_id = words.next()?.to_owned();
        let kind = match words.next() {
            None => None,
            Some(name) => {
                let mut kinds = [Kind::InMemory, Kind::Storage, Kind::Stream].into_iter();
                Some(kinds.find(|kind| kind.as_str() == name)?)
            }
        };
        match words.next() {
            None => Some(Self { framedb_id, kind }),
            Some(_) => None,
        }
    }
}

impl<'de> Deserialize<'de> for Route {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::read(&String::deserialize(deserializer)?).ok_or_else(|| {
            D::Error::custom(
                "`framedb-id` or `framedb-id kind` with the kind in-memory, storage or stream",
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_is_an_instance_and_perhaps_a_kind() {
        let route = Route::parse(" redis-1  stream ").unwrap();
        assert_eq!((route.framedb_id.as_str(), route.kind), ("redis-1", Some(Kind::Stream)));
        assert_eq!(Route::parse("disk").unwrap().kind, None);
        for text in ["", " ", "a b", "a stream c"] {
            assert!(Route::parse(text).is_err(), "{text}");
        }
    }
}
