//! `Endpoint`: one server to connect to, with the login and the trust that open it.

use super::socket::Socket;
use redis::{ConnectionAddr, ConnectionInfo, RedisConnectionInfo, RedisResult};
use std::{fmt, sync::Arc};

/// A host and its port.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Node {
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl Node {
    /// Reads `host:port`, as servers write it: an address of version 6 without brackets.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (host, port) = text.rsplit_once(':')?;
        Some(Self { host: host.trim_matches(['[', ']']).to_owned(), port: port.parse().ok()? })
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

/// A server, and what it takes to be let in. Displays the place alone.
#[derive(Clone)]
pub(crate) struct Endpoint {
    info: ConnectionInfo,
    /// The certificates to trust instead of the system's, in PEM.
    authorities: Option<Arc<[u8]>>,
    /// Bytes of an answer that is taken, where that is bounded.
    most: Option<u64>,
}

impl Endpoint {
    pub(super) fn new(info: ConnectionInfo, authorities: Option<Arc<[u8]>>) -> Self {
        Self { info, authorities, most: None }
    }

    /// The same server, of which no larger answer is taken.
    pub(super) fn bounded(self, most: u64) -> Self {
        Self { most: Some(most), ..self }
    }

    /// Opens a connection. Commands that are sent on it have their time limit each.
    pub(super) async fn connect(&self) -> RedisResult<Socket> {
        let authorities = self.authorities.as_deref();
        match self.most {
            Some(most) => Socket::open_bounded(&self.info, authorities, most).await,
            None => Socket::open(&self.info, authorities).await,
        }
    }

    /// The same login and trust at another place.
    pub(super) fn at(&self, node: &Node) -> Self {
        let Node { host, port } = node.clone();
        let addr = match self.info.addr() {
            ConnectionAddr::TcpTls { insecure, .. } => {
                ConnectionAddr::TcpTls { host, port, insecure: *insecure, tls_params: None }
            }
            _ => ConnectionAddr::Tcp(host, port),
        };
        Self { info: self.info.clone().set_addr(addr), ..self.clone() }
    }

    /// The same place and trust without user and password; `None` when it has no password.
    pub(super) fn anonymous(&self) -> Option<Self> {
        self.info.redis_settings().password()?;
        let database = self.info.redis_settings().db();
        let settings = RedisConnectionInfo::default().set_db(database);
        let info = self.info.clone().set_redis_settings(settings);
        Some(Self { info, ..self.clone() })
    }

    /// The same server, without choosing a database: a sentinel has none.
    pub(super) fn without_database(self) -> Self {
        let settings = self.info.redis_settings().clone().set_db(0);
        Self { info: self.info.set_redis_settings(settings), ..self }
    }

    /// The number of the database.
    pub(super) fn database(&self) -> i64 {
        self.info.redis_settings().db()
    }

    /// The host and port, unless it is a socket.
    pub(super) fn node(&self) -> Option<Node> {
        match self.info.addr() {
            ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } => {
                Some(Node { host: host.clone(), port: *port })
            }
            _ => None,
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.node(), self.info.addr()) {
            (Some(node), _) => node.fmt(f),
            (None, addr) => addr.fmt(f),
        }
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The rest of it is the login.
        write!(f, "Endpoint({self})")
    }
}
