//! Routes at the existing routing service.

use super::{fault::Fault, wait::within};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use framedb_core::{
    Failure, FailureClass, Key, Kind, Route, Stage,
    routing::{self, Answer, Looked, Registered, table},
};
use http::{Method, Request, header};
use http_body_util::{BodyExt as _, Full, Limited};
use serde_json::{Value, json};
use spin_sdk::wasip3::http::types::ErrorCode;
use std::fmt;
use url::Url;

/// Bytes of an answer: lists of routes are the longest.
const MAX_ANSWER: usize = 64 << 20;

/// The name that messages have for it.
const PLACE: &str = "the routing service";

/// A routing service.
pub(super) struct Routing {
    base: Url,
    /// A user and a password, as a request says them.
    login: Option<String>,
}

impl Routing {
    /// The service at a URL that was checked.
    pub(super) fn new(url: &str) -> Option<Self> {
        let mut base = Url::parse(url).ok()?;
        let decoded = |part: &str| {
            percent_encoding::percent_decode_str(part).decode_utf8_lossy().into_owned()
        };
        let (user, password) = (decoded(base.username()), base.password().map(decoded));
        let login = (!user.is_empty() || password.is_some()).then(|| {
            let pair = format!("{user}:{}", password.unwrap_or_default());
            format!("Basic {}", STANDARD.encode(pair))
        });
        base.set_username("").ok()?;
        base.set_password(None).ok()?;
        Some(Self { base, login })
    }

    /// The route of a key: objects first, then queues, as clients look.
    pub(super) async fn look(&self, key: &Key) -> Result<Option<Route>, Failure> {
        match self.look_in(key, false).await? {
            Some(route) => Ok(Some(route)),
            None => self.look_in(key, true).await,
        }
    }

    async fn look_in(&self, key: &Key, is_stream: bool) -> Result<Option<Route>, Failure> {
        let path = ["framedb", table(is_stream), key.as_str()];
        let attempt = format!("look up {key} at");
        let answer = self.ask(Method::GET, &path, None, &attempt).await?;
        match answer.looked(is_stream) {
            Looked::Found => read(key, is_stream, &answer.data()).map(Some),
            Looked::Absent | Looked::Unable => Ok(None),
            Looked::Refused => Err(refused(&answer, &attempt)),
        }
    }

    /// Registers a route.
    pub(super) async fn register(&self, key: &Key, route: &Route) -> Result<(), Failure> {
        let is_stream = route.kind == Kind::Stream;
        let body = routing::body(key, route);
        let attempt = format!("register {key} at");
        let path = ["framedb", table(is_stream)];
        let answer = self.ask(Method::POST, &path, Some(&body), &attempt).await?;
        match answer.registered() {
            Registered::Done => return Ok(()),
            Registered::Refused => return Err(refused(&answer, &attempt)),
            Registered::Exists => {}
        }
        let path = ["framedb", table(is_stream), key.as_str(), "update"];
        let changed = routing::change(body);
        let answer = self.ask(Method::POST, &path, Some(&changed), &attempt).await?;
        if answer.changed() { Ok(()) } else { Err(refused(&answer, &attempt)) }
    }

    /// Removes a route, if it is still this one.
    pub(super) async fn remove(&self, key: &Key, generation: u64) -> Result<(), Failure> {
        let attempt = format!("remove the route of {key} at");
        for is_stream in [false, true] {
            let found = self.look_in(key, is_stream).await?;
            if found.is_none_or(|route| route.generation != generation) {
                continue;
            }
            let path = ["framedb", table(is_stream), key.as_str()];
            let answer = self.ask(Method::DELETE, &path, None, &attempt).await?;
            if !answer.is_success() && answer.status != http::StatusCode::NOT_FOUND {
                return Err(refused(&answer, &attempt));
            }
        }
        Ok(())
    }

    /// Forgets a copy that was deleted because its key was written again: the service keeps the
    /// copies of a key that is registered again.
    pub(super) async fn forget_copy(&self, key: &Key, framedb_id: &str) -> Result<(), Failure> {
        let attempt = format!("forget a copy of {key} at");
        let path = ["framedb", table(false), key.as_str(), "remove-copy"];
        let body = json!({ "framedb_id": framedb_id });
        let answer = self.ask(Method::POST, &path, Some(&body), &attempt).await?;
        match answer.is_success() || answer.status == http::StatusCode::NOT_FOUND {
            true => Ok(()),
            false => Err(refused(&answer, &attempt)),
        }
    }

    /// All routes of a kind's table that lead to an instance, or to any.
    pub(super) async fn all(
        &self,
        is_stream: bool,
        framedb_id: Option<&str>,
    ) -> Result<Vec<(Key, Route)>, Failure> {
        const ATTEMPT: &str = "list routes at";
        let filter = framedb_id.map_or_else(|| json!({}), |id| json!({ "framedb_id": id }));
        let path = ["framedb", table(is_stream)];
        let answer = self.ask(Method::GET, &path, Some(&filter), ATTEMPT).await?;
        if !answer.is_success() {
            return Err(refused(&answer, ATTEMPT));
        }
        let mut routes = Vec::new();
        for data in answer.data().as_array().into_iter().flatten() {
            let names = ["_id", "object_id", "queue_name"];
            let Some(name) = names.iter().find_map(|name| data.get(*name)?.as_str()) else {
                let what = format!("cannot {ATTEMPT} {PLACE}: it lists them without their keys");
                return Err(Failure::new(FailureClass::Denied, Stage::Registration, what));
            };
            let Ok(key) = Key::new(name) else { continue };
            let route = read(&key, is_stream, data)?;
            routes.push((key, route));
        }
        Ok(routes)
    }

    async fn ask(
        &self,
        method: Method,
        path: &[&str],
        body: Option<&Value>,
        attempt: &str,
    ) -> Result<Answer, Failure> {
        let failed = |fault: Fault| fault.failure(Stage::Registration, attempt, PLACE);
        let mut url = self.base.clone();
        url.set_path(&routing::path(self.base.path(), path));
        let mut request = Request::builder().method(method).uri(url.as_str());
        if let Some(login) = &self.login {
            request = request.header(header::AUTHORIZATION, login);
        }
        if body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let body = body.map(ToString::to_string).unwrap_or_default();
        let request =
            request.body(Full::new(Bytes::from(body))).map_err(|_| failed(Fault::Foreign))?;
        let answered = within(async {
            let (head, body) = spin_sdk::http::send(request).await.map_err(fault)?.into_parts();
            let read = Limited::new(body, MAX_ANSWER).collect().await;
            Ok((head.status, read.map_err(|_| Fault::Down)?.to_bytes()))
        });
        let (status, text) = answered.await.unwrap_or(Err(Fault::Late)).map_err(failed)?;
        Answer::read(status, &text).ok_or_else(|| {
            let what = format!(
                "cannot {attempt} {PLACE}: it answered {} without a JSON object",
                status.as_u16()
            );
            Failure::new(FailureClass::Unavailable, Stage::Registration, what)
        })
    }
}

fn fault(error: ErrorCode) -> Fault {
    match error {
        ErrorCode::HttpRequestDenied => Fault::Address,
        _ => Fault::Down,
    }
}

fn read(key: &Key, is_stream: bool, data: &Value) -> Result<Route, Failure> {
    routing::read(key, is_stream, data)
        .map_err(|wrong| Failure::new(FailureClass::Denied, Stage::Registration, wrong.to_string()))
}

fn refused(answer: &Answer, attempt: &str) -> Failure {
    let class = match answer.is_failure() {
        true => FailureClass::Unavailable,
        false => FailureClass::Denied,
    };
    let what =
        format!("cannot {attempt} {PLACE}: {} ({})", answer.reason(), answer.status.as_u16());
    Failure::new(class, Stage::Registration, what)
}

impl fmt::Debug for Routing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Routing").finish_non_exhaustive()
    }
}
