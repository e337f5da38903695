//! Keys and queue names in paths: what follows `/objects/` or `/streams/`, percent-encoded.
//!
//! Everything is decided on the raw path and decoded after that, so that a queue named `a/pop`
//! is sent as `a%2Fpop`.

use super::Problem;
use crate::Key;
use bytes::Bytes;
use http::Uri;
use percent_encoding::percent_decode_str;
use std::borrow::Cow;

/// What is done with a queue, by the last segment of a POST's path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// The path names the queue alone.
    Push,
    /// The oldest element is taken out.
    Pop,
    /// The oldest element is lent.
    Lease,
    /// A lent element is done with.
    Ack,
    /// A lent element goes back.
    Nack,
    /// A lease lasts longer.
    Extend,
}

/// The rest of a path behind its first segment, as it came.
#[must_use]
pub fn rest(uri: &Uri) -> &str {
    let path = uri.path().trim_start_matches('/');
    path.split_once('/').map_or("", |(_, rest)| rest)
}

/// Decodes what a raw path names; whether it is a legal key is not checked yet.
#[must_use]
pub fn decode(raw: &str) -> Bytes {
    match Cow::from(percent_decode_str(raw)) {
        Cow::Borrowed(bytes) => Bytes::copy_from_slice(bytes),
        Cow::Owned(bytes) => bytes.into(),
    }
}

/// The key that a raw path names.
///
/// # Errors
///
/// When it is no legal key.
pub fn key(raw: &str) -> Result<Key, Problem> {
    Key::from_bytes(&decode(raw)).map_err(Problem::invalid)
}

/// The raw name of the queue, and what is done with it. `/streams/pop` is a queue of that name.
#[must_use]
pub fn action(rest: &str) -> (&str, Action) {
    let Some((queue, last)) = rest.rsplit_once('/') else { return (rest, Action::Push) };
    let action = match last {
        "pop" => Action::Pop,
        "lease" => Action::Lease,
        "ack" => Action::Ack,
        "nack" => Action::Nack,
        "extend" => Action::Extend,
        _ => return (rest, Action::Push),
    };
    (queue, action)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_the_decoded_rest_of_the_path() {
        let uri: Uri = "/objects/cam-1/a%20b%3F1?type=storage".parse().unwrap();
        assert_eq!(rest(&uri), "cam-1/a%20b%3F1");
        assert_eq!(key(rest(&uri)).unwrap().as_str(), "cam-1/a b?1");
        assert_eq!(rest(&"/objects".parse().unwrap()), "");
        assert!(key("%ff").is_err());
    }

    #[test]
    fn the_last_raw_segment_says_what_is_done_with_a_queue() {
        assert_eq!(action("q"), ("q", Action::Push));
        assert_eq!(action("a/b"), ("a/b", Action::Push));
        assert_eq!(action("a/b/pop"), ("a/b", Action::Pop));
        assert_eq!(action("a%2Fpop"), ("a%2Fpop", Action::Push));
        assert_eq!(action("a%2Fpop/pop"), ("a%2Fpop", Action::Pop));
        assert_eq!(action("pop"), ("pop", Action::Push));
        assert_eq!(action("pop/nack"), ("pop", Action::Nack));
    }
}
