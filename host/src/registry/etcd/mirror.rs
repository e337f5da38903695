//! `Mirror`: all documents, as the watch keeps them.

use crate::{
    Error, ErrorKind, Result,
    registry::{Document, Table},
};
use bytes::Bytes;
use serde_json::Value;
use std::collections::BTreeMap;

/// All documents with the revisions that wrote them.
#[derive(Debug, Default)]
pub(super) struct Mirror {
    slots: BTreeMap<Table, BTreeMap<String, Slot>>,
    /// Whether the watch reports what becomes of them.
    current: bool,
}

/// A document as it is loaded: its table, its id, the revision that wrote it, its body.
pub(super) type Loaded = (Table, String, u64, Bytes);

/// A document, or where one was.
#[derive(Debug)]
struct Slot {
    /// The revision that wrote or deleted it: what is older is no news.
    revision: u64,
    body: Option<Body>,
}

#[derive(Debug)]
enum Body {
    Json(Value),
    /// Somebody else wrote what cannot be read.
    Unreadable,
}

impl Mirror {
    /// Notes what a revision wrote, or that it deleted it.
    pub(super) fn note(&mut self, table: Table, id: &str, revision: u64, body: Option<&[u8]>) {
        let slots = self.slots.entry(table).or_default();
        if slots.get(id).is_some_and(|slot| slot.revision > revision) {
            return;
        }
        let body = body.map(|body| match serde_json::from_slice(body) {
            Ok(json) => Body::Json(json),
            Err(_) => Body::Unreadable,
        });
        slots.insert(id.to_owned(), Slot { revision, body });
    }

    /// Forgets where documents were, up to a revision that the watch has reported.
    pub(super) fn forget_deleted(&mut self, revision: u64) {
        for slots in self.slots.values_mut() {
            slots.retain(|_, slot| slot.body.is_some() || slot.revision > revision);
        }
    }

    /// Takes over what was loaded at a revision. What this node wrote since stays.
    pub(super) fn start(&mut self, revision: u64, loaded: Vec<Loaded>) {
        for slots in self.slots.values_mut() {
            slots.retain(|_, slot| slot.revision > revision);
        }
        for (table, id, revision, body) in loaded {
            self.note(table, &id, revision, Some(&body));
        }
        self.current = true;
    }

    /// Nothing is current from here on.
    pub(super) fn stop(&mut self) {
        self.current = false;
    }

    /// Whether what is here is current.
    pub(super) fn is_current(&self) -> bool {
        self.current
    }

    pub(super) fn document(&self, table: Table, id: &str) -> Result<Option<Document>> {
        let slot = self.slots.get(&table).and_then(|slots| slots.get(id));
        slot.map_or(Ok(None), |slot| read(table, id, slot))
    }

    pub(super) fn documents(&self, table: Table) -> Result<Vec<Document>> {
        let slots = self.slots.get(&table).into_iter().flatten();
        slots.filter_map(|(id, slot)| read(table, id, slot).transpose()).collect()
    }
}

fn read(table: Table, id: &str, slot: &Slot) -> Result<Option<Document>> {
    match &slot.body {
        None => Ok(None),
        Some(Body::Json(body)) => {
            let (id, body) = (id.to_owned(), body.clone());
            Ok(Some(Document { id, body, revision: slot.revision }))
        }
        Some(Body::Unreadable) => Err(unreadable(table, id)),
    }
}

/// The error of a document that is not JSON.
pub(super) fn unreadable(table: Table, id: &str) -> Error {
    let message =
        format!("cannot read the document {}/{id} in etcd: it is not JSON", table.as_str());
    Error::new(ErrorKind::Corrupt, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(mirror: &Mirror) -> Option<Value> {
        mirror.document(Table::State, "a").unwrap().map(|document| document.body)
    }

    #[test]
    fn what_is_older_is_no_news() {
        let mut mirror = Mirror::default();
        mirror.note(Table::State, "a", 5, Some(b"5"));
        mirror.note(Table::State, "a", 4, Some(b"4"));
        assert_eq!(body(&mirror), Some(5.into()));
        mirror.note(Table::State, "a", 7, None);
        mirror.note(Table::State, "a", 6, Some(b"6"));
        assert_eq!(body(&mirror), None);
        assert!(mirror.documents(Table::State).unwrap().is_empty());
        mirror.forget_deleted(7);
        mirror.note(Table::State, "a", 8, Some(b"8"));
        assert_eq!(body(&mirror), Some(8.into()));
    }

    #[test]
    fn a_load_takes_what_was_deleted_meanwhile_and_leaves_what_was_written_since() {
        let mut mirror = Mirror::default();
        mirror.note(Table::State, "gone", 3, Some(b"1"));
        mirror.note(Table::State, "a", 9, Some(b"9"));
        let loaded = [("a", 2, "2"), ("b", 4, "4")];
        let loaded = loaded.map(|(id, revision, body)| {
            (Table::State, id.to_owned(), revision, Bytes::from_static(body.as_bytes()))
        });
        mirror.start(5, loaded.into());
        let found = mirror.documents(Table::State).unwrap();
        let found: Vec<_> = found.iter().map(|found| (&*found.id, found.revision)).collect();
        assert_eq!(found, [("a", 9), ("b", 4)]);
    }

    #[test]
    fn what_cannot_be_read_is_an_error_of_its_own() {
        let mut mirror = Mirror::default();
        mirror.note(Table::State, "a", 1, Some(b"{"));
        mirror.note(Table::State, "b", 1, Some(b"1"));
        assert!(mirror.document(Table::State, "b").unwrap().is_some());
        assert!(mirror.document(Table::State, "a").is_err());
    }
}
