//! What URLs name: keys as clients paste them, unescaped, into paths (contract section 4).
//!
//! A key is the rest of the path, slashes included. A frame key (`cam?1?0__5`) comes as a path
//! and a query, which is put back; these endpoints have no queries of their own. What is done
//! with a key is decided on the raw text, so that `%2Fupdate` ends a key, and never is an action.

use crate::{Key, http::path::decode, key::COPY_EXISTS};
use http::Uri;

/// The raw rest of a URL behind `/framedb/objects/` or `/framedb/streams/`.
#[must_use]
pub fn rest(uri: &Uri) -> String {
    let mut segments = uri.path().trim_start_matches('/').splitn(3, '/').skip(2);
    let path = segments.next().unwrap_or_default();
    match uri.query() {
        Some(query) if !query.is_empty() => format!("{path}?{query}"),
        _ => path.to_owned(),
    }
}

/// The key that a raw text names; `None` when no key is so, and so nothing is stored under it.
#[must_use]
pub fn key(raw: &str) -> Option<Key> {
    Key::from_bytes(&decode(raw)).ok()
}

/// The raw key of a POST, and the last segment, which says what is done with it.
#[must_use]
pub fn action(raw: &str) -> Option<(&str, &str)> {
    raw.rsplit_once('/')
}

/// The raw key and the instance of `<key>/copy-exists/<framedb_id>`, if a GET asks that.
#[must_use]
pub fn copy_exists(raw: &str) -> Option<(&str, String)> {
    let at = raw.rfind(COPY_EXISTS)?;
    let (key, framedb_id) = (raw.get(..at)?, raw.get(at + COPY_EXISTS.len()..)?);
    Some((key, String::from_utf8_lossy(&decode(framedb_id)).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(path: &str) -> String {
        let raw = rest(&format!("/framedb/objects/{path}").parse().unwrap());
        key(&raw).map(String::from).unwrap_or_default()
    }

    #[test]
    fn keys_are_found_as_clients_paste_them() {
        for (path, expected) in [
            ("a/b", "a/b"),
            ("a%20b", "a b"),
            ("%C3%BC", "ü"),
            ("a%2Fb", "a/b"),
            ("cam?1?0__5", "cam?1?0__5"),
            ("cam?", "cam"),
            ("a+b?c+d", "a+b?c+d"),
            ("x%23y", ""),
            ("%2E%2E", ""),
            ("%FF", ""),
        ] {
            assert_eq!(named(path), expected, "{path}");
        }
    }

    #[test]
    fn the_last_raw_segment_is_the_action() {
        let raw = |path: &str| rest(&path.parse().unwrap());
        let update = raw("/framedb/objects/cam?1?0__5/update");
        assert_eq!(action(&update), Some(("cam?1?0__5", "update")));
        assert_eq!(action("a/update/update"), Some(("a/update", "update")));
        assert_eq!(action("a%2Fupdate"), None);
    }

    #[test]
    fn a_copy_is_asked_for_behind_the_key() {
        let copy = |key, id: &str| Some((key, id.to_owned()));
        assert_eq!(copy_exists("a/b/copy-exists/i%201"), copy("a/b", "i 1"));
        assert_eq!(copy_exists("a/copy-exists/b/copy-exists/i"), copy("a/copy-exists/b", "i"));
        assert_eq!(copy_exists("a/copy-exists"), None);
    }
}
