//! Headers: everything that is said of an object beside its payload.
//!
//! Metadata and attributes may hold any text, headers may not: both are percent-encoded, but
//! for what may stand in a header as it is, so that ordinary values stay readable.

use super::Problem;
use crate::Route;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use percent_encoding::{AsciiSet, CONTROLS, percent_decode, utf8_percent_encode};
use std::borrow::Cow;

/// The sender's metadata, percent-encoded.
pub const METADATA: HeaderName = HeaderName::from_static("x-framedb-metadata");
/// Who produced the object.
pub const SOURCE: HeaderName = HeaderName::from_static("x-framedb-source");
/// The sender's id of the object.
pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// The instance that holds it.
pub const FRAMEDB_ID: HeaderName = HeaderName::from_static("x-framedb-id");
/// How it is kept.
pub const TYPE: HeaderName = HeaderName::from_static("x-framedb-type");
/// The format of the stored bytes, where a serializer changed them.
pub const CODEC: HeaderName = HeaderName::from_static("x-framedb-codec");
/// The bytes are a foreign writer's.
pub const FOREIGN: HeaderName = HeaderName::from_static("x-framedb-foreign");
/// The token of a lease.
pub const TOKEN: HeaderName = HeaderName::from_static("x-framedb-token");
/// How often an element was handed out.
pub const DELIVERIES: HeaderName = HeaderName::from_static("x-framedb-deliveries");

/// What an answer's content type is when nobody declared or found one.
const UNDECLARED: HeaderValue = HeaderValue::from_static("application/octet-stream");

/// What may not stand in a header as it is, and `%` and `+`, which decoders change.
const ESCAPED: &AsciiSet = &CONTROLS.add(b' ').add(b'%').add(b'+');

/// Any text as the value of a header.
#[must_use]
pub fn encode(text: &str) -> HeaderValue {
    let encoded = Cow::from(utf8_percent_encode(text, ESCAPED));
    // Only visible ASCII is left.
    HeaderValue::from_str(&encoded).unwrap_or(HeaderValue::from_static(""))
}

/// The bytes that a percent-encoded header carries; none when it is absent.
///
/// # Errors
///
/// When it is there twice.
pub fn decoded(headers: &HeaderMap, name: &HeaderName) -> Result<Bytes, Problem> {
    let Some(value) = once(headers, name)? else { return Ok(Bytes::new()) };
    Ok(Cow::from(percent_decode(value.as_bytes())).into_owned().into())
}

/// The text of a header; empty when it is absent.
///
/// # Errors
///
/// When it is there twice, or is not UTF-8.
pub fn text(headers: &HeaderMap, name: &HeaderName) -> Result<String, Problem> {
    let Some(value) = once(headers, name)? else { return Ok(String::new()) };
    let text = std::str::from_utf8(value.as_bytes());
    text.map(ToOwned::to_owned)
        .map_err(|_| Problem::invalid(format_args!("the header {name} is not UTF-8")))
}

fn once<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a HeaderValue>, Problem> {
    let mut values = headers.get_all(name).iter();
    let value = values.next();
    match values.next() {
        None => Ok(value),
        Some(_) => Err(Problem::invalid(format_args!("the header {name} is there twice"))),
    }
}

/// What a route says of its object.
#[must_use]
pub fn of_route(route: &Route) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let declared = route.content_type.as_deref().filter(|declared| declared.is_ascii());
    let declared = declared.and_then(|declared| HeaderValue::from_str(declared).ok());
    headers.insert(header::CONTENT_TYPE, declared.unwrap_or(UNDECLARED));
    // A browser must not take an object for anything else.
    let nosniff = HeaderValue::from_static("nosniff");
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, nosniff);
    headers.insert(FRAMEDB_ID, encode(&route.framedb_id));
    headers.insert(TYPE, HeaderValue::from_static(route.kind.as_str()));
    if !route.metadata.is_empty() {
        headers.insert(METADATA, encode(&route.metadata));
    }
    for attribute in route.attributes.iter() {
        let name = format!("x-framedb-attr-{}", attribute.name);
        // Attribute names are checked when they are added; another node's may differ.
        if let Ok(name) = HeaderName::try_from(name) {
            headers.insert(name, encode(&attribute.value.to_string()));
        }
    }
    headers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Attribute, Kind, Value};

    fn route() -> Route {
        Route {
            framedb_id: "disk".into(),
            kind: Kind::Storage,
            size: Some(3),
            metadata: "{\"a\": \"ü %\n\"}".into(),
            metadata_is_json: false,
            copies: [].into(),
            content_type: Some("text/plain; charset=utf-8".into()),
            attributes: [Attribute { name: "width".into(), value: Value::Integer(640) }].into(),
            codec: None,
            next: None,
            unframed: false,
            generation: 1,
            expires_at: None,
            stored_at: 0,
        }
    }

    #[test]
    fn metadata_survives_as_it_was() {
        let headers = of_route(&route());
        let value = headers.get(METADATA).unwrap().to_str().unwrap();
        assert_eq!(value, "{\"a\":%20\"%C3%BC%20%25%0A\"}");
        assert_eq!(decoded(&headers, &METADATA).unwrap(), route().metadata.as_bytes());
    }

    #[test]
    fn ordinary_values_stay_readable() {
        let headers = of_route(&route());
        assert_eq!(headers.get("x-framedb-attr-width").unwrap(), "640");
        assert_eq!(headers.get(header::CONTENT_TYPE).unwrap(), "text/plain; charset=utf-8");
        assert_eq!(encode("image/jpeg;q=1,a&b").to_str().unwrap(), "image/jpeg;q=1,a&b");
        let odd = Route { content_type: Some("text/ü".into()), ..route() };
        assert_eq!(of_route(&odd).get(header::CONTENT_TYPE).unwrap(), UNDECLARED);
    }

    #[test]
    fn a_header_that_is_there_twice_is_refused() {
        let mut headers = HeaderMap::new();
        headers.append(METADATA, encode("a"));
        headers.append(METADATA, encode("b"));
        assert!(decoded(&headers, &METADATA).unwrap_err().to_string().contains("twice"));
    }
}
