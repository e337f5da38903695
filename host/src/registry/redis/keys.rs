//! `Keys`: what a registry has in Redis, all in one cluster slot.

use crate::{Error, ErrorKind, Result, registry::Table};
use percent_encoding::percent_decode_str;

/// What our keys begin with where the URL does not say.
const DEFAULT_PREFIX: &str = "framedb";

/// The names of a registry's keys. A `#` in front, which no key of a sender may have, keeps them
/// apart from objects in the same database.
#[derive(Debug)]
pub(super) struct Keys {
    prefix: String,
    routes: [String; 3],
}

impl Keys {
    fn new(prefix: String) -> Self {
        let part = |name: &str| format!("#{{{prefix}}}:{name}");
        let routes = [part("routes"), part("names"), part("times")];
        Self { prefix, routes }
    }

    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The hash of routes by name.
    pub(super) fn routes(&self) -> &str {
        let [routes, ..] = &self.routes;
        routes
    }

    /// Routes by name, their names in byte order, and the names of those that expire by time:
    /// the order that the scripts know.
    pub(super) fn of_routes(&self) -> &[String] {
        &self.routes
    }

    /// The hash of a table's documents by id.
    pub(super) fn documents(&self, table: Table) -> String {
        format!("#{{{}}}:{}", self.prefix, table.as_str())
    }
}

/// A URL as the driver reads it, and the keys that its `prefix` names.
///
/// # Errors
///
/// When the prefix cannot be one.
pub(super) fn split(url: &str) -> Result<(String, Keys)> {
    let Some((place, query)) = url.split_once('?') else {
        return Ok((url.to_owned(), Keys::new(DEFAULT_PREFIX.to_owned())));
    };
    // What follows a `#` is the driver's.
    let (query, fragment) = match query.split_once('#') {
        Some((query, fragment)) => (query, format!("#{fragment}")),
        None => (query, String::new()),
    };
    let named = |pair: &&str| pair.split('=').next() == Some("prefix");
    let prefix = query.split('&').find(named).and_then(|pair| pair.split_once('='));
    let prefix = prefix.map_or(DEFAULT_PREFIX, |(_, prefix)| prefix);
    let decoded = percent_decode_str(prefix).decode_utf8_lossy();
    if decoded.is_empty() || decoded.contains(['{', '}']) || decoded.contains(char::is_control) {
        let message = "cannot use the URL of the registry: its `prefix` is empty, or has braces \
                       or control characters";
        return Err(Error::new(ErrorKind::Config, message)
            .with_hint("braces are what keeps the registry in one slot of a cluster"));
    }
    let rest: Vec<_> = query.split('&').filter(|pair| !named(pair)).collect();
    let url = match rest.join("&") {
        rest if rest.is_empty() => format!("{place}{fragment}"),
        rest => format!("{place}?{rest}{fragment}"),
    };
    Ok((url, Keys::new(decoded.into_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prefix_is_taken_out_of_the_url() {
        let (url, keys) = split("unix:///run/redis?prefix=a%2Fb&db=2").unwrap();
        assert_eq!((url.as_str(), keys.prefix()), ("unix:///run/redis?db=2", "a/b"));
        assert_eq!(keys.routes(), "#{a/b}:routes");
        let (url, keys) = split("redis://host/4").unwrap();
        assert_eq!((url.as_str(), keys.prefix()), ("redis://host/4", "framedb"));
        let (url, _) = split("redis://host/?prefix=x#insecure").unwrap();
        assert_eq!(url, "redis://host/#insecure");
        assert!(split("redis://host?prefix=a}b").is_err());
    }
}
