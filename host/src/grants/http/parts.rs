//! The parts of a request that a grant speaks of: scheme, host, path, method.

use percent_encoding::percent_decode;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use url::{Host, Url};

/// How a server is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scheme {
    /// Over TLS.
    Https,
    /// In the clear.
    Http,
}

impl Scheme {
    pub(crate) fn of(url: &Url) -> Option<Self> {
        [Self::Https, Self::Http].into_iter().find(|scheme| scheme.name() == url.scheme())
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Https => "https",
            Self::Http => "http",
        }
    }

    pub(super) fn port(self) -> u16 {
        match self {
            Self::Https => 443,
            Self::Http => 80,
        }
    }
}

/// Hosts that a grant allows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum HostPattern {
    /// `*`: every host.
    Any,
    /// `*.example.com`: every name below one, not that one itself.
    Below(String),
    /// A name or an address.
    Single(Host),
}

impl HostPattern {
    /// Whether the host of a URL is allowed.
    pub(super) fn matches(&self, host: Option<Host<&str>>) -> bool {
        match (self, host) {
            (_, None) => false,
            (Self::Any, Some(_)) => true,
            (Self::Single(single), Some(host)) => host.to_owned() == *single,
            (Self::Below(parent), Some(Host::Domain(name))) => name
                .strip_suffix(parent.as_str())
                .and_then(|start| start.strip_suffix('.'))
                .is_some_and(|start| !start.is_empty()),
            (Self::Below(_), Some(_)) => false,
        }
    }

    /// The one host that it is, as a URL has it.
    pub(super) fn single(&self) -> Option<String> {
        match self {
            Self::Single(host) => Some(host.to_string()),
            _ => None,
        }
    }

    /// Whether it names this very address.
    pub(super) fn is_address(&self, address: IpAddr) -> bool {
        match self {
            Self::Single(Host::Ipv4(named)) => IpAddr::from(*named) == address,
            Self::Single(Host::Ipv6(named)) => IpAddr::from(*named) == address,
            _ => false,
        }
    }
}

impl TryFrom<String> for HostPattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let wrong = || {
            format!(
                "{text:?} is not a host: write `example.com`, `*.example.com`, `10.0.0.1`, \
                 `[::1]` or `*`"
            )
        };
        if text == "*" {
            return Ok(Self::Any);
        }
        let (below, name) = match text.strip_prefix("*.") {
            Some(name) => (true, name),
            None => (false, text.as_str()),
        };
        if name.is_empty() || name.contains(['*', '/', '@', ' ']) || name.ends_with('.') {
            return Err(wrong());
        }
        // An address of version 6 is welcome without its brackets, too.
        let bare = name.parse::<std::net::Ipv6Addr>().ok().map(Host::Ipv6);
        let host = bare.map_or_else(|| Host::parse(name), Ok).map_err(|_| wrong())?;
        match (below, host) {
            (true, Host::Domain(parent)) => Ok(Self::Below(parent)),
            (true, _) => Err(wrong()),
            (false, host) => Ok(Self::Single(host)),
        }
    }
}

impl From<HostPattern> for String {
    fn from(pattern: HostPattern) -> Self {
        match pattern {
            HostPattern::Any => "*".into(),
            HostPattern::Below(parent) => format!("*.{parent}"),
            HostPattern::Single(host) => host.to_string(),
        }
    }
}

/// A path, and what is below it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PathPrefix(String);

impl PathPrefix {
    /// Whether one of several has a path; without any, all paths are meant.
    pub(super) fn any_covers(prefixes: &[Self], path: &str) -> bool {
        let everything = prefixes.iter().any(|prefix| prefix.0 == "/");
        if prefixes.is_empty() || everything {
            return true;
        }
        // A server that decodes once more, or later, must not be led elsewhere.
        stays_below(path) && prefixes.iter().any(|prefix| prefix.covers(path))
    }

    fn covers(&self, path: &str) -> bool {
        let rest = path.strip_prefix(self.0.as_str());
        rest.is_some_and(|rest| rest.is_empty() || self.0.ends_with('/') || rest.starts_with('/'))
    }
}

/// Whether a path has no step upwards, however often it is decoded, and whatever a server takes
/// for a separator or for the end of a step's name.
fn stays_below(path: &str) -> bool {
    let mut path = path.as_bytes().to_vec();
    // Nobody encodes more often; who does has something to hide.
    for _ in 0..4 {
        let steps = path.split(|byte| matches!(byte, b'/' | b'\\'));
        let mut names = steps.map(|step| step.split(|byte| *byte == b';').next());
        if names.any(|name| matches!(name, Some(b".." | b"."))) || path.contains(&0) {
            return false;
        }
        let decoded: Vec<u8> = percent_decode(&path).collect();
        if decoded == path {
            return true;
        }
        path = decoded;
    }
    false
}

impl TryFrom<String> for PathPrefix {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let plain = |byte: u8| byte.is_ascii_graphic() && !b"%?#\\\"<>`{}".contains(&byte);
        if text.starts_with('/') && text.bytes().all(plain) && stays_below(&text) {
            return Ok(Self(text));
        }
        Err(format!("{text:?} is not a path such as `/v1`: it begins with `/`, without `?` or `%`"))
    }
}

impl From<PathPrefix> for String {
    fn from(prefix: PathPrefix) -> Self {
        prefix.0
    }
}

/// A method, in capitals.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Method(String);

impl Method {
    /// Reads the name of a method.
    ///
    /// # Errors
    ///
    /// When it is none.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let plain = |byte: u8| byte.is_ascii_alphabetic() || b"-_".contains(&byte);
        if (1..=32).contains(&text.len()) && text.bytes().all(plain) {
            return Ok(Self(text.to_owned()));
        }
        Err(format!("{text:?} is not a method such as `GET`"))
    }

    /// Whether it is this one; methods have case.
    pub(super) fn is(&self, method: &str) -> bool {
        self.0 == method
    }
}

impl TryFrom<String> for Method {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match text.as_str() {
            "CONNECT" | "TRACE" | "TRACK" => Err(format!("no plugin may send {text}")),
            text => Self::parse(text),
        }
    }
}

impl From<Method> for String {
    fn from(method: Method) -> Self {
        method.0
    }
}
