//! `Application`: a component that answers HTTP, compiled, linked and ready.

use super::instances::Instances;
use crate::{
    Error, ErrorKind, Result,
    driver::Disks,
    grants::Addresses,
    plugin::{
        access::Access,
        caps,
        component::compile,
        config::Limits,
        engine::Engine,
        environment::Environment,
        failure::Broken,
        inspect::{Inspection, Offered},
        secrets::Secrets,
        state::Guest,
    },
    telemetry::Telemetry,
};
use bytes::Bytes;
use bytesize::ByteSize;
use http::{HeaderValue, Request, Response, StatusCode, Uri, header::HOST, uri::Scheme};
use http_body::Body;
use http_body_util::{BodyExt as _, combinators::UnsyncBoxBody};
use std::{collections::BTreeMap, fmt, path::PathBuf, sync::Arc};
use tokio::sync::Semaphore;
use wasmtime::component::Linker;
use wasmtime_wasi_http::{Error as HttpError, WasiBody, handler::ProxyHandler};

/// The interface that answers requests.
const HANDLER: &str = "wasi:http/handler@0.3.";

/// What stages share: types only, which whoever uses them brings along.
const TYPES: &str = "framedb:edge/types@";

/// Bytes of the headers of one request or answer: metadata has up to 64 KiB, three times as much
/// when it is percent-encoded.
const HEADER_BYTES: usize = 1 << 20;

/// Bytes of an instance's memories.
const MEMORY: ByteSize = ByteSize::gib(2);

/// Requests at once; more wait for their turn.
const REQUESTS: usize = 1024;

/// A component and what it is given, as a manifest of Spin says it.
#[derive(Clone, Default)]
pub struct Component {
    /// What it is called in the log.
    pub name: String,
    /// Its variables, resolved.
    pub variables: BTreeMap<String, String>,
    /// Those of its variables whose values no log shows.
    pub secrets: Vec<String>,
    /// Where it may connect, and which stores it may open.
    pub addresses: Addresses,
    /// The directory that keeps its key-value stores.
    pub data: PathBuf,
}

/// A component that answers HTTP, compiled, linked and ready.
pub struct Application {
    name: Arc<str>,
    handler: ProxyHandler<Instances>,
    /// Permits for requests under way.
    room: Semaphore,
    _engine: Engine,
}

/// The body of an answer, which comes while it is read.
pub type AnswerBody = UnsyncBoxBody<Bytes, Box<dyn std::error::Error + Send + Sync>>;

impl Application {
    /// Compiles a component whose dependencies are composed in, and links what it imports.
    ///
    /// # Errors
    ///
    /// When it is no component, exports no handler of HTTP, or imports what Spin does not offer.
    pub async fn load(engine: &Engine, bytes: Bytes, component: Component) -> Result<Self> {
        let Component { name, variables, secrets, addresses, data } = component;
        let compiled = compile(engine, &name, &bytes).await?;
        check(&Inspection::of(engine, &compiled), &name)?;
        let failed = |source: wasmtime::Error| {
            Error::new(ErrorKind::Plugin, format!("cannot link the component `{name}`"))
                .with_source(source.into_boxed_dyn_error())
        };
        let mut linker = Linker::new(engine.wasmtime());
        caps::add_to_linker(&mut linker).map_err(failed)?;
        let linked = linker.instantiate_pre(&compiled).map_err(failed)?;
        let disks = Arc::new(Disks::new(data));
        let environment = Environment::new(&BTreeMap::new(), Telemetry::default(), disks);
        let access = Access::to_addresses(name.as_str().into(), addresses, &environment);
        let guest = Guest {
            name: name.as_str().into(),
            secrets: Arc::new(Secrets::of(&variables, &secrets)),
            settings: Arc::new(variables),
            access: Arc::new(access),
            limits: Limits {
                memory: MEMORY,
                table_elements: Engine::MAX_TABLE_ELEMENTS,
                ..Limits::default()
            },
            headers: HEADER_BYTES,
            epochs: engine.epochs(),
        };
        let instances = Instances::new(guest, linked).map_err(failed)?;
        Ok(Self {
            handler: ProxyHandler::new(instances),
            name: name.into(),
            room: Semaphore::new(REQUESTS),
            _engine: engine.clone(),
        })
    }

    /// Answers a request. A component that fails is answered for with an empty 500, as on Spin.
    pub async fn answer<B>(&self, request: Request<B>) -> Response<AnswerBody>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: fmt::Display,
    {
        // Never closed.
        let _permit = self.room.acquire().await.ok();
        let request = absolute(request.map(|body| {
            body.map_err(|error| HttpError::InternalError(Some(error.to_string()))).boxed_unsync()
        }));
        match self.handler.handle((), request).await {
            Ok(response) => response.map(|body| body.map_err(Into::into).boxed_unsync()),
            Err(error) => {
                let broken = Broken::classify(error, 0, None);
                let component = &*self.name;
                tracing::error!(component, error = %broken, "a request has no answer");
                let empty = http_body_util::Empty::new().map_err(|never| match never {});
                let mut response = Response::new(empty.boxed_unsync());
                *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
                response
            }
        }
    }
}

/// Refuses a component that Spin would not run.
fn check(inspection: &Inspection, name: &str) -> Result<()> {
    let missing: Vec<_> = inspection
        .imports
        .iter()
        .filter(|(import, offered)| {
            let own = import.starts_with("framedb:") && !import.starts_with(TYPES);
            *offered == Offered::No || own
        })
        .map(|(import, _)| format!("`{import}`"))
        .collect();
    if !missing.is_empty() {
        let what = format!("the component `{name}` imports {}", missing.join(", "));
        return Err(Error::new(ErrorKind::Plugin, format!("{what}, which Spin does not offer"))
            .with_hint("imports of stages are filled in by `framedb compose`"));
    }
    if !inspection.exports.iter().any(|export| export.starts_with(HANDLER)) {
        let what = format!("the component `{name}` does not export `{HANDLER}x`");
        return Err(Error::new(ErrorKind::Plugin, what)
            .with_hint("a component that answers HTTP is built with spin-sdk 7 or later"));
    }
    Ok(())
}

/// The request with the whole URL that it was sent to, which HTTP/1.1 has in a header.
fn absolute(mut request: Request<WasiBody>) -> Request<WasiBody> {
    let mut parts = request.uri().clone().into_parts();
    parts.scheme.get_or_insert(Scheme::HTTP);
    if parts.authority.is_none() {
        let host = request.headers().get(HOST).and_then(|host: &HeaderValue| host.to_str().ok());
        parts.authority = host.and_then(|host| host.parse().ok());
    }
    if parts.authority.is_none() {
        parts.scheme = None;
    }
    if let Ok(uri) = Uri::from_parts(parts) {
        *request.uri_mut() = uri;
    }
    request
}

impl fmt::Debug for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Variables hold passwords.
        f.debug_struct("Component")
            .field("name", &self.name)
            .field("variables", &self.variables.keys())
            .field("addresses", &self.addresses)
            .field("data", &self.data)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Application {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Application").field("name", &self.name).finish_non_exhaustive()
    }
}
