//! `Address`: a server, a user and a database, read from a URL.

use crate::{Error, ErrorKind, Result};
use mysql_async::{OptsBuilder, SslOpts};
use percent_encoding::percent_decode_str;
use std::{fmt, path::PathBuf};
use url::Url;

/// TiDB's port, which existing clients take as the default.
const DEFAULT_PORT: u16 = 4000;

/// The user of a URL that names none.
const DEFAULT_USER: &str = "root";

/// The database of a URL that names none.
const DEFAULT_DATABASE: &str = "framedb";

/// Where a database is and who asks for it.
///
/// `mysql://user:password@host:port/database`, or `mysql+pymysql:` as existing clients write
/// it; everything but the host may be missing. `?ssl-mode=` takes `disabled` (the default),
/// `required` (encrypted, the server unchecked), `verify-ca` and `verify-identity`, and
/// `ssl-ca=` a file of certificates to trust; `require_ssl=true` means `verify-identity`.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Address {
    host: String,
    port: u16,
    user: String,
    password: String,
    pub(crate) database: String,
    tls: Tls,
    ca: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tls {
    Disabled,
    Required,
    VerifyCa,
    VerifyIdentity,
}

impl Address {
    /// Reads a URL.
    ///
    /// # Errors
    ///
    /// Says what is wrong, without showing the URL, which may hold a password.
    pub(crate) fn parse(url: &str) -> Result<Self> {
        let url = Url::parse(url).map_err(|cause| wrong("it is not a URL").with_source(cause))?;
        let host = url.host_str().filter(|host| !host.is_empty());
        let host = decode(host.ok_or_else(|| wrong("it names no host"))?)?;
        let database = decode(url.path().trim_start_matches('/'))?;
        let user = decode(url.username())?;
        let mut address = Self {
            // An address of version 6 stands in brackets in a URL, and without them elsewhere.
            host: host.trim_matches(['[', ']']).to_owned(),
            port: url.port().unwrap_or(DEFAULT_PORT),
            user: if user.is_empty() { DEFAULT_USER.to_owned() } else { user },
            password: decode(url.password().unwrap_or_default())?,
            database: if database.is_empty() { DEFAULT_DATABASE.to_owned() } else { database },
            tls: Tls::Disabled,
            ca: None,
        };
        for (name, value) in url.query_pairs() {
            address.set(&name, &value)?;
        }
        if let Some(file) = &address.ca {
            // Where it is missing, connecting would fail without naming it.
            std::fs::File::open(file).map_err(|cause| {
                let file = file.display();
                let message = format!("cannot read the certificates to trust from {file}");
                Error::new(ErrorKind::Config, message)
                    .with_source(cause)
                    .with_hint("correct `ssl-ca` in its URL")
            })?;
        }
        Ok(address)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<()> {
        match name {
            "ssl-mode" => {
                self.tls = match value.to_ascii_lowercase().replace('_', "-").as_str() {
                    "disabled" => Tls::Disabled,
                    "required" => Tls::Required,
                    "verify-ca" => Tls::VerifyCa,
                    "verify-identity" => Tls::VerifyIdentity,
                    _ => {
                        return Err(wrong("its `ssl-mode` is unknown").with_hint(
                            "write `disabled`, `required`, `verify-ca` or `verify-identity`",
                        ));
                    }
                };
            }
            "require_ssl" => {
                let on = value.parse().map_err(|_| wrong("`require_ssl` is true or false"))?;
                self.tls = if on { Tls::VerifyIdentity } else { Tls::Disabled };
            }
            "ssl-ca" => self.ca = Some(value.into()),
            // Existing URLs carry it; the connection is utf8mb4 in any case.
            "charset" => {}
            _ => {
                let name: String = name.chars().take(32).collect();
                return Err(wrong(&format!("its parameter `{name}` is unknown"))
                    .with_hint("write `ssl-mode`, `ssl-ca` or `require_ssl`"));
            }
        }
        Ok(())
    }

    /// The host and its port.
    pub(crate) fn server(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// The user, for messages.
    pub(crate) fn user(&self) -> &str {
        &self.user
    }

    /// What the client library connects with, not yet to a database.
    pub(crate) fn options(&self) -> OptsBuilder {
        let tls = (self.tls != Tls::Disabled).then(|| {
            let roots = self.ca.iter().map(|path| path.clone().into()).collect();
            SslOpts::default()
                .with_root_certs(roots)
                .with_danger_skip_domain_validation(self.tls != Tls::VerifyIdentity)
                .with_danger_accept_invalid_certs(self.tls == Tls::Required)
        });
        OptsBuilder::default()
            .ip_or_hostname(self.host.as_str())
            .tcp_port(self.port)
            .user(Some(self.user.as_str()))
            .pass(Some(self.password.as_str()))
            .ssl_opts(tls)
            // The socket that a server names may be that of another one on this machine.
            .prefer_socket(false)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Address")
            .field("server", &self.server())
            .field("user", &self.user)
            .field("database", &self.database)
            .field("tls", &self.tls)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.server(), self.database)
    }
}

fn decode(text: &str) -> Result<String> {
    let decoded = percent_decode_str(text).decode_utf8();
    decoded.map(Into::into).map_err(|_| wrong("a part of it is not UTF-8"))
}

fn wrong(why: &str) -> Error {
    Error::new(ErrorKind::Config, format!("cannot use the MySQL URL: {why}"))
        .with_hint("write `mysql://user:password@host:port/database`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_has_a_default() {
        let address = Address::parse("mysql://db.example").unwrap();
        assert_eq!(address.to_string(), "db.example:4000/framedb");
        assert_eq!((address.user(), address.password.as_str()), ("root", ""));
    }

    #[test]
    fn both_schemes_and_encoded_parts_are_read() {
        for scheme in ["mysql", "mysql+pymysql"] {
            let url = format!("{scheme}://u%40x:p%2F%3A%23@[::1]:3306/d?charset=utf8mb4");
            let address = Address::parse(&url).unwrap();
            assert_eq!(address.to_string(), "[::1]:3306/d");
            assert_eq!((address.user(), address.password.as_str()), ("u@x", "p/:#"));
            assert!(!format!("{address:?}").contains("p/:#"));
        }
    }

    #[test]
    fn the_mode_of_encryption_is_read() {
        let tls = |query: &str| Address::parse(&format!("mysql://h/?{query}")).unwrap().tls;
        assert_eq!(tls(""), Tls::Disabled);
        assert_eq!(tls("ssl-mode=VERIFY_CA"), Tls::VerifyCa);
        assert_eq!(tls("require_ssl=true"), Tls::VerifyIdentity);
        assert!(Address::parse("mysql://h/?ssl-mode=maybe").is_err());
    }

    #[test]
    fn a_wrong_url_is_not_shown() {
        for url in ["mysql://", "mysql:", "mysql://u:secret@h:99999/", "mysql://u:secret@h/?x=1"] {
            let error = Address::parse(url).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config);
            assert!(!format!("{error:?}").contains("secret"), "{error:?}");
        }
    }
}
