//! Batches as they cross the sandbox, taken apart: texts and attributes of all objects cross as
//! one list each, and envelopes become views of them.

use crate::{
    bindings::shared::framedb::edge::types::{Envelope as Row, Envelopes},
    types::{Envelope, Object},
};
use std::mem;

/// The envelopes of a batch.
///
/// # Errors
///
/// When a host sends texts that are not UTF-8, or rows that do not follow one another.
pub(crate) fn envelopes(batch: &Envelopes) -> Result<Vec<Envelope<'_>>, String> {
    let text = str::from_utf8(&batch.text)
        .map_err(|error| format!("the host sent a batch whose text is not UTF-8: {error}"))?;
    // What follows one another: each part begins where the one before it ended.
    let (mut text_end, mut attributes_end) = (0, 0);
    let mut text = |end: u32| text.get(mem::replace(&mut text_end, end as usize)..end as usize);
    let mut attributes = |end: u32| {
        batch.attributes.get(mem::replace(&mut attributes_end, end as usize)..end as usize)
    };
    let mut view = |row: &Row| {
        Some(Envelope {
            id: text(row.id_end)?,
            key: text(row.key_end)?,
            source: text(row.source_end)?,
            framedb_id: Some(text(row.framedb_id_end)?).filter(|id| !id.is_empty()),
            content_type: Some(text(row.content_type_end)?).filter(|name| !name.is_empty()),
            metadata: text(row.metadata_end)?,
            attributes: attributes(row.attributes_end)?,
            attempt: row.attempt,
            kind: row.kind,
            size: row.size,
        })
    };
    let envelope =
        |row| view(row).ok_or_else(|| format!("the host sent a row outside of its batch: {row:?}"));
    batch.rows.iter().map(envelope).collect()
}

/// The objects that these envelopes and payloads make.
pub(crate) fn objects<'a>(envelopes: Vec<Envelope<'a>>, payloads: Vec<Vec<u8>>) -> Vec<Object<'a>> {
    let object = |(envelope, data)| Object { envelope, data };
    envelopes.into_iter().zip(payloads).map(object).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{Attribute, Kind};

    fn batch() -> Envelopes {
        let first = Row {
            id_end: 1,
            key_end: 8,
            source_end: 8,
            framedb_id_end: 8,
            content_type_end: 11,
            metadata_end: 11,
            attributes_end: 1,
            attempt: 2,
            kind: Some(Kind::Storage),
            size: 3,
        };
        let second = Row {
            id_end: 12,
            key_end: 13,
            source_end: 14,
            framedb_id_end: 15,
            content_type_end: 15,
            metadata_end: 17,
            attributes_end: 2,
            attempt: 1,
            kind: None,
            size: 0,
        };
        let attributes = vec![Attribute::new("width", 640_i64), Attribute::new("other", true)];
        Envelopes { text: "7caméraa/b8ksf{}".into(), attributes, rows: vec![first, second] }
    }

    #[test]
    fn rows_become_views_of_the_text() {
        let batch = batch();
        let envelopes = envelopes(&batch).unwrap();
        let first = Envelope {
            id: "7",
            attempt: 2,
            key: "caméra",
            kind: Some(Kind::Storage),
            content_type: Some("a/b"),
            attributes: &[Attribute::new("width", 640_i64)],
            size: 3,
            ..Envelope::default()
        };
        let second = Envelope {
            id: "8",
            attempt: 1,
            key: "k",
            source: "s",
            framedb_id: Some("f"),
            metadata: "{}",
            attributes: &[Attribute::new("other", true)],
            ..Envelope::default()
        };
        assert_eq!(envelopes, [first, second]);
        let objects = objects(envelopes, vec![vec![1, 2, 3], Vec::new()]);
        let expected = [
            Object { envelope: first, data: vec![1, 2, 3] },
            Object { envelope: second, data: Vec::new() },
        ];
        assert_eq!(objects, expected);
    }

    #[test]
    fn what_a_host_gets_wrong_is_named() {
        for (change, part) in [
            ((|batch| batch.text[5] = 0xff) as fn(&mut Envelopes), "not UTF-8"),
            (|batch| batch.rows[0].key_end = 5, "outside"),
            (|batch| batch.rows[0].source_end = 2, "outside"),
            (|batch| batch.rows[1].metadata_end = 18, "outside"),
            (|batch| batch.rows[1].attributes_end = 3, "outside"),
            (|batch| batch.rows[1].attributes_end = 0, "outside"),
        ] {
            let mut batch = batch();
            change(&mut batch);
            let error = envelopes(&batch).unwrap_err();
            assert!(error.contains(part), "{part} in {error}");
        }
    }
}
