//! Typed settings, read by name from the host.
//!
//! A plugin called `lz4` with a field `min_saving` has the setting `lz4_min_saving`; hyphens
//! become underscores. Settings are text: strings as they are, numbers, `true` and `false`,
//! names of cases; lists, maps and structs are JSON. `Option` and `#[serde(default)]` make a
//! setting optional.
//!
//! The host is asked for one setting after the other by name, because not every host can list
//! them; so maps and `#[serde(flatten)]` work inside of a setting, never as the whole.

mod error;
mod source;
mod text;

use error::Error;
use serde::de::DeserializeOwned;
use source::Source;

/// Reads the settings of the plugin `name` from `get`, which knows them by their full names.
///
/// The stages do this with what the host gives them; tests bring their own `get`.
///
/// # Errors
///
/// Names every setting that has a wrong value, and what is expected, or the first one that is
/// missing.
pub fn read<S: DeserializeOwned>(
    name: &str,
    mut get: impl FnMut(&str) -> Result<Option<String>, String>,
) -> Result<S, String> {
    // Each round leaves out the fields that failed before, to find further ones.
    let (mut failed, mut problems) = (Vec::new(), Vec::new());
    loop {
        match S::deserialize(Source::new(name, &mut get, &failed)) {
            Ok(settings) if problems.is_empty() => return Ok(settings),
            Err(Error::Field(field, problem)) => {
                failed.push(field);
                problems.push(problem);
                continue;
            }
            Err(Error::Missing(field)) if !failed.contains(&field) => {
                problems.push(format!("set `{}`: it has no default", full(name, field)));
            }
            Err(Error::Other(problem)) => problems.push(format!("settings of {name}: {problem}")),
            Ok(_) | Err(Error::Missing(_)) => {}
        }
        return Err(problems.join("; "));
    }
}

/// The setting's name: the plugin's and the field's, by the rule that all hosts share.
fn full(name: &str, field: &str) -> String {
    format!("{name}_{field}").replace('-', "_").to_lowercase()
}

#[cfg(test)]
mod tests;
