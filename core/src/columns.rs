//! `Columns`: a batch as it crosses into a plugin, without its payloads.

use crate::{Attribute, Envelope, Key, Kind};
use std::mem;

/// Texts that an object has.
const TEXTS: usize = 6;

/// Bytes of text that an object brings along, as a guess that spares growing.
const TEXT_OF_AN_OBJECT: usize = 96;

/// `types.envelopes` of the contract, with attributes (`A`) and kinds (`K`) as the caller's
/// bindings have them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Columns<A, K> {
    /// The texts of all objects, one after the other.
    pub text: Vec<u8>,
    /// Where each of them ends, six for each object.
    pub text_ends: Vec<u32>,
    /// The attributes of all objects, one after the other.
    pub attributes: Vec<A>,
    /// Where those of each object end.
    pub attribute_ends: Vec<u32>,
    /// How often each object was tried.
    pub attempts: Vec<u32>,
    /// The kinds that senders asked for.
    pub kinds: Vec<Option<K>>,
    /// Bytes of payload.
    pub sizes: Vec<u64>,
}

impl<A, K> Columns<A, K>
where
    A: for<'a> From<&'a Attribute>,
    K: From<Kind>,
{
    /// Packs envelopes, each with the length of its payload.
    pub fn pack<'a>(batch: impl ExactSizeIterator<Item = (&'a Envelope, u64)>) -> Self {
        let count = batch.len();
        let mut packed = Self {
            text: Vec::with_capacity(TEXT_OF_AN_OBJECT * count),
            text_ends: Vec::with_capacity(TEXTS * count),
            attributes: Vec::new(),
            attribute_ends: Vec::with_capacity(count),
            attempts: Vec::with_capacity(count),
            kinds: Vec::with_capacity(count),
            sizes: Vec::with_capacity(count),
        };
        for (envelope, size) in batch {
            packed.add(envelope, size);
        }
        packed
    }

    fn add(&mut self, envelope: &Envelope, size: u64) {
        // In the order in which the contract has them.
        let texts: [&str; TEXTS] = [
            &envelope.id,
            envelope.key.as_str(),
            &envelope.source,
            envelope.framedb_id.as_deref().unwrap_or_default(),
            envelope.content_type.as_deref().unwrap_or_default(),
            &envelope.metadata,
        ];
        for text in texts {
            self.text.extend_from_slice(text.as_bytes());
            self.text_ends.push(end(self.text.len()));
        }
        self.attributes.extend(envelope.attributes.iter().map(A::from));
        self.attribute_ends.push(end(self.attributes.len()));
        self.attempts.push(envelope.attempt);
        self.kinds.push(envelope.kind.map(K::from));
        self.sizes.push(size);
    }
}

impl<A, K> Columns<A, K>
where
    Attribute: From<A>,
    Kind: From<K>,
{
    /// The envelopes that were packed; none where the columns do not fit together, or a text is
    /// none or breaks a rule.
    #[must_use]
    pub fn unpack(self) -> Option<Vec<Envelope>> {
        let Self { text, text_ends, attributes, attribute_ends, attempts, kinds, sizes } = self;
        let whole = str::from_utf8(&text).ok()?;
        let (mut ends, mut begin) = (text_ends.into_iter(), 0);
        let mut text = || {
            let end = ends.next()? as usize;
            whole.get(mem::replace(&mut begin, end)..end)
        };
        let filled = |text: &str| (!text.is_empty()).then(|| text.into());
        let (mut attributes, mut taken) = (attributes.into_iter(), 0);
        let mut tried = attempts.into_iter();
        let mut envelopes = Vec::with_capacity(sizes.len());
        for (kind, end) in kinds.into_iter().zip(attribute_ends) {
            let own = end.checked_sub(mem::replace(&mut taken, end))? as usize;
            let own: Vec<_> = attributes.by_ref().take(own).map(Attribute::from).collect();
            envelopes.push(Envelope {
                id: text()?.into(),
                key: Key::new(text()?).ok()?,
                source: text()?.into(),
                framedb_id: filled(text()?),
                content_type: filled(text()?),
                metadata: text()?.into(),
                attributes: own.into(),
                attempt: tried.next()?,
                kind: kind.map(Kind::from),
            });
        }
        (envelopes.len() == sizes.len()).then_some(envelopes)
    }
}

/// An index that a guest can have; it addresses less than 4 GiB.
fn end(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Value;

    #[derive(Debug, Clone, PartialEq)]
    struct Own(Attribute);

    impl From<&Attribute> for Own {
        fn from(attribute: &Attribute) -> Self {
            Self(attribute.clone())
        }
    }

    impl From<Own> for Attribute {
        fn from(Own(attribute): Own) -> Self {
            attribute
        }
    }

    #[test]
    fn texts_and_attributes_follow_one_another() {
        let first = Envelope {
            id: "7".into(),
            attempt: 2,
            key: Key::new("k").unwrap(),
            source: "cam".into(),
            kind: Some(Kind::Storage),
            framedb_id: None,
            content_type: Some("a/b".into()),
            metadata: "{}".into(),
            attributes: [Attribute { name: "width".into(), value: Value::Integer(1) }].into(),
        };
        let second =
            Envelope { id: "8".into(), kind: None, attributes: [].into(), ..first.clone() };
        let packed = Columns::<Own, Kind>::pack([(&first, 3), (&second, 0)].into_iter());
        assert_eq!(packed.text, b"7kcama/b{}8kcama/b{}");
        assert_eq!(packed.text_ends, [1, 2, 5, 5, 8, 10, 11, 12, 15, 15, 18, 20]);
        assert_eq!(
            (&packed.attributes, &packed.attribute_ends),
            (&vec![Own(first.attributes[0].clone())], &vec![1, 1])
        );
        assert_eq!((&packed.kinds, &packed.sizes), (&vec![Some(Kind::Storage), None], &vec![3, 0]));
        assert_eq!(packed.clone().unpack(), Some(vec![first, second]));
        for wrong in [
            Columns { text: b"short".to_vec(), ..packed.clone() },
            Columns { text_ends: vec![1, 2], ..packed.clone() },
            Columns { attribute_ends: vec![1, 0], ..packed.clone() },
            Columns { attempts: vec![1], ..packed.clone() },
            Columns { sizes: vec![3], ..packed.clone() },
        ] {
            assert_eq!(wrong.unpack(), None);
        }
    }
}
