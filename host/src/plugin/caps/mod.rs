//! What plugins may import, one capability a file.

pub(crate) mod config;
pub(crate) mod stdio;

/// The packages a plugin may import from, as the start of an import's name, with what they are.
///
/// WASI 0.2 and 0.3 are what the standard libraries of guest languages import, whether a plugin
/// uses them or not; the file system has no folders in it and the environment no variables.
pub(crate) const OFFERED: &[(&str, &str)] = &[
    ("wasi:cli/", "standard output as log lines, an empty environment"),
    ("wasi:clocks/", "clocks"),
    ("wasi:config/store@0.2.0-draft-2024-09-27", "the plugin's settings"),
    ("wasi:filesystem/", "a file system without folders"),
    ("wasi:io/", "streams and polling"),
    ("wasi:random/", "random numbers"),
];
