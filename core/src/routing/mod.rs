//! The existing routing service as the node and the Spin worker speak to it (contract 4).
//!
//! It keeps less than a route says: no codec, no expiry, no attributes, no generation. What a
//! reader cannot do without travels with the bytes instead, in a frame.

mod answer;
mod route;

pub use answer::{Answer, Looked, Registered, is_passing};
pub use route::{RecordError, body, change, read};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What is encoded in a segment: everything but what never needs to be, so that services which
/// compare paths before they decode them find their own names.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// The segment that names routes of objects, or of queues.
#[must_use]
pub fn table(is_stream: bool) -> &'static str {
    if is_stream { "streams" } else { "objects" }
}

/// A path whose segments are each encoded as a whole, behind a base path: a key keeps its
/// slashes, question marks and dots.
#[must_use]
pub fn path(base: &str, segments: &[&str]) -> String {
    let mut path = base.trim_end_matches('/').to_owned();
    for segment in segments {
        path.push('/');
        path.extend(utf8_percent_encode(segment, SEGMENT));
    }
    path
}

#[cfg(test)]
mod tests {
    use super::path;

    #[test]
    fn keys_are_whole_segments() {
        assert_eq!(
            path("/base/", &["framedb", "objects", "a/b?1#x"]),
            "/base/framedb/objects/a%2Fb%3F1%23x"
        );
        assert_eq!(path("/", &["a_b.c~d e"]), "/a_b.c~d%20e");
    }
}
