//! `spin:variables`: a plugin's settings under the name that Spin has for them.

use super::bindings::spin::variables::variables::{Error, Host, HostWithStore};
use crate::plugin::state::State;
use wasmtime::component::{Accessor, HasSelf};

/// Bytes of a name that an error shows.
const SHOWN: usize = 80;

impl Host for State {}

impl HostWithStore<State> for HasSelf<State> {
    async fn get(
        accessor: &Accessor<State, Self>,
        name: String,
    ) -> wasmtime::Result<Result<String, Error>> {
        accessor.with(|mut access| {
            let state = access.get();
            state.begin()?;
            let shown = || name.chars().take(SHOWN).collect();
            if !is_name(&name) {
                return Ok(Err(Error::InvalidName(shown())));
            }
            Ok(state.settings.get(&name).ok_or_else(|| Error::Undefined(shown())))
        })
    }
}

/// Whether Spin would take it: lower-case letters, digits and single underscores, beginning
/// with a letter.
fn is_name(name: &str) -> bool {
    name.split('_').all(|word| {
        !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    }) && name.starts_with(|c: char| c.is_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::is_name;

    #[test]
    fn names_are_those_that_spin_takes() {
        for name in ["a", "dedup_window", "a1_b2"] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", "A", "_a", "a_", "a__b", "1a", "a-b", "ä"] {
            assert!(!is_name(name), "{name}");
        }
    }
}
