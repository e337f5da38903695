//! Ranges: one part of an object, by `Range: bytes=…`.

use http::{HeaderMap, header};
use std::ops::Range;

/// What a request's range selects of a payload.
#[derive(Debug, PartialEq, Eq)]
pub enum Part {
    /// All of it: no range, or one that this door does not know, which HTTP lets it ignore.
    Whole,
    /// These bytes.
    Bytes(Range<usize>),
    /// Bytes that are not there.
    Unsatisfiable,
}

/// The part of `size` bytes that a request asks for.
#[must_use]
pub fn part(headers: &HeaderMap, size: usize) -> Part {
    let range = headers.get(header::RANGE).and_then(|value| value.to_str().ok());
    let Some((first, last)) = range
        .filter(|_| !headers.contains_key(header::IF_RANGE))
        .and_then(|range| range.strip_prefix("bytes="))
        .and_then(|range| range.split_once('-'))
    else {
        return Part::Whole;
    };
    let (first, last) = (first.trim(), last.trim());
    let range = match (first.parse::<usize>(), last.parse::<usize>()) {
        (Ok(first), Ok(last)) if first <= last => first..last.saturating_add(1).min(size),
        (Ok(first), Err(_)) if last.is_empty() => first..size,
        (Err(_), Ok(suffix)) if first.is_empty() => size.saturating_sub(suffix)..size,
        _ => return Part::Whole,
    };
    if range.is_empty() { Part::Unsatisfiable } else { Part::Bytes(range) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(range: &'static str) -> Part {
        part(&[(header::RANGE, range.parse().unwrap())].into_iter().collect(), 10)
    }

    #[test]
    fn one_range_selects_bytes() {
        assert_eq!(of("bytes=0-3"), Part::Bytes(0..4));
        assert_eq!(of("bytes=4-"), Part::Bytes(4..10));
        assert_eq!(of("bytes=-3"), Part::Bytes(7..10));
        assert_eq!(of("bytes=0-99"), Part::Bytes(0..10));
        assert_eq!(of("bytes=10-"), Part::Unsatisfiable);
        assert_eq!(of("bytes=-0"), Part::Unsatisfiable);
    }

    #[test]
    fn what_is_not_one_range_selects_everything() {
        for range in ["bytes=0-1,3-4", "bytes=5-2", "lines=1-2", "bytes=-", "bytes=a-b"] {
            assert_eq!(of(range), Part::Whole, "{range}");
        }
        assert_eq!(part(&HeaderMap::new(), 10), Part::Whole);
    }
}
