//! `Intent`: a write that has begun, and what becomes of it when nobody knows how it ended.

use crate::{Key, Kind, Route};
use serde::{Deserialize, Serialize};

/// A write that is under way: where it goes, and by which bytes it is known there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Intent {
    /// The object's key.
    pub key: Key,
    /// The route to register once the data is stored; it says where.
    pub route: Route,
    /// Length of the stored bytes.
    pub stored_size: u64,
    /// CRC32C of the stored bytes.
    pub crc32c: u32,
    /// The key's route before the write; data that it finds elsewhere is deleted.
    pub previous: Option<Route>,
}

/// What is to be done for a write whose outcome was unclear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settlement {
    /// Its route is registered.
    Complete,
    /// Its bytes are stored and its key's route is the one that it found: its route is to be
    /// registered, if that is still so in the same step.
    Register,
    /// It was overtaken, and its bytes are where no route leads: they are to be deleted.
    Orphan,
    /// The old route stands.
    Stands,
}

impl Intent {
    /// The intent to store `stored` under a route.
    #[must_use]
    pub fn new(key: Key, route: Route, stored: &[u8], previous: Option<Route>) -> Self {
        let (stored_size, crc32c) = (stored.len() as u64, crc32c::crc32c(stored));
        Self { key, route, stored_size, crc32c, previous }
    }

    /// Whether `stored` are the bytes of this write.
    #[must_use]
    pub fn matches(&self, stored: &[u8]) -> bool {
        self.stored_size == stored.len() as u64 && self.crc32c == crc32c::crc32c(stored)
    }

    /// Whether its route is the registered one: then its bytes need not be looked at.
    #[must_use]
    pub fn is_registered(&self, registered: Option<&Route>) -> bool {
        registered.is_some_and(|route| route.generation == self.route.generation)
    }

    /// What becomes of the write, given the route that its key has and the bytes that are where
    /// it was to put its own.
    #[must_use]
    pub fn settle(&self, registered: Option<&Route>, stored: Option<&[u8]>) -> Settlement {
        if self.is_registered(registered) {
            return Settlement::Complete;
        }
        let generation = |route: Option<&Route>| route.map(|route| route.generation);
        if !stored.is_some_and(|stored| self.matches(stored)) {
            return Settlement::Stands;
        }
        if generation(registered) == generation(self.previous.as_ref()) {
            return Settlement::Register;
        }
        match registered.is_some_and(|route| route.shares_bytes(&self.route)) {
            true => Settlement::Stands,
            false => Settlement::Orphan,
        }
    }

    /// The route whose bytes are to be deleted when this write is complete: the key has moved
    /// away from them. A queue is never left with what it holds.
    #[must_use]
    pub fn left_behind(&self) -> Option<&Route> {
        self.previous
            .as_ref()
            .filter(|old| old.kind != Kind::Stream && !old.shares_bytes(&self.route))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(framedb_id: &str, generation: u64) -> Route {
        let route = format!(
            r#"{{"framedb_id":"{framedb_id}","kind":"in-memory","generation":{generation},"stored_at":1}}"#
        );
        serde_json::from_str(&route).unwrap()
    }

    fn intent(previous: Option<Route>) -> Intent {
        Intent::new(Key::new("k").unwrap(), route("a", 7), b"bytes", previous)
    }

    #[test]
    fn stored_bytes_are_registered_while_nobody_else_wrote_the_key() {
        let first = intent(None);
        assert_eq!(first.settle(None, Some(b"bytes")), Settlement::Register);
        assert_eq!(first.settle(None, Some(b"other")), Settlement::Stands);
        assert_eq!(first.settle(None, None), Settlement::Stands);
        assert_eq!(first.settle(Some(&route("a", 7)), None), Settlement::Complete);
        let second = intent(Some(route("b", 5)));
        assert_eq!(second.settle(Some(&route("b", 5)), Some(b"bytes")), Settlement::Register);
    }

    #[test]
    fn a_write_that_was_overtaken_leaves_no_bytes_behind() {
        let overtaken = intent(Some(route("a", 5)));
        assert_eq!(overtaken.settle(Some(&route("a", 6)), Some(b"bytes")), Settlement::Stands);
        assert_eq!(overtaken.settle(Some(&route("b", 6)), Some(b"bytes")), Settlement::Orphan);
        assert_eq!(overtaken.settle(None, Some(b"bytes")), Settlement::Orphan);
    }

    #[test]
    fn only_bytes_elsewhere_are_left_behind() {
        assert!(intent(Some(route("a", 5))).left_behind().is_none());
        assert!(intent(Some(route("b", 5))).left_behind().is_some());
        let queue = Route { kind: Kind::Stream, ..route("b", 5) };
        assert!(intent(Some(queue)).left_behind().is_none());
    }
}
