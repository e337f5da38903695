//! Rows: a value with the number that scripts compare, in front.
//!
//! Lua knows numbers up to 2^53 only, so scripts compare them as text of a fixed length.

use crate::{Result, driver::tables::encode_route};
use framedb_core::{Key, Route};

/// Digits of the largest number.
const DIGITS: usize = 20;

/// Digits of a generation, of a time, and a space after each.
const HEAD: usize = 2 * (DIGITS + 1);

/// A generation as rows have it.
pub(super) fn generation_of(generation: u64) -> String {
    format!("{generation:0DIGITS$}")
}

/// A route as it is stored: its generation, when it expires (0 is never), and itself.
pub(super) fn row(key: &Key, route: &Route) -> Result<Vec<u8>> {
    let expires_at = route.expires_at.map_or(0, |at| at.max(1));
    let mut row =
        format!("{} {expires_at:0DIGITS$} ", generation_of(route.generation)).into_bytes();
    row.extend(encode_route(key, route)?);
    Ok(row)
}

/// The route of a row, as JSON.
pub(super) fn read_row(row: &[u8]) -> &[u8] {
    row.get(HEAD..).unwrap_or_default()
}

/// A document's row: its revision, a space and its body as JSON.
pub(super) fn read_document(row: &[u8]) -> Option<(u64, &[u8])> {
    let (revision, body) = row.split_at_checked(DIGITS)?;
    let revision = std::str::from_utf8(revision).ok()?.parse().ok()?;
    Some((revision, body.strip_prefix(b" ")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_begins_with_its_numbers() {
        let route: Route = serde_json::from_str(
            r#"{"framedb_id":"a","kind":"storage","generation":18446744073709551615,"expires_at":7,"stored_at":1}"#,
        )
        .unwrap();
        let key = Key::new("k").unwrap();
        let row = row(&key, &route).unwrap();
        assert!(row.starts_with(b"18446744073709551615 00000000000000000007 {"));
        assert_eq!(serde_json::from_slice::<Route>(read_row(&row)).unwrap(), route);
        assert_eq!(read_document(b"00000000000000000012 {}"), Some((12, &b"{}"[..])));
        assert_eq!(read_document(b"12 {}"), None);
    }
}
