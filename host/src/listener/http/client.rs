//! `AdminDoor`: how commands reach a node, the running one or one that they opened themselves.

use super::admin_router;
use crate::{Error, ErrorKind, Result, listener::NodeFile, worker::Worker};
use axum::{
    Router,
    body::Body,
    http::{HeaderValue, Request, Response, Uri, header, uri},
};
use http_body_util::BodyExt;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use std::{fmt, net::SocketAddr, path::Path, time::Duration};
use tower::ServiceExt;

/// How long a node that is named by a file may take to say that it is the one.
const PATIENCE: Duration = Duration::from_secs(5);

/// A node's admin door, which takes the same requests whether the node runs in another process
/// or in this one.
pub struct AdminDoor(Way);

enum Way {
    Running(Box<Running>),
    Opened(Router),
}

struct Running {
    client: Client<HttpConnector, Body>,
    at: SocketAddr,
    token: HeaderValue,
    pid: u32,
}

impl AdminDoor {
    /// The door of the node that runs on `data_dir`; `None` when none answers.
    pub async fn of_running(data_dir: &Path) -> Option<Self> {
        let file = NodeFile::read(data_dir)?;
        let mut token = HeaderValue::from_str(&format!("Bearer {}", file.token())).ok()?;
        token.set_sensitive(true);
        let client = Client::builder(TokioExecutor::new()).build_http();
        let running = Running { client, at: file.admin?, token, pid: file.pid };
        let door = Self(Way::Running(Box::new(running)));
        // A file that a killed node left may name a port that somebody else has now.
        let asked = door.send(Request::get("/admin/node").body(Body::empty()).ok()?);
        let answer = tokio::time::timeout(PATIENCE, asked).await.ok()?.ok()?;
        let answer = answer.into_body().collect().await.ok()?.to_bytes();
        let node: serde_json::Value = serde_json::from_slice(&answer).ok()?;
        (node.get("pid")?.as_u64()? == u64::from(file.pid)).then_some(door)
    }

    /// The door of a node in this process, which needs no network.
    #[must_use]
    pub fn of_opened(worker: &Worker) -> Self {
        Self(Way::Opened(admin_router(worker.node().clone(), None)))
    }

    /// The process of a running node; `None` of one in this process.
    #[must_use]
    pub fn running_pid(&self) -> Option<u32> {
        match &self.0 {
            Way::Running(running) => Some(running.pid),
            Way::Opened(_) => None,
        }
    }

    /// Sends a request whose URI is a path with a query.
    ///
    /// # Errors
    ///
    /// When the running node cannot be reached any more. What the node answers, failures
    /// included, is a response.
    pub async fn send(&self, mut request: Request<Body>) -> Result<Response<Body>> {
        match &self.0 {
            Way::Running(running) => {
                let Running { client, at, token, pid } = &**running;
                let lost = |source: Box<dyn std::error::Error + Send + Sync>| {
                    let message = format!("the connection to the running node (pid {pid}) failed");
                    Error::new(ErrorKind::Unavailable, message).with_source(source)
                };
                let path = request.uri().path_and_query().cloned();
                let full = Uri::builder()
                    .scheme(uri::Scheme::HTTP)
                    .authority(at.to_string())
                    .path_and_query(path.unwrap_or(uri::PathAndQuery::from_static("/")));
                *request.uri_mut() = full.build().map_err(|error| lost(error.into()))?;
                request.headers_mut().insert(header::AUTHORIZATION, token.clone());
                let answer = client.request(request).await.map_err(|error| lost(error.into()))?;
                Ok(answer.map(Body::new))
            }
            Way::Opened(router) => match router.clone().oneshot(request).await {
                Ok(answer) => Ok(answer),
                Err(never) => match never {},
            },
        }
    }
}

impl fmt::Debug for AdminDoor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdminDoor").field("pid", &self.running_pid()).finish_non_exhaustive()
    }
}
