//! `Variables`: the values that a manifest's templates stand for.

use super::manifest::{ComponentConfig, Manifest};
use crate::{Error, ErrorKind, Result};
use std::{collections::BTreeMap, env, fmt};

/// What Spin's provider puts before the name of a variable.
const PREFIX: &str = "SPIN_VARIABLE_";

/// Values of an application's variables.
#[derive(Clone, Default)]
pub struct Variables(BTreeMap<String, String>);

impl Variables {
    /// Those of a manifest: what is given counts, then what the environment has as
    /// `SPIN_VARIABLE_<NAME>`, then the manifest's defaults.
    ///
    /// # Errors
    ///
    /// When one is given that the manifest does not have, or one that is required has no value:
    /// all of these together.
    pub fn of(manifest: &Manifest, given: &BTreeMap<String, String>) -> Result<Self> {
        let unknown = given.keys().filter(|name| !manifest.variables.contains_key(*name));
        let mut problems: Vec<_> =
            unknown.map(|name| format!("the manifest has no variable `{name}`")).collect();
        let mut values = BTreeMap::new();
        for (name, config) in &manifest.variables {
            let environment = || env::var(format!("{PREFIX}{}", name.to_uppercase())).ok();
            let value = given.get(name).cloned().or_else(environment);
            match value.or_else(|| config.default.clone()) {
                Some(value) => {
                    values.insert(name.clone(), value);
                }
                None => problems.push(format!("the variable `{name}` has no value")),
            }
        }
        if problems.is_empty() {
            return Ok(Self(values));
        }
        Err(Error::new(ErrorKind::Config, problems.join("; "))
            .with_hint(format!("set one with --variable name=value, or as {PREFIX}<NAME>")))
    }

    /// A text with its `{{ name }}` replaced.
    ///
    /// # Errors
    ///
    /// When there is no such variable, or a template does not end.
    pub fn fill(&self, template: &str) -> Result<String> {
        let refuse = |what: String| Error::new(ErrorKind::Config, what);
        let (mut text, mut names) = (String::new(), names(template));
        for (before, name) in names.by_ref() {
            let value = self.0.get(name).ok_or_else(|| {
                refuse(format!("`{template}` names the variable `{name}`, which is not there"))
            })?;
            text.push_str(before);
            text.push_str(value);
        }
        let rest = names.rest;
        if rest.contains("{{") {
            return Err(refuse(format!("the template `{template}` does not end")));
        }
        text.push_str(rest);
        Ok(text)
    }

    /// A component's own variables, filled, and which of them hold a secret.
    ///
    /// # Errors
    ///
    /// As [`Variables::fill`].
    pub fn component(
        &self,
        manifest: &Manifest,
        component: &ComponentConfig,
    ) -> Result<(BTreeMap<String, String>, Vec<String>)> {
        let is_secret = |name: &str| manifest.variables.get(name).is_some_and(|v| v.secret);
        let secret = |template: &str| names(template).any(|(_, name)| is_secret(name));
        let templates = component.variables.iter();
        let secrets = templates.clone().filter(|(_, template)| secret(template));
        let secrets = secrets.map(|(name, _)| name.clone()).collect();
        let filled = templates.map(|(name, template)| Ok((name.clone(), self.fill(template)?)));
        Ok((filled.collect::<Result<_>>()?, secrets))
    }
}

/// The variables that a template names, each with the text before it.
fn names(template: &str) -> Names<'_> {
    Names { rest: template }
}

struct Names<'a> {
    /// The text behind what was named so far.
    rest: &'a str,
}

impl<'a> Iterator for Names<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        let (before, after) = self.rest.split_once("{{")?;
        let (name, behind) = after.split_once("}}")?;
        self.rest = behind;
        Some((before, name.trim()))
    }
}

impl fmt::Debug for Variables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
