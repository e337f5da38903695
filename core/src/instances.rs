//! How answers speak of instances that cannot take an object.

use crate::Kind;

/// How each of them begins; existing clients look for it.
pub const NOT_FOUND: &str = "FrameDB instance not found";

/// There is no such instance among those that are `known`.
#[must_use]
pub fn no_instance<'a>(asked: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let mut known: Vec<_> = known.into_iter().map(|known| format!("`{known}`")).collect();
    known.sort_unstable();
    let asked: String = asked.chars().take(80).collect();
    format!("{NOT_FOUND}: no instance `{asked}` among {}", known.join(", "))
}

/// The instance is not for this kind, but for `kinds`.
#[must_use]
pub fn keeps_others(framedb_id: &str, kinds: &[Kind], kind: Kind) -> String {
    let kinds: Vec<_> = kinds.iter().map(|kind| kind.as_str()).collect();
    format!("{NOT_FOUND}: `{framedb_id}` keeps {}, not {kind}", kinds.join(" and "))
}
