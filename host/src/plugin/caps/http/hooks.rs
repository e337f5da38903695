//! `Hooks`: what becomes of a request that a guest sends.

use super::{
    CAPABILITY,
    body::{Incoming, Outgoing},
    errors, taped,
};
use crate::{
    driver::http::Lent,
    grants::http::Destination,
    plugin::{
        access::Access,
        tape::{Heard, Tape},
    },
};
use http::{HeaderMap, Method, Request, Response};
use http_body_util::BodyExt as _;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::time::timeout_at;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

type Done = Box<dyn Future<Output = Result<(), Error>> + Send>;
type Answer = Result<(Response<WasiBody>, Done), Error>;

/// Sends a guest's requests where its plugin's grants allow it.
pub(crate) struct Hooks {
    access: Arc<Access>,
    /// When the present call gives up.
    until: tokio::time::Instant,
    /// Whether the guest is gone: a body of its that ends then has not ended by its will.
    gone: Arc<AtomicBool>,
    /// What answers pass, if there is one.
    tape: Option<Arc<Tape>>,
}

/// A request that may be sent.
struct Call {
    access: Arc<Access>,
    destination: Destination,
    lent: Arc<Lent<Outgoing>>,
    request: Request<Outgoing>,
    until: tokio::time::Instant,
    /// How long the answer may take to begin, and to go on, where the guest says it.
    first_byte: Option<Duration>,
    between_bytes: Option<Duration>,
    heard: Heard,
}

impl Hooks {
    pub(crate) fn new(access: Arc<Access>, tape: Option<Arc<Tape>>) -> Self {
        Self { access, until: tokio::time::Instant::now(), gone: Arc::default(), tape }
    }

    /// Begins another call, whose requests are given up at this time.
    pub(crate) fn arm(&mut self, until: tokio::time::Instant) {
        self.until = until;
    }

    /// Says that the guest is gone, before what it holds is dropped.
    pub(crate) fn abandon(&self) {
        self.gone.store(true, Ordering::Release);
    }

    /// Decides a request, and counts it.
    fn begin(
        &self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        heard: Heard,
    ) -> Result<Call, Error> {
        let (mut parts, body) = request.into_parts();
        let guard = self.access.grants().http();
        let destination = guard
            .check(parts.method.as_str(), &parts.uri.to_string())
            .map_err(|refusal| errors::refused(&self.access, &refusal))?;
        let url = destination.url().as_str();
        destination
            .rate()
            .take(url.len() + size(&parts.headers), Instant::now())
            .map_err(|refusal| errors::refused(&self.access, &refusal))?;
        // What was checked is what is sent.
        parts.uri = destination.uri().clone();
        let lent = self.access.lent(&destination).map_err(|error| {
            self.access.unanswered(CAPABILITY, destination.label(), &error.chain());
            Error::ConfigurationError
        })?;
        let options = options.unwrap_or_default();
        let body = Outgoing::new(body, destination.clone(), self.gone.clone());
        Ok(Call {
            access: self.access.clone(),
            destination,
            lent,
            request: Request::from_parts(parts, body),
            until: self.until,
            first_byte: options
                .first_byte_timeout
                .map(|time| time.saturating_add(options.connect_timeout.unwrap_or_default())),
            between_bytes: options.between_bytes_timeout,
            heard,
        })
    }
}

impl Call {
    async fn send(self) -> Answer {
        let heard = self.heard.clone();
        let answer = self.ask().await;
        taped::head(&heard, answer.as_ref());
        Ok((answer?, Box::new(std::future::ready(Ok(())))))
    }

    async fn ask(self) -> Result<Response<WasiBody>, Error> {
        let Self { access, destination, lent, mut request, until, heard, .. } = self;
        let (first_byte, between_bytes) = (self.first_byte, self.between_bytes);
        let asked = tokio::time::Instant::now();
        let first_byte = first_byte.and_then(|time| asked.checked_add(time)).unwrap_or(until);
        let sent = async {
            if seldom_has_a_body(request.method()) {
                request.body_mut().begin().await?;
            }
            let answer = lent.send(request).await;
            answer.map_err(|error| errors::of_request(&access, destination.label(), &error))
        };
        let Ok(answer) = timeout_at(until.min(first_byte), sent).await else {
            let waited = humantime::format_duration(asked.elapsed()).to_string();
            let why = format!("no answer began within {waited}");
            access.unanswered(CAPABILITY, destination.label(), &why);
            return Err(Error::HttpResponseTimeout);
        };
        let (response, permit) = answer?;
        destination.rate().received(size(response.headers()), Instant::now());
        Ok(response.map(|body| {
            Incoming::new(body, permit, destination, until, between_bytes, heard).boxed_unsync()
        }))
    }
}

impl WasiHttpHooks for Hooks {
    fn set_host_header(&mut self) -> bool {
        // The client writes it, after the URL that was checked.
        false
    }

    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _read: Done,
    ) -> Box<dyn Future<Output = Answer> + Send> {
        let heard = match self.tape.clone() {
            Some(tape) if tape.answers() => {
                return Box::new(async move {
                    let response = taped::answer(&tape, request).await?;
                    Ok((response, Box::new(std::future::ready(Ok(()))) as Done))
                });
            }
            Some(tape) => taped::begin(&tape, &request),
            None => Heard::default(),
        };
        match self.begin(request, options, heard.clone()) {
            Ok(call) => Box::new(call.send()),
            Err(error) => {
                taped::head(&heard, Err(&error));
                Box::new(std::future::ready(Err(error)))
            }
        }
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        CHUNK
    }

    fn p3_outgoing_body_chunk_size(&mut self) -> usize {
        CHUNK
    }
}

/// Bytes of a body that are taken out of a guest at once.
const CHUNK: usize = 64 << 10;

/// Whether servers take a body of unknown length for a mistake: whether it has one at all is
/// waited for, then.
fn seldom_has_a_body(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::DELETE | Method::OPTIONS)
}

/// Bytes of headers, about as they are sent.
fn size(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum()
}
