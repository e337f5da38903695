//! `AllowedHosts`: addresses that a component may name by itself, as Spin has them in
//! `allowed_outbound_hosts`.
//!
//! A plugin on a node names labels, and never learns an address. A component on Spin is told
//! addresses by its variables, and Spin lets it connect to those that the manifest allows. What
//! serves a component as Spin does decides by the same list.

use ipnet::IpNet;
use std::{fmt, net::IpAddr, str::FromStr};
use url::Url;

/// Which addresses may be connected to.
#[derive(Debug, Clone, Default)]
pub struct AllowedHosts(Vec<AllowedHost>);

/// One entry: `scheme://host:port`, each of which may be `*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowedHost {
    scheme: Option<String>,
    host: HostRule,
    ports: PortRule,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum HostRule {
    Any,
    /// What such a host ends with, the dot included.
    Below(String),
    Named(String),
    Network(IpNet),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum PortRule {
    Any,
    /// From the first to before the second, as Spin counts.
    Range(u16, u16),
    One(u16),
}

/// Why an address may not be connected to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAllowed {
    /// It is no address. It is not shown, because it may hold a password.
    #[error("the {0} address cannot be read")]
    Unreadable(String),
    /// No entry has it. Its scheme, host and port are shown, never its user or password.
    #[error("`{0}` is not among the allowed outbound hosts")]
    Unlisted(String),
}

/// Letters of an address that are shown.
const SHOWN: usize = 200;

/// An entry of the list that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidHost(String);

impl AllowedHosts {
    /// The list of these entries.
    #[must_use]
    pub fn new(hosts: impl IntoIterator<Item = AllowedHost>) -> Self {
        Self(hosts.into_iter().collect())
    }

    /// Decides whether an address may be connected to; `scheme` is what it has where it says
    /// none.
    ///
    /// # Errors
    ///
    /// When no entry has it, or it is no address.
    pub fn check(&self, address: &str, scheme: &str) -> Result<(), NotAllowed> {
        let unreadable = || NotAllowed::Unreadable(scheme.to_owned());
        let url = match address.contains("://") {
            true => Url::parse(address),
            false => Url::parse(&format!("{scheme}://{address}")),
        };
        let url = url.map_err(|_| unreadable())?;
        let host = url.host_str().ok_or_else(unreadable)?.trim_matches(['[', ']']);
        let port = url.port().or_else(|| known_port(url.scheme()));
        if self.0.iter().any(|allowed| allowed.has(url.scheme(), host, port)) {
            return Ok(());
        }
        let port = port.map(|port| format!(":{port}")).unwrap_or_default();
        let named = format!("{}://{host}{port}", url.scheme());
        let shown = named.escape_debug().take(SHOWN).collect();
        Err(NotAllowed::Unlisted(shown))
    }
}

impl AllowedHost {
    fn has(&self, scheme: &str, host: &str, port: Option<u16>) -> bool {
        let schemes = self.scheme.as_deref().is_none_or(|own| own == scheme);
        let hosts = match &self.host {
            HostRule::Any => true,
            HostRule::Below(end) => host.ends_with(end),
            HostRule::Named(name) => host == name,
            HostRule::Network(network) => {
                host.parse::<IpAddr>().is_ok_and(|address| network.contains(&address))
            }
        };
        let ports = match (&self.ports, port) {
            (PortRule::Any, _) => true,
            (PortRule::Range(first, end), Some(port)) => (*first..*end).contains(&port),
            (PortRule::One(own), Some(port)) => *own == port,
            (_, None) => false,
        };
        schemes && hosts && ports
    }
}

impl FromStr for AllowedHost {
    type Err = InvalidHost;

    fn from_str(text: &str) -> Result<Self, InvalidHost> {
        // An entry may be made of a secret, so what is wrong is said and not what it says.
        let wrong = |what: &str| InvalidHost(format!("an allowed outbound host {what}"));
        let Some((scheme, rest)) = text.trim().split_once("://") else {
            return Err(wrong("has no scheme: write `redis://host:6379` or `*://host:*`"));
        };
        let scheme_is_word = scheme == "*" || scheme.chars().all(|c| c.is_ascii_alphabetic());
        if scheme.is_empty() || !scheme_is_word {
            return Err(wrong("has a scheme that is none"));
        }
        // The last colon is a port's, unless it stands in an address of version 6.
        let (host, port) = match rest.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, port.trim_end_matches('/')),
            _ => (rest, ""),
        };
        let ports = match (port, known_port(scheme)) {
            ("*", _) => PortRule::Any,
            ("", Some(known)) => PortRule::One(known),
            ("", None) => return Err(wrong("has no port, and its scheme no usual one")),
            (port, _) => port_rule(port).ok_or_else(|| wrong("has a port that is no number"))?,
        };
        let host = host.trim_end_matches('/');
        let host = match host.strip_prefix("*.") {
            _ if host == "*" => HostRule::Any,
            Some(domain) if !domain.contains('*') => HostRule::Below(format!(".{domain}")),
            None if host.parse::<IpNet>().is_ok() => {
                HostRule::Network(host.parse().map_err(|_| wrong("has no network"))?)
            }
            None if !host.is_empty() && !host.contains(['*', '/', '@']) => {
                HostRule::Named(host.trim_matches(['[', ']']).to_ascii_lowercase())
            }
            _ => return Err(wrong("has a host that is none: no path, no user, `*.` at most")),
        };
        let scheme = (scheme != "*").then(|| scheme.to_owned());
        Ok(Self { scheme, host, ports })
    }
}

impl fmt::Display for AllowedHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://", self.scheme.as_deref().unwrap_or("*"))?;
        match &self.host {
            HostRule::Any => f.write_str("*")?,
            HostRule::Below(end) => write!(f, "*{end}")?,
            HostRule::Named(name) if name.contains(':') => write!(f, "[{name}]")?,
            HostRule::Named(name) => f.write_str(name)?,
            HostRule::Network(network) => network.fmt(f)?,
        }
        match &self.ports {
            PortRule::Any => f.write_str(":*"),
            PortRule::Range(first, end) => write!(f, ":{first}..{end}"),
            PortRule::One(port) => write!(f, ":{port}"),
        }
    }
}

fn port_rule(text: &str) -> Option<PortRule> {
    match text.split_once("..") {
        Some((first, end)) => Some(PortRule::Range(first.parse().ok()?, end.parse().ok()?)),
        None => Some(PortRule::One(text.parse().ok()?)),
    }
}

/// The port of an address that names none.
fn known_port(scheme: &str) -> Option<u16> {
    Some(match scheme {
        "http" => 80,
        "https" => 443,
        "redis" => 6379,
        "mysql" => 3306,
        "postgres" => 5432,
        "mqtt" => 1883,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(entries: &[&str]) -> AllowedHosts {
        AllowedHosts::new(entries.iter().map(|entry| entry.parse().unwrap()))
    }

    #[test]
    fn entries_allow_what_spin_would_let_them() {
        for (entry, address) in [
            ("redis://cache:6379", "redis://user:s3cret@cache/4"),
            ("redis://cache", "cache:6379"),
            ("redis://127.0.0.1:7000", "redis://127.0.0.1:7000"),
            ("redis://[::1]:7000", "redis://[::1]:7000"),
            ("*://db:*", "redis://db:1"),
            ("redis://*:*", "redis://anywhere:12"),
            ("redis://*.inner:6379", "redis://a.inner"),
            ("redis://10.0.0.0/8:6379", "redis://10.1.2.3"),
            ("redis://h:6000..6002", "redis://h:6001"),
            ("https://api.example", "https://api.example/v1/x?y"),
        ] {
            list(&[entry]).check(address, "redis").unwrap_or_else(|e| panic!("{entry}: {e}"));
            let shown = entry.parse::<AllowedHost>().unwrap().to_string();
            assert_eq!(shown.parse::<AllowedHost>(), entry.parse(), "{shown}");
        }
        for (entry, address) in [
            ("redis://cache:6379", "redis://other:6379"),
            ("redis://cache:6379", "redis://cache:6380"),
            ("redis://cache:6379", "mysql://cache:6379/db"),
            ("redis://*.inner:6379", "redis://inner"),
            ("redis://10.0.0.0/8:6379", "redis://11.1.2.3"),
            ("redis://h:6000..6002", "redis://h:6002"),
        ] {
            assert!(list(&[entry]).check(address, "redis").is_err(), "{entry} {address}");
        }
        assert!(list(&[]).check("redis://h", "redis").is_err());
    }

    #[test]
    fn a_refusal_shows_where_and_no_password() {
        let refusal = list(&[]).check("mysql://root:s3cret@db:4000/x", "mysql").unwrap_err();
        let text = "`mysql://db:4000` is not among the allowed outbound hosts";
        assert_eq!(refusal.to_string(), text);
        let refusal = list(&[]).check("redis://:s3cret@", "redis").unwrap_err();
        assert!(!refusal.to_string().contains("s3cret"));
    }

    #[test]
    fn entries_that_mean_nothing_are_refused_without_being_shown() {
        for entry in ["h:1", "redis://u:s3cret@h:1", "redis://h:x", "tcp://h", "redis://h/p:1", ""]
        {
            let error = entry.parse::<AllowedHost>().unwrap_err();
            assert!(!error.to_string().contains("s3cret"), "{entry}");
        }
    }
}
