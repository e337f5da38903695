//! A web server that speaks HTTP/1.1 and HTTP/2, with and without TLS, and whose paths behave
//! as servers do, the bad ones too.

use bytes::Bytes;
use futures::{StreamExt as _, stream};
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::{BodyExt as _, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::{Frame, Incoming};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
};
use rustls::{
    ServerConfig,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};
use serde_json::json;
use std::{
    convert::Infallible,
    io,
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
    task::JoinHandle,
};
use tokio_rustls::TlsAcceptor;

type Body = UnsyncBoxBody<Bytes, io::Error>;

/// A server on a free loopback port, until it is dropped.
///
/// | path | what it does |
/// |---|---|
/// | `/echo` | answers what was asked, as JSON |
/// | `/trailers` | answers with trailers |
/// | `/to/PATH` | redirects to `/PATH` of another host |
/// | `/millisecond` | answers after one |
/// | `/slow` | never answers |
/// | `/stall` | answers half of a body |
/// | `/broken` | breaks off after half of a body |
/// | `/endless` | answers for ever |
/// | `/headers/N` | answers with N headers |
/// | `/gate` | answers the status that the query's `key` is, with the query as text, or 204; `later` is a 429 the first time |
#[derive(Debug)]
pub struct Web {
    address: SocketAddr,
    seen: Arc<Seen>,
    serving: JoinHandle<()>,
    authority: Option<(TempDir, PathBuf)>,
}

/// What a server has seen.
#[derive(Debug, Default)]
struct Seen {
    connections: AtomicUsize,
    requests: AtomicUsize,
    /// Requests whose bodies came to their end.
    whole: AtomicUsize,
    /// Who was to come later.
    later: AtomicUsize,
}

impl Web {
    /// A server without TLS.
    pub async fn start() -> Self {
        Self::serve(None).await
    }

    /// A server with a certificate for `localhost`, by an authority of its own.
    pub async fn start_tls() -> Self {
        let directory = crate::component::scratch();
        let file = directory.path().join("ca.pem");
        let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        std::fs::write(&file, certified.cert.pem()).unwrap();
        let key = PrivatePkcs8KeyDer::from(certified.signing_key.serialize_der());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certified.cert.der().clone()], PrivateKeyDer::from(key))
            .unwrap();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let tls = TlsAcceptor::from(Arc::new(config));
        let mut web = Self::serve(Some(tls)).await;
        web.authority = Some((directory, file));
        web
    }

    async fn serve(tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Seen::default());
        let server = seen.clone();
        let serving = tokio::spawn(async move {
            // Their connections end with the server.
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (seen, tls) = (server.clone(), tls.clone());
                seen.connections.fetch_add(1, Ordering::Relaxed);
                stream.set_nodelay(true).unwrap();
                connections.spawn(async move {
                    match tls {
                        None => connection(stream, seen).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                connection(stream, seen).await;
                            }
                        }
                    }
                });
            }
        });
        Self { address, seen, serving, authority: None }
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// The file of the authority that certified it.
    #[must_use]
    pub fn authority(&self) -> &str {
        self.authority.as_ref().and_then(|(_, file)| file.to_str()).unwrap()
    }

    /// Connections that were opened.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.seen.connections.load(Ordering::Relaxed)
    }

    /// Requests that came.
    #[must_use]
    pub fn requests(&self) -> usize {
        self.seen.requests.load(Ordering::Relaxed)
    }

    /// Requests whose bodies came to their end.
    #[must_use]
    pub fn whole(&self) -> usize {
        self.seen.whole.load(Ordering::Relaxed)
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn connection(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, seen: Arc<Seen>) {
    let service = hyper::service::service_fn(move |request| answer(request, seen.clone()));
    let mut server = auto::Builder::new(TokioExecutor::new());
    server.http1().timer(TokioTimer::new());
    server.http2().timer(TokioTimer::new()).max_concurrent_streams(1000);
    // A client that goes away is a test's affair.
    let _ = server.serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(request: Request<Incoming>, seen: Arc<Seen>) -> Result<Response<Body>, io::Error> {
    seen.requests.fetch_add(1, Ordering::Relaxed);
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().to_owned();
    match path.as_str() {
        "/slow" => std::future::pending().await,
        "/millisecond" => {
            tokio::time::sleep(Duration::from_millis(1)).await;
            Ok(text("done"))
        }
        "/stall" => Ok(Response::new(parts_then(["half"], stream::pending()))),
        "/broken" => {
            let broken = stream::once(async { Err(io::Error::other("broken off")) });
            Ok(Response::new(parts_then(["half"], broken)))
        }
        "/gate" => Ok(gate(parts.uri.query().unwrap_or_default(), &seen)),
        "/endless" => {
            let part = Bytes::from(vec![b'x'; 64 << 10]);
            let parts = stream::repeat_with(move || Ok(Frame::data(part.clone())));
            Ok(Response::new(StreamBody::new(parts).boxed_unsync()))
        }
        "/trailers" => {
            let mut trailers = HeaderMap::new();
            trailers.insert("checksum", HeaderValue::from_static("42"));
            let last = stream::once(async { Ok(Frame::trailers(trailers)) });
            let mut response = Response::new(parts_then(["one ", "two"], last));
            response.headers_mut().insert("trailer", HeaderValue::from_static("checksum"));
            Ok(response)
        }
        _ => {
            if let Some(to) = path.strip_prefix("/to/") {
                let mut response = text("");
                *response.status_mut() = http::StatusCode::FOUND;
                let location = HeaderValue::from_str(&format!("http://{to}")).unwrap();
                response.headers_mut().insert("location", location);
                return Ok(response);
            }
            if let Some(number) = path.strip_prefix("/headers/") {
                let mut response = text("many");
                for n in 0..number.parse().unwrap_or(0) {
                    let name: http::HeaderName = format!("x-{n}").parse().unwrap();
                    response.headers_mut().insert(name, HeaderValue::from_static("value"));
                }
                return Ok(response);
            }
            let Ok(body) = body.collect().await else {
                return Err(io::Error::other("the request broke off"));
            };
            seen.whole.fetch_add(1, Ordering::Relaxed);
            let headers: serde_json::Map<_, _> = parts
                .headers
                .iter()
                .map(|(name, value)| (name.to_string(), value.to_str().unwrap().into()))
                .collect();
            let trailers = body.trailers().map(|map| map.len());
            let body = body.to_bytes();
            let host = parts.uri.authority().map(ToString::to_string);
            Ok(text(
                &json!({
                    "version": format!("{:?}", parts.version),
                    "method": parts.method.as_str(),
                    "target": parts.uri.path_and_query().unwrap().as_str(),
                    "authority": host,
                    "headers": headers,
                    "bytes": body.len(),
                    "trailers": trailers,
                })
                .to_string(),
            ))
        }
    }
}

/// Lets in every key that is no status.
fn gate(query: &str, seen: &Seen) -> Response<Body> {
    let key = query.split('&').find_map(|pair| pair.strip_prefix("key="));
    let status = match key {
        Some("later") if seen.later.fetch_add(1, Ordering::Relaxed) == 0 => 429,
        Some(key) => key.parse().unwrap_or(204),
        None => 400,
    };
    let mut response = text(&format!("asked\n{query}"));
    *response.status_mut() = http::StatusCode::from_u16(status).unwrap();
    response.headers_mut().insert("retry-after", HeaderValue::from_static("0"));
    response
}

fn text(text: &str) -> Response<Body> {
    let body = http_body_util::Full::from(text.to_owned());
    Response::new(body.map_err(|never: Infallible| match never {}).boxed_unsync())
}

fn parts_then<const N: usize>(
    parts: [&'static str; N],
    then: impl stream::Stream<Item = Result<Frame<Bytes>, io::Error>> + Send + 'static,
) -> Body {
    let parts =
        stream::iter(parts.map(|part| Ok(Frame::data(Bytes::from_static(part.as_bytes())))));
    StreamBody::new(parts.chain(then)).boxed_unsync()
}
