//! For fuzzing: requests as the handlers read them, without a node behind.

use super::{config, framedb, path, query};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Uri};
use framedb_core::{
    Key, check_metadata, declared,
    http::{filter::Filter, headers, objects, range},
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value};

/// Bytes of a payload whose part is asked for.
const SIZE: usize = 1000;

/// Reads a request: its target in the first line, a header in each line up to an empty one, and
/// then its body.
pub(crate) fn request(data: &[u8]) {
    let (head, body) = match data.windows(2).position(|two| two == b"\n\n") {
        Some(at) => (data.get(..at).unwrap_or_default(), data.get(at + 2..).unwrap_or_default()),
        None => (data, [].as_slice()),
    };
    let mut lines = head.split(|byte| *byte == b'\n');
    let Ok(uri) = Uri::try_from(lines.next().unwrap_or_default()) else { return bodies(body) };
    let mut said = HeaderMap::new();
    for line in lines {
        let colon = line.iter().position(|byte| *byte == b':').unwrap_or(line.len());
        let (name, value) = line.split_at_checked(colon).unwrap_or_default();
        let value = value.strip_prefix(b":").unwrap_or_default().trim_ascii();
        let name = HeaderName::from_bytes(name);
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(value)) {
            drop(said.try_append(name, value));
        }
    }
    object(&uri, &said);
    queries(&uri);
    framedb::fuzz(&uri, body);
    bodies(body);
    if let range::Part::Bytes(part) = range::part(&said, SIZE) {
        assert!(part.start < part.end && part.end <= SIZE, "{part:?}");
    }
}

fn object(uri: &Uri, said: &HeaderMap) {
    let (raw, _) = path::action(path::rest(uri));
    drop(path::key(raw));
    let Ok(arrival) = objects::arrival(uri, path::rest(uri), said) else { return };
    if let Ok(key) = Key::from_bytes(&arrival.key) {
        // A key leads back to itself, however it is written.
        let written = utf8_percent_encode(key.as_str(), NON_ALPHANUMERIC).to_string();
        assert_eq!(path::decode(&written), arrival.key);
    }
    if let Ok(metadata) = check_metadata(&arrival.metadata) {
        let shown = [(headers::METADATA, headers::encode(metadata))].into_iter().collect();
        let read = headers::decoded(&shown, &headers::METADATA);
        assert_eq!(read.ok(), Some(arrival.metadata.clone()));
    }
    if let Some(declared) = declared(&arrival.content_type) {
        assert!(!declared.is_empty());
    }
}

fn queries(uri: &Uri) {
    drop(query::parse::<query::List>(uri));
    drop(query::parse::<query::Letters>(uri));
    drop(query::parse::<query::Nothing>(uri));
    if let Ok(lease) = query::parse::<query::Lease>(uri) {
        drop(lease.token().map(ToOwned::to_owned));
        drop(lease.without_period());
    }
}

fn bodies(body: &[u8]) {
    let Ok(fields) = serde_json::from_slice::<Map<String, Value>>(body) else { return };
    config::fuzz(&fields);
    if let Ok(filter) = Filter::parse(fields.clone()) {
        let document = Value::Object(fields);
        let fits = filter.fits(&document);
        assert_eq!(fits, filter.fits(&document));
    }
}
