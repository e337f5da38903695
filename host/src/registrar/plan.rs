//! `plan`: what a registration makes of a key's earlier route.

use super::Registration;
use framedb_core::{Kind, Place, Route};
use std::sync::Arc;

/// A key's new route, and what its old one leaves behind.
#[derive(Debug, PartialEq)]
pub(super) struct Plan {
    pub(super) route: Route,
    /// The old route, when the data under it is no longer the key's.
    pub(super) left: Option<Route>,
}

/// Puts a registration in the place of `old` (contract section 4, field notes).
///
/// An object that comes back from another instance with the same size is a backup: its old
/// place stays as a copy. Copies stay unless the registration lists others.
pub(super) fn plan(old: Option<&Route>, new: Registration, generation: u64, now: u64) -> Plan {
    let Registration { place, size, metadata, copies, rewritten } = new;
    let mut route = Route {
        framedb_id: place.framedb_id.clone(),
        kind: place.kind,
        size: if place.kind == Kind::Stream { Some(0) } else { size },
        metadata: metadata.text,
        metadata_is_json: metadata.is_json,
        copies: Arc::default(),
        content_type: None,
        attributes: Arc::default(),
        codec: None,
        next: None,
        unframed: false,
        generation,
        expires_at: None,
        stored_at: now,
    };
    let Some(old) = old else {
        route.copies = distinct(copies.unwrap_or_default(), &place);
        return Plan { route, left: None };
    };
    let objects = place.kind != Kind::Stream && old.kind != Kind::Stream;
    let stays = old.shares_bytes(&route);
    let same_bytes = objects && has_size(old, size);
    if same_bytes || (objects && stays && size.is_none()) {
        // The bytes themselves tell who wrote them: a record that does not fit is not used.
        route.codec.clone_from(&old.codec);
        route.next.clone_from(&old.next);
    }
    if same_bytes {
        // A copy of encoded bytes comes with their size.
        route.size = old.size;
    }
    if stays && (place.kind == Kind::Stream || !rewritten) {
        route.content_type.clone_from(&old.content_type);
        route.attributes = old.attributes.clone();
        route.expires_at = old.expires_at;
        route.unframed = old.unframed;
        route.stored_at = old.stored_at;
    }
    let mut places = copies.unwrap_or_else(|| if objects { old.copies.to_vec() } else { vec![] });
    if same_bytes {
        places.push(old.place());
    }
    route.copies = distinct(places, &place);
    let is_copy = objects && route.copies.iter().any(|copy| copy.framedb_id == old.framedb_id);
    let left = (!stays && !is_copy).then(|| Route {
        // Those of an object that stays one are still its own.
        copies: if objects { Arc::default() } else { old.copies.clone() },
        ..old.clone()
    });
    Plan { route, left }
}

/// Whether an object of this size may have the bytes under a route, decoded or as they are.
fn has_size(route: &Route, size: Option<u64>) -> bool {
    size.is_some()
        && (route.size == size || route.codec.as_ref().is_some_and(|c| Some(c.size) == size))
}

/// One copy for each instance, none for the primary's: an instance has one value under a key.
fn distinct(places: Vec<Place>, primary: &Place) -> Arc<[Place]> {
    let mut copies: Vec<Place> = Vec::with_capacity(places.len());
    for place in places {
        let known = copies.iter().chain([primary]).any(|one| one.framedb_id == place.framedb_id);
        if !known {
            copies.push(place);
        }
    }
    copies.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registrar::Metadata;
    use framedb_core::{Codec, CodecRecord};

    fn at(framedb_id: &str, kind: Kind) -> Place {
        Place { framedb_id: framedb_id.into(), kind }
    }

    fn registration(framedb_id: &str, size: Option<u64>) -> Registration {
        Registration {
            place: at(framedb_id, Kind::InMemory),
            size,
            metadata: Metadata::default(),
            copies: None,
            rewritten: true,
        }
    }

    /// The route of an object in `a` with these copies.
    fn route(size: Option<u64>, copies: &[&str]) -> Route {
        let copies = copies.iter().map(|id| at(id, Kind::InMemory)).collect();
        let registration = Registration { copies: Some(copies), ..registration("a", size) };
        plan(None, registration, 1, 10).route
    }

    fn ids(route: &Route) -> Vec<&str> {
        route.copies.iter().map(|copy| &*copy.framedb_id).collect()
    }

    #[test]
    fn an_object_that_comes_back_from_elsewhere_with_its_size_is_a_backup() {
        let old = route(Some(3), &["c"]);
        let Plan { route, left } = plan(Some(&old), registration("b", Some(3)), 2, 20);
        assert_eq!((&*route.framedb_id, ids(&route)), ("b", vec!["c", "a"]));
        assert_eq!((left, route.generation), (None, 2));
    }

    #[test]
    fn an_object_that_moves_with_another_size_or_none_leaves_its_old_data() {
        for (old_size, size) in [(Some(3), Some(4)), (Some(3), None), (None, None)] {
            let old = route(old_size, &["b", "c"]);
            let Plan { route, left } = plan(Some(&old), registration("b", size), 2, 20);
            assert_eq!((ids(&route), route.size), (vec!["c"], size));
            let left = left.unwrap();
            assert_eq!((&*left.framedb_id, ids(&left)), ("a", vec![]), "the copies are not left");
        }
    }

    #[test]
    fn listed_copies_replace_those_that_are_known() {
        let old = route(Some(3), &["c"]);
        let listed = |ids: &[&str]| {
            let copies = ids.iter().map(|id| at(id, Kind::InMemory)).collect();
            Registration { copies: Some(copies), ..registration("a", Some(3)) }
        };
        assert_eq!(ids(&plan(Some(&old), listed(&["d", "a", "d"]), 2, 20).route), ["d"]);
        assert_eq!(ids(&plan(Some(&old), listed(&[]), 2, 20).route), Vec::<&str>::new());
        // An old place that is listed keeps its data, whatever the size.
        let moved = Registration { place: at("b", Kind::InMemory), size: None, ..listed(&["a"]) };
        let Plan { route, left } = plan(Some(&old), moved, 2, 20);
        assert_eq!((ids(&route), left), (vec!["a"], None));
    }

    #[test]
    fn a_key_that_becomes_a_queue_leaves_its_copies_too() {
        let old = route(Some(3), &["c"]);
        let queue =
            Registration { place: at("a", Kind::Stream), size: None, ..registration("a", None) };
        let Plan { route, left } = plan(Some(&old), queue, 2, 20);
        assert_eq!((route.size, ids(&route)), (Some(0), vec![]));
        assert_eq!(ids(&left.unwrap()), ["c"]);
        let Plan { route, left } = plan(Some(&route), registration("a", Some(1)), 3, 30);
        assert_eq!((route.kind, left.unwrap().kind), (Kind::InMemory, Kind::Stream));
    }

    #[test]
    fn a_codec_stays_as_long_as_the_bytes_may_be_its_own() {
        let codec = Codec { format: "lz4/1".parse().unwrap(), digest: "sha256:0".into() };
        let old = Route { codec: Some(CodecRecord::of(codec, b"xy")), ..route(Some(3), &[]) };
        for (id, size, kept, expected) in [
            ("a", Some(3), true, Some(3)),
            ("a", Some(2), true, Some(3)),
            ("a", None, true, None),
            ("a", Some(4), false, Some(4)),
            ("b", Some(2), true, Some(3)),
            ("b", None, false, None),
        ] {
            let route = plan(Some(&old), registration(id, size), 2, 20).route;
            assert_eq!((route.codec.is_some(), route.size), (kept, expected), "{id} {size:?}");
        }
    }

    #[test]
    fn what_was_not_rewritten_keeps_what_is_known_of_its_bytes() {
        let old = Route {
            content_type: Some("image/jpeg".into()),
            expires_at: Some(99),
            ..route(Some(3), &[])
        };
        let new = registration("a", Some(3));
        let kept = plan(Some(&old), Registration { rewritten: false, ..new.clone() }, 2, 20).route;
        assert_eq!(kept, Route { generation: 2, ..old.clone() });
        let route = plan(Some(&old), new, 2, 20).route;
        assert_eq!((route.content_type, route.expires_at, route.stored_at), (None, None, 20));
    }
}
