//! The request for an object: its envelope as a query.

use form_urlencoded::Serializer;
use framedb_plugin::ingest::{Envelope, Kind};
use http::Uri;

/// The service's URL with what is known of an object; what nobody said is left out.
pub(crate) fn question(url: &Uri, envelope: &Envelope<'_>) -> String {
    let mut asked = url.to_string();
    asked.push(if url.query().is_some() { '&' } else { '?' });
    let start = asked.len();
    let size = envelope.size.to_string();
    let said = [
        ("id", Some(envelope.id)),
        ("key", Some(envelope.key)),
        ("source", Some(envelope.source).filter(|source| !source.is_empty())),
        ("kind", envelope.kind.map(Kind::as_str)),
        ("framedb_id", envelope.framedb_id),
        ("content_type", envelope.content_type),
        ("size", Some(size.as_str())),
    ];
    let said = said.into_iter().filter_map(|(name, value)| Some((name, value?)));
    Serializer::for_suffix(asked, start).extend_pairs(said).finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_says_what_is_known_and_keeps_odd_keys_whole() {
        let envelope = Envelope { id: "7", key: "cam 1/ä&b#?", size: 12, ..Envelope::default() };
        let asked = question(&Uri::from_static("http://gate/objects"), &envelope);
        assert_eq!(asked, "http://gate/objects?id=7&key=cam+1%2F%C3%A4%26b%23%3F&size=12");
        let envelope = Envelope {
            source: "cam-1",
            kind: Some(Kind::InMemory),
            framedb_id: Some("memory"),
            content_type: Some("image/jpeg"),
            ..envelope
        };
        let asked = question(&Uri::from_static("http://gate/?site=a"), &envelope);
        let start = "http://gate/?site=a&id=7&key=";
        let end =
            "&source=cam-1&kind=in-memory&framedb_id=memory&content_type=image%2Fjpeg&size=12";
        assert!(asked.starts_with(start) && asked.ends_with(end), "{asked}");
    }
}
