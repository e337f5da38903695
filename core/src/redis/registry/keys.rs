//! `Keys`: what a registry has in Redis, all in one cluster slot.

use percent_encoding::percent_decode_str;

/// What our keys begin with where the URL does not say.
pub const DEFAULT_PREFIX: &str = "framedb";

/// A `prefix` that no registry can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "cannot use the URL of the registry: its `prefix` is empty, or has braces or control characters"
)]
pub struct PrefixError;

impl PrefixError {
    /// Why that is.
    pub const HINT: &str = "braces are what keeps the registry in one slot of a cluster";
}

/// The names of a registry's keys. A `#` in front, which no key of a sender may have, keeps them
/// apart from objects in the same database.
#[derive(Debug, Clone)]
pub struct Keys {
    prefix: String,
    writes: [String; 5],
}

impl Keys {
    /// How many of the keys of writes are those of routes.
    const ROUTES: usize = 3;

    /// The keys below a prefix.
    ///
    /// # Errors
    ///
    /// When the prefix cannot be one.
    pub fn new(prefix: &str) -> Result<Self, PrefixError> {
        if prefix.is_empty() || prefix.contains(['{', '}']) || prefix.contains(char::is_control) {
            return Err(PrefixError);
        }
        let part = |name: &str| format!("#{{{prefix}}}:{name}");
        let writes = ["routes", "names", "times", "pending", "pending-times"].map(part);
        Ok(Self { prefix: prefix.to_owned(), writes })
    }

    /// What they begin with.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The hash of routes by name.
    #[must_use]
    pub fn routes(&self) -> &str {
        let [routes, ..] = &self.writes;
        routes
    }

    /// Routes by name, their names in byte order, and the names of those that expire by time:
    /// the order that the scripts know.
    #[must_use]
    pub fn of_routes(&self) -> &[String] {
        self.writes.get(..Self::ROUTES).unwrap_or_default()
    }

    /// The same, then writes that have begun by name, and by time: the order that the scripts
    /// know.
    #[must_use]
    pub fn of_writes(&self) -> &[String] {
        &self.writes
    }

    /// The hash of a table's documents by id.
    #[must_use]
    pub fn documents(&self, table: &str) -> String {
        format!("#{{{}}}:{table}", self.prefix)
    }
}

/// The URL of a registry as a driver reads it, and the keys that its `prefix` names.
///
/// # Errors
///
/// When the prefix cannot be one.
pub fn split(url: &str) -> Result<(String, Keys), PrefixError> {
    let Some((place, query)) = url.split_once('?') else {
        return Ok((url.to_owned(), Keys::new(DEFAULT_PREFIX)?));
    };
    // What follows a `#` is the driver's.
    let (query, fragment) = match query.split_once('#') {
        Some((query, fragment)) => (query, format!("#{fragment}")),
        None => (query, String::new()),
    };
    let named = |pair: &&str| pair.split('=').next() == Some("prefix");
    let prefix = query.split('&').find(named).and_then(|pair| pair.split_once('='));
    let prefix = prefix.map_or(DEFAULT_PREFIX, |(_, prefix)| prefix);
    let keys = Keys::new(&percent_decode_str(prefix).decode_utf8_lossy())?;
    let rest: Vec<_> = query.split('&').filter(|pair| !named(pair)).collect();
    let url = match rest.join("&") {
        rest if rest.is_empty() => format!("{place}{fragment}"),
        rest => format!("{place}?{rest}{fragment}"),
    };
    Ok((url, keys))
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

    #[test]
    fn the_keys_of_routes_begin_those_of_writes() {
        let keys = Keys::new("p").unwrap();
        assert!(keys.of_writes().starts_with(keys.of_routes()));
        assert_eq!(keys.of_routes(), ["#{p}:routes", "#{p}:names", "#{p}:times"]);
    }
}
