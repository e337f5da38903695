//! `Address`: where a Redis is, by its URL, apart from what opens it.

use super::endpoint::{Endpoint, Node};
use crate::{Error, ErrorKind, Result};
use percent_encoding::percent_decode_str;
use redis::{ConnectionAddr, ConnectionInfo};
use std::{fmt, str::FromStr, sync::Arc};
use url::Url;

/// The port of a sentinel whose URL names none.
const SENTINEL_PORT: u16 = 26_379;

/// What a URL looks like.
const FORMS: &str = "write `redis://[user][:password]@host[:6379][/db]`, \
    `redis-sentinel://[user][:password]@host[:26379][,host…]/master[/db]`, \
    `redis-cluster://[user][:password]@host[:6379][,host…]`, the same with `rediss` for TLS, or \
    `unix:///path?db=n`";

/// Where a Redis is. Holds no credentials, so it can be shown anywhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    place: String,
    database: i64,
    tls: bool,
}

/// The servers behind a URL, with what opens them.
#[derive(Debug, Clone)]
pub(crate) enum Servers {
    /// This one.
    One(Endpoint),
    /// Whichever these sentinels name as the master.
    Sentinel {
        /// The sentinels.
        sentinels: Vec<Endpoint>,
        /// The name of the master among those that sentinels watch.
        master: String,
        /// What opens the master, wherever it is.
        login: Endpoint,
    },
    /// A cluster.
    Cluster {
        /// What opens each of its servers.
        login: Endpoint,
        /// Some of its servers, which know the others.
        seeds: Vec<Node>,
    },
}

impl Servers {
    /// The same servers, of which no larger answers are taken.
    pub(crate) fn bounded(self, most: u64) -> Self {
        match self {
            Self::One(endpoint) => Self::One(endpoint.bounded(most)),
            Self::Sentinel { sentinels, master, login } => {
                Self::Sentinel { sentinels, master, login: login.bounded(most) }
            }
            Self::Cluster { login, seeds } => Self::Cluster { login: login.bounded(most), seeds },
        }
    }
}

/// Whether a URL's scheme is one of Redis.
pub(crate) fn is_redis(scheme: &str) -> bool {
    let sentinel = matches!(scheme, "redis-sentinel" | "rediss-sentinel");
    let cluster = matches!(scheme, "redis-cluster" | "rediss-cluster");
    sentinel || cluster || matches!(scheme, "redis" | "rediss" | "unix" | "redis+unix")
}

impl Address {
    /// Reads `redis://[user][:password]@host[:6379][/db]`, `rediss://…`, `unix:///path?db=n`,
    /// `redis-sentinel://[user][:password]@host[:26379][,host…]/master[/db]` or
    /// `redis-cluster://[user][:password]@host[:6379][,host…]`; the address, and the servers.
    ///
    /// The user and the password are for the sentinels too (contract 6). `?ssl-ca=FILE` names
    /// the certificates to trust with TLS; `ssl_ca_certs`, as existing clients have it, is the
    /// same.
    ///
    /// # Errors
    ///
    /// Says what is wrong with the URL, and shows nothing of it.
    pub(crate) fn parse(url: &str) -> Result<(Self, Servers)> {
        let wrong = |what| Error::new(ErrorKind::Config, what).with_hint(FORMS);
        let authorities = match authorities(url).map_err(wrong)? {
            Some(file) => Some(certificates(&file)?),
            None => None,
        };
        parse(url, authorities).map_err(wrong)
    }

    /// The number of the database.
    pub(crate) fn database(&self) -> i64 {
        self.database
    }

    /// Whether its servers are to be reached through TLS.
    pub(super) fn wants_tls(&self) -> bool {
        self.tls
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.place)
    }
}

/// A problem with a URL, in words that show nothing of it.
type Parsed<T> = std::result::Result<T, String>;

fn parse(url: &str, authorities: Option<Arc<[u8]>>) -> Parsed<(Address, Servers)> {
    let (scheme, rest) = url.split_once("://").unwrap_or_default();
    let one = |url: &str| Ok::<_, String>(Endpoint::new(info(url)?, authorities.clone()));
    let (place, servers) = match scheme {
        "redis-sentinel" | "rediss-sentinel" => {
            let parts = Parts::of(rest)?;
            let (master, database) = parts.path.split_once('/').unwrap_or((parts.path, ""));
            let master = percent_decode_str(master).decode_utf8_lossy().into_owned();
            if master.is_empty() {
                return Err("it does not name the master that its sentinels watch".to_owned());
            }
            let data = scheme.trim_end_matches("-sentinel");
            // Passwords go to sentinels as well, so these are as safe as the master by default.
            let plain = match parameter(url, "sentinel-tls").as_deref() {
                None | Some("true") => false,
                Some("false") => true,
                Some(_) => return Err("`sentinel-tls` is true or false".to_owned()),
            };
            let asked = if plain { "redis" } else { data };
            let sentinels: Vec<Endpoint> = parts
                .each(asked, database, Some(SENTINEL_PORT))
                .map(|url| Ok(one(&url)?.without_database()))
                .collect::<Parsed<_>>()?;
            let first = parts.each(data, database, None).next().unwrap_or_default();
            let place = format!("`{master}` of the sentinels {}", list(&sentinels));
            (place, Servers::Sentinel { sentinels, master, login: one(&first)? })
        }
        "redis-cluster" | "rediss-cluster" => {
            let parts = Parts::of(rest)?;
            let data = scheme.trim_end_matches("-cluster");
            let nodes = parts.each(data, parts.path, None).map(|url| one(&url));
            let nodes: Vec<Endpoint> = nodes.collect::<Parsed<_>>()?;
            let seeds = nodes.iter().filter_map(Endpoint::node).collect();
            let place = format!("the cluster of {}", list(&nodes));
            let login = nodes.into_iter().next().ok_or("it names no host")?;
            (place, Servers::Cluster { login, seeds })
        }
        _ => {
            let endpoint = one(url)?;
            (endpoint.to_string(), Servers::One(endpoint))
        }
    };
    let (Servers::One(endpoint)
    | Servers::Sentinel { login: endpoint, .. }
    | Servers::Cluster { login: endpoint, .. }) = &servers;
    let database = endpoint.database();
    Ok((Address { place, database, tls: scheme.starts_with("rediss") }, servers))
}

/// The URL of one server with the login, the database and the parameters of a URL of several.
pub(super) fn at_server(url: &str, node: &Node) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or_default();
    let Ok(Parts { login, path, .. }) = Parts::of(rest) else { return url.to_owned() };
    let database = match scheme.ends_with("-sentinel") {
        true => path.split_once('/').map_or("", |(_, database)| database),
        false => path,
    };
    let slash = if database.is_empty() { "" } else { "/" };
    let scheme = if scheme.starts_with("rediss") { "rediss" } else { "redis" };
    let query = rest.split_once('?').map(|(_, query)| format!("?{query}")).unwrap_or_default();
    format!("{scheme}://{login}{node}{slash}{database}{query}")
}

fn list(endpoints: &[Endpoint]) -> String {
    endpoints.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

/// A URL of several hosts, which the URL crates do not read.
struct Parts<'a> {
    /// User and password as they stand, with the `@`.
    login: &'a str,
    hosts: Vec<&'a str>,
    path: &'a str,
}

impl<'a> Parts<'a> {
    fn of(rest: &'a str) -> Parsed<Self> {
        if rest.contains('#') {
            return Err("what follows `#` is not understood".to_owned());
        }
        let rest = rest.split('?').next().unwrap_or_default();
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let split = authority.rfind('@').map_or(0, |at| at + 1);
        let (login, hosts) = authority.split_at_checked(split).unwrap_or_default();
        let hosts: Vec<&str> = hosts.split(',').collect();
        if hosts.iter().any(|host| host.is_empty()) {
            return Err("one of its hosts is missing".to_owned());
        }
        Ok(Self { login, hosts, path: path.trim_end_matches('/') })
    }

    /// A URL for each host, with the port where it has none.
    fn each(&self, scheme: &str, path: &str, port: Option<u16>) -> impl Iterator<Item = String> {
        let login = self.login;
        self.hosts.iter().map(move |host| {
            let named = Url::parse(&format!("redis://{host}")).is_ok_and(|u| u.port().is_some());
            match port {
                Some(port) if !named => format!("{scheme}://{login}{host}:{port}/{path}"),
                _ => format!("{scheme}://{login}{host}/{path}"),
            }
        })
    }
}

/// What the client needs for the URL of one server.
fn info(url: &str) -> Parsed<ConnectionInfo> {
    let info = ConnectionInfo::from_str(url)
        .map_err(|cause| format!("its URL is not one of Redis: {}", cause.category()))?;
    if info.redis_settings().db() < 0 {
        return Err("its database number is negative".to_owned());
    }
    match info.addr() {
        ConnectionAddr::TcpTls { insecure: true, .. } => {
            Err("`#insecure` would accept any certificate".to_owned())
        }
        ConnectionAddr::Tcp(..) | ConnectionAddr::TcpTls { .. } => Ok(info),
        ConnectionAddr::Unix(_) => {
            let mut settings = info.redis_settings().clone();
            if let Some(user) = parameter(url, "username") {
                settings = settings.set_username(user);
            }
            if let Some(password) = parameter(url, "password") {
                settings = settings.set_password(password);
            }
            Ok(info.set_redis_settings(settings))
        }
        _ => Err("its URL has an unknown kind of address".to_owned()),
    }
}

/// The file of certificates that the URL names.
fn authorities(url: &str) -> Parsed<Option<String>> {
    let named = parameter(url, "ssl-ca").or_else(|| parameter(url, "ssl_ca_certs"));
    match named {
        Some(_) if !url.starts_with("rediss") => {
            Err("`ssl-ca` is for TLS, which `rediss` asks for".to_owned())
        }
        named => Ok(named),
    }
}

fn certificates(file: &str) -> Result<Arc<[u8]>> {
    std::fs::read(file).map(Into::into).map_err(|cause| {
        let message = format!("cannot read the certificates to trust from {file}");
        Error::new(ErrorKind::Config, message)
            .with_source(cause)
            .with_hint("correct `ssl-ca` in its URL")
    })
}

/// A parameter of the query. For Unix sockets other clients say `username` and `password`; this
/// one's own are `user` and `pass`.
fn parameter(url: &str, name: &str) -> Option<String> {
    let (_, query) = url.split_once('?')?;
    let query = query.split('#').next().unwrap_or_default();
    let pair = |pair: &str| {
        let (key, value) = pair.split_once('=')?;
        (key == name).then(|| percent_decode_str(value).decode_utf8_lossy().into_owned())
    };
    query.split('&').find_map(pair)
}

#[cfg(test)]
mod tests;
