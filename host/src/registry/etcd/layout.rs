//! `Layout`: how the keys of a registry are written in etcd.
//!
//! Documents and routes lie side by side so that one watch reports both; what expires is behind
//! them, because nobody watches it.

use crate::registry::Table;
use framedb_core::Key;

/// The keys below one prefix.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    documents: Vec<u8>,
    routes: Vec<u8>,
    times: Vec<u8>,
}

/// What a key is about.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Subject {
    Document(Table, String),
    Route(Key),
}

/// Digits of a time, so that the byte order of keys is the order of times.
const DIGITS: usize = 16;

impl Layout {
    pub(super) fn new(prefix: &str) -> Self {
        let part = |name: &str| format!("{prefix}{name}/").into_bytes();
        Self { documents: part("documents"), routes: part("routes"), times: part("times") }
    }

    /// The range that is watched: documents and routes.
    pub(super) fn watched(&self) -> (Vec<u8>, Vec<u8>) {
        (self.documents.clone(), self.times.clone())
    }

    /// What all documents begin with.
    pub(super) fn documents(&self) -> &[u8] {
        &self.documents
    }

    /// What all documents of a table begin with.
    pub(super) fn table(&self, table: Table) -> Vec<u8> {
        [&*self.documents, table.as_str().as_bytes(), b"/"].concat()
    }

    pub(super) fn document(&self, table: Table, id: &str) -> Vec<u8> {
        [&*self.table(table), id.as_bytes()].concat()
    }

    /// What all routes begin with.
    pub(super) fn routes(&self) -> &[u8] {
        &self.routes
    }

    pub(super) fn route(&self, key: &str) -> Vec<u8> {
        [&*self.routes, key.as_bytes()].concat()
    }

    /// What all times begin with.
    pub(super) fn times(&self) -> &[u8] {
        &self.times
    }

    /// The entry of a route that expires.
    pub(super) fn time(&self, at: u64, key: &str) -> Vec<u8> {
        [&*self.times, format!("{at:0DIGITS$x}/").as_bytes(), key.as_bytes()].concat()
    }

    /// What an entry of a route that expires says: when, and which.
    pub(super) fn read_time(&self, entry: &[u8]) -> Option<(u64, Key)> {
        let (at, key) = entry.strip_prefix(&*self.times)?.split_at_checked(DIGITS)?;
        let at = u64::from_str_radix(std::str::from_utf8(at).ok()?, 16).ok()?;
        Some((at, Key::from_bytes(key.strip_prefix(b"/")?).ok()?))
    }

    /// What a key is about; nothing of ours where somebody else put it there.
    pub(super) fn subject(&self, key: &[u8]) -> Option<Subject> {
        if let Some(route) = key.strip_prefix(&*self.routes) {
            return Some(Subject::Route(Key::from_bytes(route).ok()?));
        }
        let rest = std::str::from_utf8(key.strip_prefix(&*self.documents)?).ok()?;
        let (name, id) = rest.split_once('/')?;
        let table = Table::ALL.into_iter().find(|table| table.as_str() == name)?;
        Some(Subject::Document(table, id.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_as_they_were_written() {
        let layout = Layout::new("/a/");
        let key = Key::new("cam/1?2").unwrap();
        assert_eq!(layout.subject(&layout.route("cam/1?2")), Some(Subject::Route(key.clone())));
        let document = layout.document(Table::Sources, "x/y");
        let subject = Subject::Document(Table::Sources, "x/y".into());
        assert_eq!(layout.subject(&document), Some(subject));
        assert_eq!(layout.read_time(&layout.time(258, "cam/1?2")), Some((258, key)));
        assert!(layout.time(9, "b") < layout.time(10, "a"));
        let (start, end) = layout.watched();
        for watched in [document, layout.route("a"), layout.route("\u{10ffff}")] {
            assert!(start <= watched && watched < end);
        }
        assert!(layout.time(0, "a") >= end);
    }
}
