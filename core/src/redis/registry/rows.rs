//! Rows: a value with the number that scripts compare, in front.
//!
//! Lua knows numbers up to 2^53 only, so scripts compare them as text of a fixed length.

use crate::Route;

/// Digits of the largest number.
pub(super) const DIGITS: usize = 20;

/// Digits of a generation, of a time, and a space after each.
const HEAD: usize = 2 * (DIGITS + 1);

/// A generation as rows have it.
#[must_use]
pub fn generation_text(generation: u64) -> String {
    format!("{generation:0DIGITS$}")
}

/// A route as it is stored: its generation, when it expires (0 is never), and itself.
///
/// # Errors
///
/// When the route cannot be written as JSON.
pub fn route_row(route: &Route) -> serde_json::Result<Vec<u8>> {
    let expires_at = route.expires_at.map_or(0, |at| at.max(1));
    let mut row =
        format!("{} {expires_at:0DIGITS$} ", generation_text(route.generation)).into_bytes();
    serde_json::to_writer(&mut row, route)?;
    Ok(row)
}

/// The route of a row.
///
/// # Errors
///
/// When it is none.
pub fn route_of_row(row: &[u8]) -> serde_json::Result<Route> {
    serde_json::from_slice(row.get(HEAD..).unwrap_or_default())
}

/// A document's row: its revision, a space and its body as JSON.
#[must_use]
pub fn document_of_row(row: &[u8]) -> Option<(u64, &[u8])> {
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
        let row = route_row(&route).unwrap();
        assert!(row.starts_with(b"18446744073709551615 00000000000000000007 {"));
        assert_eq!(route_of_row(&row).unwrap(), route);
        assert!(route_of_row(&row[..40]).is_err());
        assert_eq!(document_of_row(b"00000000000000000012 {}"), Some((12, &b"{}"[..])));
        assert_eq!(document_of_row(b"12 {}"), None);
    }
}
