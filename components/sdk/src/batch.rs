//! Batches as they cross the sandbox, taken apart: texts and attributes of all objects cross as
//! one list each, and envelopes become views of them.

use crate::{
    bindings::shared::framedb::edge::types::{Attribute, Envelope as Row, Envelopes, Span},
    types::{Envelope, Object},
};

/// The envelopes of a batch.
///
/// # Errors
///
/// When a host sends texts that are not UTF-8, or spans that lead out of the batch.
pub(crate) fn envelopes(batch: &Envelopes) -> Result<Vec<Envelope<'_>>, String> {
    let text = str::from_utf8(&batch.text)
        .map_err(|error| format!("the host sent a batch whose text is not UTF-8: {error}"))?;
    let view = |row| {
        view(row, text, &batch.attributes)
            .ok_or_else(|| format!("the host sent a batch with a span outside of it: {row:?}"))
    };
    batch.rows.iter().map(view).collect()
}

/// The objects that these envelopes and payloads make.
pub(crate) fn objects<'a>(envelopes: Vec<Envelope<'a>>, payloads: Vec<Vec<u8>>) -> Vec<Object<'a>> {
    let object = |(envelope, data)| Object { envelope, data };
    envelopes.into_iter().zip(payloads).map(object).collect()
}

fn view<'a>(row: &Row, text: &'a str, attributes: &'a [Attribute]) -> Option<Envelope<'a>> {
    let part = |span: Span| text.get(range(span));
    let optional = |span: Option<Span>| match span {
        Some(span) => part(span).map(Some),
        None => Some(None),
    };
    Some(Envelope {
        id: part(row.id)?,
        attempt: row.attempt,
        key: part(row.key)?,
        source: part(row.source)?,
        kind: row.kind,
        framedb_id: optional(row.framedb_id)?,
        content_type: optional(row.content_type)?,
        metadata: part(row.metadata)?,
        attributes: attributes.get(range(row.attributes))?,
        size: row.size,
    })
}

fn range(span: Span) -> std::ops::Range<usize> {
    let start = span.start as usize;
    start..start.saturating_add(span.length as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Kind;

    fn span(start: u32, length: u32) -> Span {
        Span { start, length }
    }

    fn batch() -> Envelopes {
        let row = Row {
            id: span(0, 1),
            attempt: 2,
            key: span(1, 7),
            source: span(0, 0),
            kind: Some(Kind::Storage),
            framedb_id: None,
            content_type: Some(span(8, 3)),
            metadata: span(11, 0),
            attributes: span(1, 1),
            size: 3,
        };
        let attributes = vec![Attribute::new("other", true), Attribute::new("width", 640_i64)];
        Envelopes { text: "7caméraa/b".into(), attributes, rows: vec![row] }
    }

    #[test]
    fn rows_become_views_of_the_text() {
        let batch = batch();
        let envelopes = envelopes(&batch).unwrap();
        let expected = Envelope {
            id: "7",
            attempt: 2,
            key: "caméra",
            kind: Some(Kind::Storage),
            content_type: Some("a/b"),
            attributes: &[Attribute::new("width", 640_i64)],
            size: 3,
            ..Envelope::default()
        };
        assert_eq!(envelopes, [expected]);
        let objects = objects(envelopes, vec![vec![1, 2, 3]]);
        assert_eq!(objects, [Object { envelope: expected, data: vec![1, 2, 3] }]);
    }

    #[test]
    fn what_a_host_gets_wrong_is_named() {
        for (change, part) in [
            ((|batch| batch.text[5] = 0xff) as fn(&mut Envelopes), "not UTF-8"),
            (|batch| batch.rows[0].key = span(1, 4), "span"),
            (|batch| batch.rows[0].metadata = span(11, 1), "span"),
            (|batch| batch.rows[0].attributes = span(2, 1), "span"),
            (|batch| batch.rows[0].id = span(u32::MAX, u32::MAX), "span"),
        ] {
            let mut batch = batch();
            change(&mut batch);
            let error = envelopes(&batch).unwrap_err();
            assert!(error.contains(part), "{part} in {error}");
        }
    }
}
