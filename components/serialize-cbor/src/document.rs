//! The document: CBOR's self-description tag around a map of the object's parts.
//!
//! The map has the text keys `key`, `source`, `content-type` (text or null), `metadata`,
//! `attributes` (a map) and `data` (a byte string), in this order; readers take them in any,
//! and skip what they do not know.

use framedb_plugin::serialize::{Object, Value};
use minicbor::{
    Decoder, Encoder,
    data::{Tag, Type},
    encode::Error,
};
use std::convert::Infallible;

/// "This is CBOR", RFC 8949 section 3.4.6.
const SELF_DESCRIBED: u64 = 55_799;

/// Room for the map's own names and lengths.
const FRAME: usize = 128;

/// The document of an object.
///
/// # Errors
///
/// Says which part cannot be written.
pub(crate) fn write(object: &Object<'_>) -> Result<Vec<u8>, String> {
    let envelope = &object.envelope;
    let texts = envelope.key.len() + envelope.source.len() + envelope.metadata.len();
    let room = FRAME + texts + 64 * envelope.attributes.len() + object.data.len();
    let mut encoder = Encoder::new(Vec::with_capacity(room));
    parts(&mut encoder, object).map_err(|error| format!("write the CBOR document: {error}"))?;
    Ok(encoder.into_writer())
}

fn parts(encoder: &mut Encoder<Vec<u8>>, object: &Object<'_>) -> Result<(), Error<Infallible>> {
    let envelope = &object.envelope;
    encoder.tag(Tag::new(SELF_DESCRIBED))?.map(6)?;
    encoder.str("key")?.str(envelope.key)?;
    encoder.str("source")?.str(envelope.source)?;
    encoder.str("content-type")?;
    match envelope.content_type {
        Some(content_type) => encoder.str(content_type)?,
        None => encoder.null()?,
    };
    encoder.str("metadata")?.str(envelope.metadata)?;
    encoder.str("attributes")?.map(envelope.attributes.len() as u64)?;
    for attribute in envelope.attributes {
        encoder.str(&attribute.name)?;
        match &attribute.value {
            Value::Text(text) => encoder.str(text)?,
            Value::Integer(number) => encoder.i64(*number)?,
            Value::Real(number) => encoder.f64(*number)?,
            Value::Boolean(truth) => encoder.bool(*truth)?,
        };
    }
    encoder.str("data")?.bytes(object.data)?;
    Ok(())
}

/// The payload that a document holds.
///
/// # Errors
///
/// Says why the bytes are no such document.
pub(crate) fn data(document: &[u8]) -> Result<&[u8], String> {
    let mut decoder = Decoder::new(document);
    let data = find(&mut decoder).map_err(|error| format!("read the CBOR document: {error}"))?;
    if decoder.position() != document.len() {
        return Err("the CBOR document is followed by other bytes".into());
    }
    data.ok_or_else(|| "the CBOR document has no `data`".into())
}

fn find<'a>(decoder: &mut Decoder<'a>) -> Result<Option<&'a [u8]>, minicbor::decode::Error> {
    if decoder.datatype()? == Type::Tag && decoder.tag()? != Tag::new(SELF_DESCRIBED) {
        return Err(minicbor::decode::Error::message("its tag is not that of CBOR itself"));
    }
    let mut left = decoder.map()?;
    let mut data = None;
    loop {
        match &mut left {
            Some(0) => return Ok(data),
            Some(pairs) => *pairs -= 1,
            None if decoder.datatype()? == Type::Break => {
                decoder.skip()?;
                return Ok(data);
            }
            None => {}
        }
        if decoder.str()? == "data" {
            data = Some(decoder.bytes()?);
        } else {
            decoder.skip()?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use framedb_plugin::serialize::{Attribute, Envelope};

    fn object() -> Object<'static> {
        let envelope =
            Envelope { key: "cam/1", source: "cam", metadata: "{}", ..Envelope::default() };
        Object { envelope, data: &[1, 2, 3] }
    }

    #[test]
    fn a_document_holds_the_payload_and_says_what_it_is() {
        let attributes = [Attribute::new("width", 640_i64), Attribute::new("ratio", 1.5)];
        let mut object = object();
        object.envelope.attributes = &attributes;
        let document = write(&object).unwrap();
        assert!(document.starts_with(&[0xd9, 0xd9, 0xf7]));
        assert_eq!(data(&document).unwrap(), [1, 2, 3]);
        let shown = minicbor::display(&document).to_string();
        assert!(shown.contains(r#""key": "cam/1""#), "{shown}");
        assert!(shown.contains(r#""width": 640"#), "{shown}");
    }

    #[test]
    fn other_writers_may_leave_out_the_tag_and_count_nothing() {
        let mut encoder = Encoder::new(Vec::new());
        encoder.begin_map().unwrap().str("x").unwrap().array(1).unwrap().u8(1).unwrap();
        encoder.str("data").unwrap().bytes(b"ab").unwrap().end().unwrap();
        assert_eq!(data(&encoder.into_writer()).unwrap(), b"ab");
    }

    #[test]
    fn what_is_no_document_is_refused() {
        let document = write(&object()).unwrap();
        assert!(data(&document[..document.len() - 1]).is_err());
        assert!(data(&[document, vec![0]].concat()).unwrap_err().contains("followed"));
        assert!(data(b"\xa0").unwrap_err().contains("no `data`"));
        assert!(data(b"plain").is_err());
        assert!(data(b"").is_err());
    }
}
