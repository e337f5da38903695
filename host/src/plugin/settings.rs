//! `Settings`: a plugin's settings as one of its instances reads them.

use crate::{
    config::nearest,
    grants::http::{HttpGuard, Scheme},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use url::Url;

/// Names that are remembered of settings which were asked for and are not there.
const ABSENT: usize = 64;

/// Bytes that such a name may have.
const NAME: usize = 128;

/// The settings, with what the instance asked for.
pub(crate) struct Settings {
    values: Arc<BTreeMap<String, String>>,
    read: BTreeSet<String>,
    /// Names that were asked for and are not set.
    absent: BTreeSet<String>,
}

impl Settings {
    pub(super) fn new(values: Arc<BTreeMap<String, String>>) -> Self {
        Self { values, read: BTreeSet::new(), absent: BTreeSet::new() }
    }

    /// The setting of this name.
    pub(crate) fn get(&mut self, name: &str) -> Option<String> {
        let value = self.values.get(name).cloned();
        let names = if value.is_some() { &mut self.read } else { &mut self.absent };
        if !names.contains(name) && (value.is_some() || names.len() < ABSENT && name.len() <= NAME)
        {
            names.insert(name.to_owned());
        }
        value
    }

    /// All of them.
    pub(crate) fn all(&mut self) -> Vec<(String, String)> {
        self.read.extend(self.values.keys().cloned());
        self.values.iter().map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    /// A line for each setting that was not asked for, with the nearest name that was; none where
    /// nothing was asked for, because it may be later.
    pub(super) fn unread(&self, plugin: &str) -> Vec<String> {
        if self.read.is_empty() && self.absent.is_empty() {
            return Vec::new();
        }
        self.strangers().map(|(name, near)| stranger(plugin, name, &near)).collect()
    }

    /// The same of a plugin that stopped before it had asked for all: a line for each setting whose
    /// name is like one that it asked for in vain.
    pub(super) fn misspelt(&self, plugin: &str) -> Vec<String> {
        let alike = self.strangers().filter(|(_, near)| !near.is_empty());
        alike.map(|(name, near)| stranger(plugin, name, &near)).collect()
    }

    /// A line for each URL among the settings that were asked for to which no request is granted.
    pub(super) fn ungranted(&self, plugin: &str, guard: &HttpGuard) -> Vec<String> {
        let read = self.values.iter().filter(|(name, _)| self.read.contains(*name));
        let refused = read.filter_map(|(name, value)| {
            let url = Url::parse(value).ok().filter(|url| Scheme::of(url).is_some())?;
            Some((name, guard.leads_nowhere(&url)?))
        });
        refused
            .map(|(name, refusal)| format!("plugins.{plugin}.settings.{name}: {refusal}"))
            .collect()
    }

    /// Settings that were not asked for, each with the nearest name that was, as the end of a
    /// sentence.
    fn strangers(&self) -> impl Iterator<Item = (&str, String)> {
        let unread = self.values.keys().filter(|name| !self.read.contains(*name));
        unread.map(|name| (&**name, nearest(name, self.absent.iter().map(String::as_str))))
    }
}

fn stranger(plugin: &str, name: &str, near: &str) -> String {
    format!("plugins.{plugin}.settings.{name} is not a setting that the plugin reads{near}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(names: &[&str]) -> Settings {
        let values = names.iter().map(|name| ((*name).to_owned(), "1".to_owned()));
        Settings::new(Arc::new(values.collect()))
    }

    #[test]
    fn what_is_never_asked_for_is_told_with_the_nearest_name() {
        let mut settings = settings(&["admit_on_eror", "admit_url"]);
        assert!(settings.unread("gate").is_empty(), "it may be asked for later");
        assert_eq!(settings.get("admit_url").as_deref(), Some("1"));
        assert_eq!(settings.get("admit_on_error"), None);
        assert_eq!(
            settings.unread("gate"),
            ["plugins.gate.settings.admit_on_eror is not a setting that the plugin reads; did \
                 you mean `admit_on_error`?"]
        );
    }

    #[test]
    fn who_asks_for_all_has_read_all() {
        let mut settings = settings(&["a", "b"]);
        assert_eq!(settings.all().len(), 2);
        assert!(settings.unread("gate").is_empty());
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut settings = settings(&[]);
        for n in 0..1000 {
            settings.get(&format!("{n}"));
        }
        settings.get(&"x".repeat(1 << 20));
        assert_eq!(settings.absent.len(), ABSENT);
    }
}
