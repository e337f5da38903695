//! `Address`: a URL of an instance or of the registry, as Spin is asked for it.

use super::{DEFAULT_STORE, KEY_VALUE};
use crate::redis::registry::{self, Keys};
use url::Url;

/// The port of a Redis whose URL names none.
const REDIS_PORT: u16 = 6379;

/// TiDB's port, which existing clients take as the default.
const MYSQL_PORT: u16 = 4000;

/// The user and the database of a URL that names none.
const MYSQL_USER: &str = "root";
const MYSQL_DATABASE: &str = "framedb";

/// Where something is kept.
#[derive(Clone, PartialEq, Eq)]
pub enum Address {
    /// In one of Spin's key-value stores, by its label.
    KeyValue(String),
    /// In a Redis server.
    Redis(RedisAddress),
    /// In a database of TiDB, MariaDB or MySQL, by its URL.
    Mysql(String),
    /// At services that speak HTTP, by the URL of the routing service.
    Http(String),
}

/// A Redis server, and where a registry is in it.
#[derive(Clone, PartialEq, Eq)]
pub struct RedisAddress {
    /// Its URL.
    pub url: String,
    /// What a registry's keys begin with.
    pub prefix: String,
}

impl Address {
    /// Reads a URL.
    ///
    /// # Errors
    ///
    /// Says what is wrong with it, and shows nothing of it: it may hold a password.
    pub fn parse(url: &str) -> Result<Self, String> {
        let scheme = url.split(':').next().unwrap_or_default();
        match scheme {
            KEY_VALUE => {
                let label = url.split_once(':').map_or("", |(_, label)| label);
                let label = if label.is_empty() { DEFAULT_STORE } else { label };
                Ok(Self::KeyValue(label.to_owned()))
            }
            "redis" | "rediss" => redis(url),
            "redis-sentinel" | "rediss-sentinel" | "redis-cluster" | "rediss-cluster" | "unix"
            | "redis+unix" => {
                Err("Spin connects to one Redis server, by `redis://` or `rediss://`".to_owned())
            }
            "mysql" | "mysql+pymysql" => mysql(url),
            "http" | "https" => http(url),
            "etcd" | "etcds" => Err("Spin reaches no etcd: keep routes in Redis, or at a routing \
                                     service"
                .to_owned()),
            "memory" | "file" => {
                Err("Spin has neither memory nor a disk to keep objects in: write `kv:`".to_owned())
            }
            _ => {
                Err("no engine has its scheme: write `kv:`, `redis://…`, `mysql://…` or, for the \
                      registry, `http://…`"
                    .to_owned())
            }
        }
    }

    /// The server as `allowed_outbound_hosts` names it, and whether the URL holds a login other than
    /// the usual user without a password; nothing where no server is needed.
    #[must_use]
    pub fn server(&self) -> Option<(String, bool)> {
        let (_, url) = self.asked()?;
        let url = Url::parse(url).ok()?;
        let port = url.port_or_known_default().unwrap_or(REDIS_PORT);
        let host = format!("{}://{}:{port}", url.scheme(), url.host_str()?);
        let login = !["", MYSQL_USER].contains(&url.username()) || url.password().is_some();
        Some((host, login))
    }

    /// What Spin is asked to connect to, with the scheme that it has for that.
    #[must_use]
    pub fn asked(&self) -> Option<(&'static str, &str)> {
        match self {
            Self::KeyValue(_) => None,
            Self::Redis(redis) => Some(("redis", &redis.url)),
            Self::Mysql(url) => Some(("mysql", url)),
            Self::Http(url) => Some(("http", url)),
        }
    }
}

fn parsed(url: &str) -> Result<Url, String> {
    let parsed = Url::parse(url).map_err(|cause| format!("it is no URL: {cause}"))?;
    match parsed.host_str() {
        Some(host) if !host.is_empty() => Ok(parsed),
        _ => Err("it names no host".to_owned()),
    }
}

fn redis(url: &str) -> Result<Address, String> {
    let (url, keys) = registry::split(url).map_err(|wrong| wrong.to_string())?;
    let parsed = parsed(&url)?;
    if parsed.query().is_some() || parsed.fragment().is_some() {
        return Err("Spin takes no parameters in the URL of a Redis".to_owned());
    }
    let prefix = Keys::prefix(&keys).to_owned();
    Ok(Address::Redis(RedisAddress { url, prefix }))
}

fn mysql(url: &str) -> Result<Address, String> {
    // A scheme with a sign in it is no special one, and cannot be changed afterwards.
    let url = url.replacen("mysql+pymysql:", "mysql:", 1);
    let mut parsed = parsed(&url)?;
    let cannot = |()| "it cannot be completed".to_owned();
    if parsed.port().is_none() {
        parsed.set_port(Some(MYSQL_PORT)).map_err(cannot)?;
    }
    if parsed.username().is_empty() {
        parsed.set_username(MYSQL_USER).map_err(cannot)?;
    }
    if parsed.path().trim_start_matches('/').is_empty() {
        parsed.set_path(MYSQL_DATABASE);
    }
    let mut encrypted = false;
    for (name, value) in parsed.query_pairs() {
        encrypted = match (&*name, &*value.to_ascii_lowercase().replace('_', "-")) {
            ("ssl-mode", "disabled") | ("require_ssl", "false") => false,
            ("ssl-mode", "verify-identity") | ("require_ssl", "true") => true,
            ("charset", _) => encrypted,
            ("ssl-mode", _) => {
                return Err("Spin encrypts with a checked certificate or not at all: write \
                            `ssl-mode=verify-identity` or `ssl-mode=disabled`"
                    .to_owned());
            }
            ("ssl-ca", _) => return Err("Spin takes no file of certificates".to_owned()),
            _ => return Err("it has an unknown parameter".to_owned()),
        };
    }
    parsed.set_query(encrypted.then_some("ssl-mode=verify-identity"));
    Ok(Address::Mysql(parsed.into()))
}

fn http(url: &str) -> Result<Address, String> {
    let mut parsed = parsed(url)?;
    parsed.set_query(None);
    parsed.set_fragment(None);
    Ok(Address::Http(parsed.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_become_what_spin_is_asked_for() {
        let label = |url: &str| match Address::parse(url) {
            Ok(Address::KeyValue(label)) => label,
            _ => String::new(),
        };
        assert_eq!((label("kv:"), label("kv:frames")), ("default".into(), "frames".into()));
        let asked = |url: &str| {
            let address = Address::parse(url).unwrap();
            address.asked().map(|(scheme, url)| format!("{scheme} {url}")).unwrap()
        };
        assert_eq!(asked("redis://:p@h/3"), "redis redis://:p@h/3");
        assert_eq!(asked("mysql://db"), "mysql mysql://root@db:4000/framedb");
        assert_eq!(
            asked("mysql+pymysql://u:p%2F@db:3306/x?charset=utf8mb4&ssl-mode=VERIFY_IDENTITY"),
            "mysql mysql://u:p%2F@db:3306/x?ssl-mode=verify-identity"
        );
        let Ok(Address::Redis(redis)) = Address::parse("redis://h/?prefix=site-1") else {
            panic!("a Redis")
        };
        assert_eq!((redis.url.as_str(), redis.prefix.as_str()), ("redis://h/", "site-1"));
    }

    #[test]
    fn what_spin_cannot_do_is_said_without_the_url() {
        for url in [
            "redis-sentinel://:s3cret@h/m",
            "redis://:s3cret@h?ssl-ca=x",
            "redis://:s3cret@",
            "mysql://u:s3cret@h?ssl-mode=required",
            "mysql://u:s3cret@h?ssl-ca=s3cret",
            "file:/s3cret",
            "s3cret",
            "redis://h?prefix={s3cret}",
        ] {
            let why = Address::parse(url).err().unwrap_or_else(|| panic!("{url} is read"));
            assert!(!why.contains("s3cret"), "{why}");
        }
    }
}
