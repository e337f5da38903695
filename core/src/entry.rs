//! `Entry`: an object and its route as one value of a key-value store, so that both become
//! visible together.
//!
//! Layout: a byte that says whether there is data (`D`) or only a route to another place (`R`),
//! the length of the route (4, big endian), the route as JSON, the data.

use crate::{Key, Route};
use bytes::Bytes;

const WITH_DATA: u8 = b'D';
const ROUTE_ONLY: u8 = b'R';
const HEADER: usize = 1 + 4;

/// A value of a key-value store.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Where the object is: here, or elsewhere.
    pub route: Route,
    /// The stored bytes, where they are here.
    pub data: Option<Bytes>,
}

impl Entry {
    /// The name of a key's value. A `#` in front, which no key of a sender may have, keeps it
    /// apart from what plugins keep in the same store.
    #[must_use]
    pub fn name(key: &Key) -> String {
        format!("#{key}")
    }

    /// The key whose value has this name, if it is one.
    #[must_use]
    pub fn key(name: &str) -> Option<Key> {
        Key::new(name.strip_prefix('#')?).ok()
    }

    /// The value.
    ///
    /// # Errors
    ///
    /// When the route cannot be written as JSON.
    pub fn write(route: &Route, data: Option<&[u8]>) -> serde_json::Result<Vec<u8>> {
        let route = serde_json::to_vec(route)?;
        let length = u32::try_from(route.len()).unwrap_or(u32::MAX);
        let mut value = Vec::with_capacity(HEADER + route.len() + data.map_or(0, <[u8]>::len));
        value.push(if data.is_some() { WITH_DATA } else { ROUTE_ONLY });
        value.extend(length.to_be_bytes());
        value.extend(route);
        value.extend_from_slice(data.unwrap_or_default());
        Ok(value)
    }

    /// Reads a value; `None` when it is none of ours.
    #[must_use]
    pub fn read(value: Vec<u8>) -> Option<Self> {
        let (kind, rest) = value.split_first()?;
        let (length, rest) = rest.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let (route, _) = rest.split_at_checked(length)?;
        let route = serde_json::from_slice(route).ok()?;
        let has_data = match *kind {
            WITH_DATA => true,
            ROUTE_ONLY => false,
            _ => return None,
        };
        let data = has_data.then(|| Bytes::from(value).slice(HEADER + length..));
        Some(Self { route, data })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_comes_back_with_and_without_data() {
        let route: Route = serde_json::from_str(
            r#"{"framedb_id":"memory","kind":"in-memory","generation":7,"stored_at":1}"#,
        )
        .unwrap();
        for data in [None, Some(&b""[..]), Some(b"bytes")] {
            let entry = Entry::read(Entry::write(&route, data).unwrap()).unwrap();
            assert_eq!((&entry.route, entry.data.as_deref()), (&route, data));
        }
        let key = Key::new("a/b").unwrap();
        assert_eq!(Entry::key(&Entry::name(&key)), Some(key));
        for foreign in [&b""[..], b"D", b"D\0\0\0\xffx", b"other", b"X\0\0\0\0"] {
            assert!(Entry::read(foreign.to_vec()).is_none());
        }
    }
}
