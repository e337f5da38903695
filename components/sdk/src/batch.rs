//! Batches as they cross the sandbox, by columns, made rows of: objects are views of them.

use crate::{
    bindings::shared::framedb::edge::types::{Envelopes, Objects},
    types::{Envelope, Object},
};
use std::mem;

/// The envelopes of a batch.
///
/// # Errors
///
/// When a host sends text that is not UTF-8, or columns that do not fit together.
pub(crate) fn envelopes(batch: &Envelopes) -> Result<Vec<Envelope<'_>>, String> {
    rows(batch)?.collect()
}

/// The objects of a batch.
///
/// # Errors
///
/// As [`envelopes`].
pub(crate) fn objects(batch: &Objects) -> Result<Vec<Object<'_>>, String> {
    let mut payloads = &*batch.payloads;
    let mut payload = |size| payloads.split_off(..usize::try_from(size).ok()?);
    rows(&batch.envelopes)?
        .map(|envelope| {
            let envelope = envelope?;
            let data = payload(envelope.size).ok_or("the host sent payloads that do not fit")?;
            Ok(Object { envelope, data })
        })
        .collect()
}

/// The rows that the columns make.
fn rows(batch: &Envelopes) -> Result<impl Iterator<Item = Result<Envelope<'_>, String>>, String> {
    let whole = str::from_utf8(&batch.text)
        .map_err(|error| format!("the host sent text that is not UTF-8: {error}"))?;
    let mut ends = batch.text_ends.iter();
    // What follows one another: each part begins where the one before it ended.
    let (mut text_end, mut attributes_end) = (0, 0);
    let mut text = move || {
        let end = *ends.next()? as usize;
        whole.get(mem::replace(&mut text_end, end)..end)
    };
    let mut attributes = move |n| {
        let end = *batch.attribute_ends.get(n)? as usize;
        batch.attributes.get(mem::replace(&mut attributes_end, end)..end)
    };
    let mut row = move |n| {
        Some(Envelope {
            // In the order in which the contract has them.
            id: text()?,
            key: text()?,
            source: text()?,
            framedb_id: Some(text()?).filter(|id| !id.is_empty()),
            content_type: Some(text()?).filter(|name| !name.is_empty()),
            metadata: text()?,
            attributes: attributes(n)?,
            attempt: *batch.attempts.get(n)?,
            kind: *batch.kinds.get(n)?,
            size: *batch.sizes.get(n)?,
        })
    };
    Ok((0..batch.sizes.len())
        .map(move |n| row(n).ok_or_else(|| "the host sent columns that do not fit".to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{Attribute, Kind};

    fn batch() -> Objects {
        let texts = ["7", "caméra", "", "", "a/b", "", "8", "k", "s", "f", "", "{}"];
        let text_ends = texts.iter().scan(0, |end, text| {
            *end += text.len() as u32;
            Some(*end)
        });
        let envelopes = Envelopes {
            text_ends: text_ends.collect(),
            text: texts.concat().into(),
            attributes: vec![Attribute::new("width", 640_i64), Attribute::new("other", true)],
            attribute_ends: vec![1, 2],
            attempts: vec![2, 1],
            kinds: vec![Some(Kind::Storage), None],
            sizes: vec![3, 0],
        };
        Objects { envelopes, payloads: vec![1, 2, 3] }
    }

    #[test]
    fn columns_become_rows() {
        let batch = batch();
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
        assert_eq!(envelopes(&batch.envelopes).unwrap(), [first, second]);
        let expected =
            [Object { envelope: first, data: &[1, 2, 3] }, Object { envelope: second, data: &[] }];
        assert_eq!(objects(&batch).unwrap(), expected);
    }

    #[test]
    fn what_a_host_gets_wrong_is_named() {
        for (change, part) in [
            ((|batch| batch.text[5] = 0xff) as fn(&mut Envelopes), "not UTF-8"),
            (|batch| batch.text_ends[1] = 5, "do not fit"),
            (|batch| batch.text_ends[2] = 2, "do not fit"),
            (|batch| batch.text_ends[11] = 99, "do not fit"),
            (|batch| _ = batch.text_ends.pop(), "do not fit"),
            (|batch| batch.attribute_ends[1] = 3, "do not fit"),
            (|batch| batch.attribute_ends[1] = 0, "do not fit"),
            (|batch| _ = batch.attempts.pop(), "do not fit"),
        ] {
            let mut batch = batch().envelopes;
            change(&mut batch);
            let error = envelopes(&batch).unwrap_err();
            assert!(error.contains(part), "{part} in {error}");
        }
        let mut batch = batch();
        batch.payloads.pop();
        assert!(objects(&batch).unwrap_err().contains("do not fit"));
    }
}
