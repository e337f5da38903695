//! What a dependency needs a share in, of the component that it is composed into.

use super::manifest::Inherited;
use crate::{Error, ErrorKind, Result};

/// Imports by the key of a component that they need. Spin refuses such a call where the
/// dependency does not inherit the key.
const NEEDS: &[(&str, &str)] = &[
    ("spin:redis/", "allowed_outbound_hosts"),
    ("spin:mysql/", "allowed_outbound_hosts"),
    ("fermyon:spin/mysql@", "allowed_outbound_hosts"),
    ("wasi:http/client@", "allowed_outbound_hosts"),
    ("wasi:http/outgoing-handler@", "allowed_outbound_hosts"),
    ("spin:variables/", "variables"),
    ("wasi:config/", "variables"),
    ("spin:key-value/", "key_value_stores"),
    ("wasi:keyvalue/", "key_value_stores"),
];

/// The keys of a component that imports need.
#[must_use]
pub(super) fn needed<'a>(imports: impl IntoIterator<Item = &'a str>) -> Vec<&'static str> {
    let mut keys: Vec<_> = imports
        .into_iter()
        .filter_map(|import| NEEDS.iter().find(|(start, _)| import.starts_with(start)))
        .map(|(_, key)| *key)
        .collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// Refuses a dependency whose calls Spin would refuse.
///
/// # Errors
///
/// Names what is missing, with the line to write.
pub(super) fn check<'a>(
    dependency: &str,
    inherited: &Inherited,
    imports: impl IntoIterator<Item = &'a str>,
) -> Result<()> {
    let needed = needed(imports);
    let missing: Vec<_> = needed.iter().copied().filter(|key| !inherited.has(key)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let what = format!(
        "the dependency `{dependency}` does not inherit {}, which it uses",
        missing.join(", ")
    );
    let line = format!("write inherit_configuration = {needed:?} beside its path");
    Err(Error::new(ErrorKind::Config, what).with_hint(line))
}
