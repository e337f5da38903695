//! `Address`: where a server is, apart from what opens it.

use crate::{Error, ErrorKind, Result};
use percent_encoding::percent_decode_str;
use redis::{ConnectionAddr, ConnectionInfo};
use std::{fmt, str::FromStr};

/// Where a server is. Holds no credentials, so it can be shown anywhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    place: String,
    database: i64,
}

impl Address {
    /// Reads `redis://[user][:password]@host[:6379][/db]`, `rediss://…` or
    /// `unix:///path?db=n`; the address, and what the client needs to connect.
    ///
    /// # Errors
    ///
    /// Says what is wrong with the URL, and shows nothing of it.
    pub(crate) fn parse(url: &str) -> Result<(Self, ConnectionInfo)> {
        let invalid = |what: &str| {
            Error::new(ErrorKind::Config, what)
                .with_hint("write `redis://[user][:password]@host[:6379][/db]`, `rediss://…` or `unix:///path?db=n`")
        };
        let info = ConnectionInfo::from_str(url).map_err(|cause| {
            invalid(&format!("its URL is not one of Redis: {}", cause.category()))
        })?;
        let database = info.redis_settings().db();
        if database < 0 {
            return Err(invalid("its database number is negative"));
        }
        let place = match info.addr() {
            ConnectionAddr::Tcp(host, port) => place(host, *port),
            ConnectionAddr::TcpTls { insecure: true, .. } => {
                return Err(invalid("`#insecure` would accept any certificate"));
            }
            ConnectionAddr::TcpTls { host, port, .. } => place(host, *port),
            ConnectionAddr::Unix(path) => path.display().to_string(),
            _ => return Err(invalid("its URL has an unknown kind of address")),
        };
        let info = match (info.addr(), parameter(url, "username"), parameter(url, "password")) {
            (ConnectionAddr::Unix(_), user, password) => {
                let mut settings = info.redis_settings().clone();
                if let Some(user) = user {
                    settings = settings.set_username(user);
                }
                if let Some(password) = password {
                    settings = settings.set_password(password);
                }
                info.set_redis_settings(settings)
            }
            _ => info,
        };
        Ok((Self { place, database }, info))
    }

    /// The number of the database.
    pub(crate) fn database(&self) -> i64 {
        self.database
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.place)
    }
}

fn place(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// A parameter of the query, under the names that other clients use for Unix sockets; this
/// one's own are `user` and `pass`.
fn parameter(url: &str, name: &str) -> Option<String> {
    let (_, query) = url.split_once('?')?;
    let pair = |pair: &str| {
        let (key, value) = pair.split_once('=')?;
        (key == name).then(|| percent_decode_str(value).decode_utf8_lossy().into_owned())
    };
    query.split('&').find_map(pair)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_and_their_secrets_not_shown() {
        let (address, info) = Address::parse("redis://me:s3cret@host/4").unwrap();
        assert_eq!((address.to_string().as_str(), address.database()), ("host:6379", 4));
        assert_eq!(info.redis_settings().password(), Some("s3cret"));
        assert!(!format!("{address:?}").contains("s3cret"));
        let (address, info) =
            Address::parse("unix:///run/redis.sock?db=2&password=s3cret").unwrap();
        assert_eq!((address.to_string().as_str(), address.database()), ("/run/redis.sock", 2));
        assert_eq!(info.redis_settings().password(), Some("s3cret"));
        let (address, _) = Address::parse("rediss://[::1]:7000").unwrap();
        assert_eq!(address.to_string(), "[::1]:7000");
    }

    #[test]
    fn wrong_urls_are_refused_without_being_shown() {
        for url in [
            "redis://:s3cret@/",
            "redis:s3cret",
            "redis://h/s3cret",
            "rediss://h/#insecure",
            "redis://h/-1",
        ] {
            let error = Address::parse(url).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config, "{url}");
            assert!(!format!("{error:?}").contains("s3cret"), "{url}");
        }
    }
}
