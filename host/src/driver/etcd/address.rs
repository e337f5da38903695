//! `Address`: where a cluster is, who asks for it, and which of its keys are ours.

use crate::{Error, ErrorKind, Result};
use percent_encoding::percent_decode_str;
use std::{fmt, path::PathBuf};

/// The port of a member whose URL names none.
const DEFAULT_PORT: u16 = 2379;

/// What our keys begin with where the URL does not say.
const DEFAULT_PREFIX: &str = "/framedb/";

/// How a URL is written, for those who wrote it otherwise.
const FORM: &str = "write `etcd://[user:password@]host[:2379][,host…][/prefix]`, or `etcds://…` \
                    with TLS and, where needed, `?ca=`, `?cert=` and `?key=`";

/// A cluster: its members, a user, and a prefix.
///
/// `etcd://[user:password@]host:2379[,host:2379]/prefix`, or `etcds://…` with TLS; then `?ca=`
/// is a file of certificates to trust in place of the system's, and `?cert=` and `?key=` are
/// what the node shows of itself.
#[derive(Clone)]
pub(crate) struct Address {
    members: Vec<String>,
    pub(super) tls: Option<Files>,
    pub(super) user: String,
    pub(super) password: String,
    prefix: String,
}

/// The files of a TLS connection.
#[derive(Debug, Clone, Default)]
pub(super) struct Files {
    pub(super) ca: Option<PathBuf>,
    pub(super) cert: Option<PathBuf>,
    pub(super) key: Option<PathBuf>,
}

impl Address {
    /// Reads a URL.
    ///
    /// # Errors
    ///
    /// Says what is wrong, without showing the URL, which may hold a password.
    pub(crate) fn parse(url: &str) -> Result<Self> {
        let (scheme, rest) = url.split_once("://").ok_or_else(|| wrong("it has no `//`"))?;
        let mut tls = match scheme {
            "etcd" => None,
            "etcds" => Some(Files::default()),
            _ => return Err(wrong("its scheme is not `etcd` or `etcds`")),
        };
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (login, hosts) = match authority.rsplit_once('@') {
            Some((login, hosts)) => (login, hosts),
            None => ("", authority),
        };
        let (user, password) = login.split_once(':').unwrap_or((login, ""));
        let (user, password) = (decode(user)?, decode(password)?);
        if user.is_empty() && !password.is_empty() {
            return Err(wrong("it has a password and no user"));
        }
        for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
            let files = tls.as_mut().ok_or_else(|| wrong("only `etcds://` takes files of TLS"))?;
            let file = match name {
                "ca" => &mut files.ca,
                "cert" => &mut files.cert,
                "key" => &mut files.key,
                _ => return Err(wrong("it has a parameter other than `ca`, `cert` and `key`")),
            };
            *file = Some(decode(value)?.into());
        }
        if tls.as_ref().is_some_and(|files| files.cert.is_some() != files.key.is_some()) {
            return Err(wrong("`cert` and `key` go together"));
        }
        let members = hosts.split(',').map(member).collect::<Result<Vec<_>>>()?;
        Ok(Self { members, tls, user, password, prefix: prefix(&decode(path)?) })
    }

    /// The same cluster, with our keys below this name under its prefix.
    pub(crate) fn below(self, name: &str) -> Self {
        Self { prefix: format!("{}{name}/", self.prefix), ..self }
    }

    /// The members, as `host:port`.
    pub(super) fn members(&self) -> &[String] {
        &self.members
    }

    /// What every key of ours begins with; it ends with a slash.
    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.members.join(","))
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Address")
            .field("members", &self.members)
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}

/// A member as `host:port`.
fn member(text: &str) -> Result<String> {
    let port_of = |text: &str| text.parse::<u16>().ok().filter(|port| *port > 0);
    let (host, port) = match text.rsplit_once(':') {
        // The colons of an address of version 6 stand in brackets.
        Some((host, port)) if !port.contains(']') => {
            (host, port_of(port).ok_or_else(|| wrong("a port is not a number"))?)
        }
        _ => (text, DEFAULT_PORT),
    };
    let bracketed = host.starts_with('[') && host.ends_with(']');
    if host.is_empty() || (host.contains(':') && !bracketed) || host.contains(char::is_whitespace) {
        return Err(wrong("it names no host"));
    }
    Ok(format!("{host}:{port}"))
}

/// A prefix that begins and ends with a slash.
fn prefix(path: &str) -> String {
    match path.trim_matches('/') {
        "" => DEFAULT_PREFIX.to_owned(),
        name => format!("/{name}/"),
    }
}

fn decode(text: &str) -> Result<String> {
    let decoded = percent_decode_str(text).decode_utf8();
    decoded.map(Into::into).map_err(|_| wrong("a part of it is not UTF-8"))
}

fn wrong(what: &str) -> Error {
    Error::new(ErrorKind::Config, format!("cannot use the URL of etcd: {what}")).with_hint(FORM)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_and_their_secrets_not_shown() {
        let address = Address::parse("etcd://me:s3cr%40et@one,[::1]:4001,three:5/a/b").unwrap();
        assert_eq!(address.to_string(), "one:2379,[::1]:4001,three:5");
        assert_eq!((address.user.as_str(), address.password.as_str()), ("me", "s3cr@et"));
        assert_eq!(address.prefix(), "/a/b/");
        assert_eq!(address.clone().below("c").prefix(), "/a/b/c/");
        assert!(!format!("{address:?}").contains("s3cr"));
        assert_eq!(Address::parse("etcd://one").unwrap().prefix(), "/framedb/");
        let files = Address::parse("etcds://one/?ca=/a%20b.pem").unwrap().tls.unwrap();
        assert_eq!(files.ca, Some("/a b.pem".into()));
    }

    #[test]
    fn wrong_urls_are_refused_without_being_shown() {
        for url in [
            "etcd:s3cret",
            "etcd://:s3cret@host",
            "etcd://me:s3cret@",
            "etcd://me:s3cret@host:port",
            "etcd://me:s3cret@one,,two",
            "etcd://me:s3cret@host?ca=x",
            "etcds://me:s3cret@host?ka=x",
            "etcds://me:s3cret@host?cert=x",
        ] {
            let error = Address::parse(url).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config, "{url}");
            assert!(!format!("{error:?}").contains("s3cret"), "{url}");
        }
    }
}
