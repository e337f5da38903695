//! `framedb.ObjectService`: what existing clients call, on the same port.
//!
//! Spin's runtime speaks gRPC as HTTP/2; tonic reads and writes the messages. Its generated
//! servers want futures that can change threads, which a component's cannot, so the two methods
//! are served by their paths. What the answers say is [`framedb_core::object_service`].

use super::{Asked, body};
use crate::{pipeline, worker::Worker};
use ::http::{HeaderMap, HeaderName, Request as HttpRequest, Response as HttpResponse, header};
use bytes::Bytes;
use framedb_core::{
    Arrival, DEFAULT_MAX_OBJECT, Failure, FailureClass, Key, Kind, MAX_KEY, MAX_METADATA,
    MaxObject, http::Problem, object_service as words, spin::MAX_OBJECT,
};
use http_body_util::{BodyExt as _, Full};
use messages::{GetObjectRequest, GetObjectResponse, Object, SetObjectRequest, SetObjectResponse};
use std::{future::ready, pin::Pin, rc::Rc};
use tonic::{
    Code, Request, Response, Status,
    body::Body,
    server::{Grpc, UnaryService},
};
use tonic_prost::ProstCodec;

/// The messages, as the contract has them.
#[allow(missing_docs, unreachable_pub, reason = "generated from the contract's own definition")]
mod messages {
    include!(concat!(env!("OUT_DIR"), "/framedb.rs"));
}

const SET: &str = "/framedb.ObjectService/SetObject";
const GET: &str = "/framedb.ObjectService/GetObject";

/// What a message has beside the payload and the metadata: key, id, type, field headers.
const OVERHEAD: u64 = 8 * MAX_KEY as u64 + MAX_METADATA as u64;

/// A message without fields, as it is sent: what stands for one that is too large to be read.
const EMPTY: Bytes = Bytes::from_static(&[0; 5]);

/// Whether a request is a gRPC call.
pub(super) fn is_call(asked: &Asked) -> bool {
    let kind = asked.headers.get(header::CONTENT_TYPE).map(|kind| kind.as_bytes());
    kind.is_some_and(|kind| kind.starts_with(b"application/grpc"))
}

/// Answers a call.
pub(super) async fn serve(asked: Asked) -> HttpResponse<Body> {
    trailing(answer(asked).await)
}

/// Moves a status that is in the headers behind the body. Clients look for one in the headers
/// only where no body follows, and a runtime sends them before it knows that it is empty.
fn trailing(mut response: HttpResponse<Body>) -> HttpResponse<Body> {
    let headers = response.headers_mut();
    let names = ["grpc-status", "grpc-message", "grpc-status-details-bin"];
    let names = names.map(HeaderName::from_static).into_iter();
    let moved = names.filter_map(|name| headers.remove(&name).map(|value| (name, value)));
    let trailers: HeaderMap = moved.collect();
    if trailers.is_empty() {
        return response;
    }
    response.map(|body| Body::new(body.with_trailers(ready(Some(Ok(trailers))))))
}

async fn answer(asked: Asked) -> HttpResponse<Body> {
    let path = asked.uri.path().to_owned();
    if path != SET && path != GET {
        let message = format!("there is no method {path}");
        return Status::new(Code::Unimplemented, message).into_http();
    }
    let mut opened = Worker::shared().await;
    let unknown = MaxObject { bytes: DEFAULT_MAX_OBJECT, setting: MAX_OBJECT };
    let most = opened.as_ref().map_or(unknown, |worker| worker.limits.max_object);
    let bytes = most.bytes.saturating_add(OVERHEAD);
    let Asked { uri, headers, mut body, .. } = asked;
    let read = body::read(&mut body, &HeaderMap::new(), MaxObject { bytes, ..most }).await;
    let message = match read {
        Ok(message) => message,
        Err(failure) if failure.class == FailureClass::TooLarge => {
            body::discard(&mut body).await;
            opened = Err(failure);
            EMPTY
        }
        Err(failure) => {
            return Status::new(Code::InvalidArgument, failure.message).into_http();
        }
    };
    let mut request = HttpRequest::post(uri).body(Full::new(message)).unwrap_or_default();
    *request.headers_mut() = headers;
    let size = usize::try_from(bytes).ok();
    match path.as_str() {
        SET => {
            let codec: ProstCodec<SetObjectResponse, SetObjectRequest> = ProstCodec::default();
            let mut grpc = Grpc::new(codec).apply_max_message_size_config(size, None);
            grpc.unary(Set(opened), request).await
        }
        _ => {
            let codec: ProstCodec<GetObjectResponse, GetObjectRequest> = ProstCodec::default();
            let mut grpc = Grpc::new(codec).apply_max_message_size_config(size, None);
            grpc.unary(Get(opened), request).await
        }
    }
}

/// What a method waits for; a component's futures stay on its one thread.
type Answered<T> = Pin<Box<dyn Future<Output = Result<Response<T>, Status>>>>;

/// The worker, or why nothing can be done: existing clients read that in a message, and expect
/// no failed call.
type Opened = Result<Rc<Worker>, Failure>;

struct Set(Opened);

impl UnaryService<SetObjectRequest> for Set {
    type Response = SetObjectResponse;
    type Future = Answered<SetObjectResponse>;

    fn call(&mut self, request: Request<SetObjectRequest>) -> Self::Future {
        let opened = self.0.clone();
        Box::pin(async move { Ok(Response::new(set(opened, request.into_inner()).await)) })
    }
}

struct Get(Opened);

impl UnaryService<GetObjectRequest> for Get {
    type Response = GetObjectResponse;
    type Future = Answered<GetObjectResponse>;

    fn call(&mut self, request: Request<GetObjectRequest>) -> Self::Future {
        let opened = self.0.clone();
        Box::pin(async move {
            let answer = match find(opened, &request.into_inner().key).await {
                Ok(object) => GetObjectResponse {
                    found: true,
                    object: Some(object),
                    message: words::RETRIEVED.to_owned(),
                },
                Err(message) => GetObjectResponse { found: false, object: None, message },
            };
            Ok(Response::new(answer))
        })
    }
}

async fn set(opened: Opened, request: SetObjectRequest) -> SetObjectResponse {
    let object = request.object.unwrap_or_default();
    let worker = match opened {
        Ok(worker) => worker,
        Err(Failure { message, .. }) => {
            return SetObjectResponse { success: false, message, key: object.key };
        }
    };
    let key = match object.key.trim() {
        "" => uuid::Uuid::new_v4().to_string(),
        key => key.to_owned(),
    };
    let answer = |success, message: &str, key: &str| {
        let message = words::about(message, key);
        SetObjectResponse { success, message, key: key.to_owned() }
    };
    let Ok(kind) = object.r#type.parse::<Kind>() else {
        return answer(false, &words::unsupported(&object.r#type), &key);
    };
    let arrival = Arrival {
        key: Bytes::from(key),
        kind: Some(kind),
        framedb_id: object.framedb_id,
        metadata: Bytes::from(object.metadata),
        data: object.data,
        ..Arrival::default()
    };
    let receipt = pipeline::ingest(&worker, arrival).await;
    answer(receipt.outcome.is_success(), &words::set(&receipt.outcome), &receipt.key)
}

async fn find(opened: Opened, asked: &str) -> Result<Object, String> {
    let worker = opened.map_err(|failure| failure.message)?;
    let unknown = || words::not_found(asked);
    let key = Key::new(asked).map_err(|_| unknown())?;
    let route = worker.route(&key).await.map_err(words::lookup_failed)?.ok_or_else(unknown)?;
    let room = words::room(&route, asked);
    let too_large = |what: &str| words::too_large(what, &key, route.kind);
    let failed = |problem: Problem| match problem.status() {
        ::http::StatusCode::PAYLOAD_TOO_LARGE => too_large(&problem.to_string()),
        _ => words::read_failed(problem),
    };
    let found = if route.kind == Kind::Stream {
        let element = worker.pop(&key, Some(room)).await.map_err(failed)?;
        element.map(|element| (element.data, element.route.framedb_id))
    } else {
        let found = worker.get(&key).await.map_err(failed)?;
        found.map(|found| (found.data, found.framedb_id))
    };
    let (data, framedb_id) = found.ok_or_else(|| words::no_data(asked))?;
    if data.len() > room {
        return Err(too_large(&format!("`{key}` has {} bytes", data.len())));
    }
    Ok(Object {
        key: asked.to_owned(),
        framedb_id: (*framedb_id).to_owned(),
        data,
        metadata: words::metadata(&route),
        r#type: route.kind.as_str().to_owned(),
    })
}
