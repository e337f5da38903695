//! The fields of the table in which the route of an object may be, the closest first.

use framedb_plugin::resolve::Envelope;

/// How many of a key's segments have a field each; more would make every lookup longer.
const SEGMENTS: usize = 8;

/// The key itself, its beginnings up to a slash as in `a/b/*`, its source as `@source`, and `*`.
pub(crate) fn of(envelope: &Envelope<'_>) -> Vec<String> {
    let key = envelope.key;
    let mut beginnings: Vec<String> =
        key.match_indices('/').take(SEGMENTS).map(|(at, _)| format!("{}/*", &key[..at])).collect();
    beginnings.reverse();
    let source = (!envelope.source.is_empty()).then(|| format!("@{}", envelope.source));
    let mut fields = vec![key.to_owned()];
    fields.extend(beginnings);
    fields.extend(source);
    fields.push("*".to_owned());
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closest_field_comes_first() {
        let envelope = Envelope { key: "a/b/c", source: "cam-1", ..Envelope::default() };
        assert_eq!(of(&envelope), ["a/b/c", "a/b/*", "a/*", "@cam-1", "*"]);
        assert_eq!(of(&Envelope { key: "a", ..Envelope::default() }), ["a", "*"]);
        let deep = "x/".repeat(100);
        assert_eq!(of(&Envelope { key: &deep, ..Envelope::default() }).len(), SEGMENTS + 2);
    }
}
