//! A configuration, from its text to the guards that it makes.

use crate::{Config, grants::Grants};

/// Reads a configuration, holds its settings against each other, and makes the guards of its
/// plugins.
pub(super) fn fuzz(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    // A URL may name a file of certificates, and some files of a system never end.
    if text.contains("/dev") || text.contains("/proc") {
        return;
    }
    let config = match Config::parse(text) {
        Ok(config) => config,
        Err(problems) => return assert!(!problems.is_empty()),
    };
    drop(config.check());
    for (name, plugin) in &config.plugins {
        drop(plugin.setting_texts());
        let grants = Grants::new(name, &plugin.grants);
        drop(grants.http().check("GET", "https://example.com/"));
    }
}
