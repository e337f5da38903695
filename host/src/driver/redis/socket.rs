//! `Socket`: one connection to a server, with a bound on its answers where they are a plugin's.

use super::{
    connection::TIMEOUT,
    meter::{CODE, Meter},
};
use crate::driver::tls;
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, ErrorKind, RedisError,
    RedisResult, TlsCertificates, Value, aio::MultiplexedConnection,
};
use rustls::pki_types::ServerName;
use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpStream, UnixStream},
    time::timeout,
};
use tokio_rustls::TlsConnector;
use tokio_util::task::AbortOnDropHandle;

/// Bytes that are read at once.
const CHUNK: usize = 16 << 10;

/// A connection. Clones share it; it is closed when the last one is dropped, whatever it still
/// waits for.
#[derive(Clone)]
pub(super) struct Socket {
    pub(super) connection: MultiplexedConnection,
    bounded: Option<Arc<Bounded>>,
}

/// What belongs to a connection whose answers are bounded.
struct Bounded {
    most: u64,
    overran: Arc<AtomicBool>,
    /// Carries commands and answers; it ends with this.
    _driver: AbortOnDropHandle<()>,
}

impl Socket {
    /// Opens a connection whose answers have any size. Commands on it have their time limit each.
    pub(super) async fn open(
        info: &ConnectionInfo,
        authorities: Option<&[u8]>,
    ) -> RedisResult<Self> {
        let client = match (authorities, info.addr()) {
            (Some(authorities), ConnectionAddr::TcpTls { .. }) => {
                let root_cert = Some(authorities.to_vec());
                let trust = TlsCertificates { client_tls: None, root_cert };
                Client::build_with_tls(info.clone(), trust)?
            }
            _ => Client::open(info.clone())?,
        };
        let config = config().set_connection_timeout(Some(TIMEOUT));
        let connection = client.get_multiplexed_async_connection_with_config(&config).await?;
        Ok(Self { connection, bounded: None })
    }

    /// As [`Socket::open`], with answers of at most so many bytes: one that is larger is an
    /// error, of which [`Socket::too_large`] knows.
    pub(super) async fn open_bounded(
        info: &ConnectionInfo,
        authorities: Option<&[u8]>,
        most: u64,
    ) -> RedisResult<Self> {
        let overran = Arc::new(AtomicBool::new(false));
        let open = async {
            let stream = connect(info.addr(), authorities).await?;
            let metered = Metered::new(stream, most, overran.clone());
            let login = info.redis_settings();
            MultiplexedConnection::new_with_config(login, metered, config()).await
        };
        let opened = timeout(TIMEOUT, open).await;
        let (connection, driver) =
            opened.map_err(|_| RedisError::from(io::Error::from(io::ErrorKind::TimedOut)))??;
        let driver = AbortOnDropHandle::new(tokio::spawn(driver));
        let bounded = Bounded { most, overran, _driver: driver };
        Ok(Self { connection, bounded: Some(Arc::new(bounded)) })
    }

    /// Whether an answer was too large. The rest of it is still arriving perhaps: the connection
    /// serves those who wait for the answers behind it, and nobody else should use it.
    pub(super) fn overran(&self) -> bool {
        self.bounded.as_ref().is_some_and(|bounded| bounded.overran.load(Ordering::Acquire))
    }

    /// The bound, when this answer was too large for it.
    pub(super) fn too_large(&self, answer: &RedisResult<Value>) -> Option<u64> {
        let bounded = self.bounded.as_ref().filter(|_| self.overran())?;
        let left_out = match answer {
            Ok(value) => holds_mark(value),
            Err(error) => error.code() == Some(CODE),
        };
        left_out.then_some(bounded.most)
    }
}

fn config() -> AsyncConnectionConfig {
    AsyncConnectionConfig::new().set_response_timeout(Some(TIMEOUT))
}

/// Whether the error of the meter is in an answer. Its lists are no deeper than a meter follows.
fn holds_mark(value: &Value) -> bool {
    match value {
        Value::ServerError(error) => error.code() == CODE,
        Value::Array(values) | Value::Set(values) | Value::Push { data: values, .. } => {
            values.iter().any(holds_mark)
        }
        Value::Map(pairs) => pairs.iter().any(|(key, value)| holds_mark(key) || holds_mark(value)),
        Value::Attribute { data, attributes } => {
            holds_mark(data) || attributes.iter().any(|(k, v)| holds_mark(k) || holds_mark(v))
        }
        _ => false,
    }
}

/// Any stream to a server.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

async fn connect(
    addr: &ConnectionAddr,
    authorities: Option<&[u8]>,
) -> RedisResult<Box<dyn Stream>> {
    let tcp = async |host: &str, port: u16| {
        let stream = TcpStream::connect((host, port)).await?;
        stream.set_nodelay(true)?;
        io::Result::Ok(stream)
    };
    match addr {
        ConnectionAddr::Tcp(host, port) => Ok(Box::new(tcp(host, *port).await?)),
        ConnectionAddr::Unix(path) => Ok(Box::new(UnixStream::connect(path).await?)),
        ConnectionAddr::TcpTls { host, port, insecure: false, .. } => {
            let name = ServerName::try_from(host.as_str()).map_err(io::Error::other)?.to_owned();
            let trust = tls::trusting(authorities).map_err(io::Error::other)?;
            let connector = TlsConnector::from(Arc::new(trust));
            Ok(Box::new(connector.connect(name, tcp(host, *port).await?).await?))
        }
        _ => Err((ErrorKind::InvalidClientConfig, "this kind of address is not served").into()),
    }
}

/// A stream whose answers go through a [`Meter`].
struct Metered {
    stream: Box<dyn Stream>,
    meter: Meter,
    overran: Arc<AtomicBool>,
    chunk: Box<[u8]>,
    /// What may be read, from `read` on.
    output: Vec<u8>,
    read: usize,
}

impl Metered {
    fn new(stream: Box<dyn Stream>, most: u64, overran: Arc<AtomicBool>) -> Self {
        let chunk = vec![0; CHUNK].into_boxed_slice();
        Self { stream, meter: Meter::new(most), overran, chunk, output: Vec::new(), read: 0 }
    }
}

impl AsyncRead for Metered {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            let ready = this.output.get(this.read..).unwrap_or_default();
            if !ready.is_empty() {
                let piece = ready.get(..buffer.remaining()).unwrap_or(ready);
                buffer.put_slice(piece);
                this.read += piece.len();
                return Poll::Ready(Ok(()));
            }
            this.output.clear();
            this.read = 0;
            let mut chunk = ReadBuf::new(&mut this.chunk);
            ready!(Pin::new(&mut this.stream).poll_read(cx, &mut chunk))?;
            if chunk.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
            this.meter.feed(chunk.filled(), &mut this.output)?;
            if this.meter.overran() {
                this.overran.store(true, Ordering::Release);
            }
        }
    }
}

impl AsyncWrite for Metered {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}
